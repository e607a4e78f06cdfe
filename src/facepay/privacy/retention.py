"""How long people are kept: a face until its consent has run out, or its member was not seen for as long as the law
allows; a visitor some weeks longer than their invitation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.holders import Holder
from facepay.checkout.orders import Order
from facepay.entrance.visits import Visit
from facepay.kernel.database import Database, drop_rows
from facepay.kernel.errors import Conflict
from facepay.kernel.jurisdictions import LAWS, Jurisdiction, idle_days
from facepay.members.biometric_uses import BiometricUse
from facepay.members.consents import Consent
from facepay.members.members import Member, MemberNotFound, MemberStatus, get_member
from facepay.privacy.erasure import erase_face, erase_member
from facepay.privacy.receipts import Reason, Signer
from facepay.settings import Settings
from facepay.templates.templates import TemplateKey

log = structlog.get_logger()
PORTION = 5_000
ACTOR = "system:retention"
# Filing takes weeks to prepare; it is due 30 working days after the number is reached.
FILING_NEAR = 0.9

# Whatever a member does in a shop leaves a visit, an order or a use of their face behind.
_DUE = text("""
    with page as materialized (
        select c.id, c.member_id, l.code, c.expires_at <= :now as ended, l.seen_since
          from consent c
          join unnest(cast(:jurisdictions as text[]), cast(:instants as timestamptz[])) l (code, seen_since)
            on l.code = coalesce(c.jurisdiction, :jurisdiction)
         where c.withdrawn_at is null and (c.expires_at <= :now or c.accepted_at < l.seen_since)
           and c.id > :after and c.member_id = coalesce(:only, c.member_id)
         order by c.id limit :portion
    )
    select id, member_id, code, case when ended then 'ended'
        when exists (select from template_key k where k.member_id = page.member_id and k.wrapped_key is not null)
         and not exists (select from template t where t.member_id = page.member_id and t.created_at >= seen_since)
         and not exists (select from visit v where v.member_id = page.member_id
                          and coalesce(v.left_at, v.entered_at) >= seen_since)
         and not exists (select from shop_order o where o.member_id = page.member_id and o.created_at >= seen_since)
         and not exists (select from biometric_use u where u.member_id = page.member_id and u.used_at >= seen_since
                          and u.use in ('recognised', 'verified', 'stepped_up'))
        then 'idle' end as why
      from page order by id
""")
_PEOPLE = text("""
    select coalesce(c.jurisdiction, :jurisdiction), count(*)
      from template_key k join consent c on c.member_id = k.member_id and c.withdrawn_at is null
     where k.wrapped_key is not null group by 1
""")


@dataclass(frozen=True, slots=True)
class Due:
    """A member whose face is to be erased, and why: the consent ran out, or they were not seen for too long."""

    member_id: UUID
    jurisdiction: Jurisdiction
    why: Literal["ended", "idle"]


async def faces_due(database: Database, *, settings: Settings, now: datetime) -> AsyncIterator[Due]:
    """Everybody whose face is due, read in portions."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        async with database.read() as session:
            due, after = await _portion(session, settings, now, after=after)
        for each in due:
            yield each


async def retain(
    database: Database, *, settings: Settings, signer: Signer, now: datetime, erasures_max: int | None = None
) -> int:
    """Erase the faces that are due, one member a transaction, each with a receipt; answers how many."""
    erased = 0
    async for due in faces_due(database, settings=settings, now=now):
        if erased == erasures_max:
            break
        erased += await _erase_if_due(database, due.member_id, settings, signer, now)
    return erased


async def forget_visitors(database: Database, *, settings: Settings, signer: Signer, now: datetime) -> int:
    """Erase members who were visitors and never customers, some time after their last visit; answers how many.

    Who is blocked is kept, and so is who has money left or is inside as far as the doors know: that is for staff.
    """
    async with database.read() as session:
        due = list(await session.scalars(_past_visitors(settings, now)))
    return sum([await _forget_if_due(database, member_id, settings, signer, now) for member_id in due])


async def _forget_if_due(
    database: Database, member_id: UUID, settings: Settings, signer: Signer, now: datetime
) -> bool:
    """Asked again behind the member's lock: they may be here again."""
    try:
        async with database.begin() as session:
            await get_member(session, member_id, lock=True)
            if await session.scalar(_past_visitors(settings, now).where(Member.id == member_id)) is None:
                return False
            await erase_member(
                session,
                member_id=member_id,
                forfeit=False,
                signer=signer,
                actor=ACTOR,
                now=now,
                reason=Reason.RETENTION,
            )
    except (MemberNotFound, Conflict):
        return False
    return True


