"""What is held, and what is due, at a glance: for the API and for `facepay privacy status`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import func, select

from facepay.kernel.database import Database
from facepay.kernel.jurisdictions import LAWS, idle_days
from facepay.members.consents import Consent
from facepay.privacy.receipts import Signer
from facepay.privacy.retention import ending_consents, enrolled_by_jurisdiction, faces_due
from facepay.privacy.schemas import JurisdictionStatus, PrivacyStatus
from facepay.settings import Settings


async def privacy_status(database: Database, *, settings: Settings, signer: Signer, now: datetime) -> PrivacyStatus:
    """Only jurisdictions that have somebody enrolled, and the chain's own."""
    async with database.read() as session:
        people = await enrolled_by_jurisdiction(session, settings=settings)
        soon = select(func.count()).select_from(Consent).where(ending_consents(settings=settings, now=now))
        ending = await session.scalar(soon) or 0
    due = Counter([(each.jurisdiction, each.why) async for each in faces_due(database, settings=settings, now=now)])
    return PrivacyStatus(
        enrolled_people=sum(people.values()),
        consents_ended=sum(count for (_, why), count in due.items() if why == "ended"),
        consents_ending=ending,
        jurisdictions=[
            JurisdictionStatus(
                jurisdiction=jurisdiction,
                law=law.law,
                rule=law.rule,
                source=law.source,
                idle_days=idle_days(jurisdiction, own_max=settings.face_idle_days_max),
                enrolled_people=people.get(jurisdiction, 0),
                filing_people=law.filing_people,
                idle=due[jurisdiction, "idle"],
            )
            for jurisdiction, law in LAWS.items()
            if jurisdiction in people or jurisdiction == settings.jurisdiction
        ],
        public_key=signer.public_key,
    )