def _past_visitors(settings: Settings, now: datetime) -> Select[UUID]:
    customers = (
        (Consent.member_id == Member.id) & Consent.withdrawn_at.is_(None),
        Visit.member_id == Member.id,
        Order.member_id == Member.id,
    )
    return (
        select(Member.id)
        .join(Holder, Holder.member_id == Member.id)
        .where(
            Holder.kind == "visitor",
            Holder.valid_until <= now - timedelta(days=settings.visitor_kept_days),
            Holder.blocked_at.is_(None),
            Member.status == MemberStatus.ACTIVE,
            Member.phone.is_(None),
            *(~exists().where(each) for each in customers),
        )
        .order_by(Member.id)
    )


async def _erase_if_due(database: Database, member_id: UUID, settings: Settings, signer: Signer, now: datetime) -> bool:
    """Asked again behind the member's lock: they may have come in since."""
    async with database.begin() as session:
        try:
            await get_member(session, member_id, lock=True)
        except MemberNotFound:
            return False
        due, _ = await _portion(session, settings, now, after=UUID(int=0), only=member_id)
        if due:
            await erase_face(session, member_id=member_id, reason=Reason.RETENTION, signer=signer, actor=ACTOR, now=now)
    return bool(due)


async def _portion(
    session: AsyncSession, settings: Settings, now: datetime, *, after: UUID, only: UUID | None = None
) -> tuple[list[Due], UUID | None]:
    """Who is due among the next consents, and where to go on; None behind the last one."""
    days = {jurisdiction: idle_days(jurisdiction, own_max=settings.face_idle_days_max) for jurisdiction in Jurisdiction}
    parameters = {
        "jurisdiction": settings.jurisdiction,
        "jurisdictions": list(days),
        "instants": [now - timedelta(days=most) for most in days.values()],
        "now": now,
        "after": after,
        "only": only,
        "portion": PORTION,
    }
    rows = (await session.execute(_DUE, parameters)).all()
    due = [Due(row.member_id, Jurisdiction(row.code), row.why) for row in rows if row.why]
    return due, rows[-1].id if len(rows) == PORTION else None


async def forget_uses(database: Database, *, settings: Settings, now: datetime) -> int:
    """Drop what is older than the trail is kept; answers how many."""
    before = now - timedelta(days=settings.biometric_uses_kept_days)
    return await drop_rows(database, BiometricUse, BiometricUse.used_at < before)


async def enrolled_people(session: AsyncSession) -> int:
    """How many people have a face enrolled, whichever pack made it."""
    return await session.scalar(select(func.count()).where(TemplateKey.wrapped_key.is_not(None))) or 0


async def enrolled_by_jurisdiction(session: AsyncSession, *, settings: Settings) -> dict[Jurisdiction, int]:
    """The same, by whose law they gave their consent under."""
    rows = await session.execute(_PEOPLE, {"jurisdiction": settings.jurisdiction})
    return {Jurisdiction(jurisdiction): people for jurisdiction, people in rows}


def ending_consents(*, settings: Settings, now: datetime) -> ColumnElement[bool]:
    """Consents that run out soon enough to be worth a word to their members."""
    until = now + timedelta(days=settings.consent_warning_days)
    return Consent.withdrawn_at.is_(None) & (Consent.expires_at > now) & (Consent.expires_at <= until)


async def warn_of_filing(database: Database, *, settings: Settings) -> None:
    """A line in the log where the number of people enrolled nears the one at which a jurisdiction asks for a filing."""
    async with database.read() as session:
        people = await enrolled_by_jurisdiction(session, settings=settings)
    for jurisdiction, limit in filings_near(people).items():
        log.warning("filing_near", jurisdiction=jurisdiction, enrolled_people=people[jurisdiction], filing_people=limit)


def filings_near(people: Mapping[Jurisdiction, int]) -> dict[Jurisdiction, int]:
    """The jurisdictions where a filing is due or nearly so, with the number at which it is."""
    limits = {jurisdiction: LAWS[jurisdiction].filing_people for jurisdiction in people}
    return {
        jurisdiction: limit
        for jurisdiction, limit in limits.items()
        if limit and people[jurisdiction] >= FILING_NEAR * limit
    }
