"""Consent to profiling: that what a member looks at may be kept as theirs. Apart from the one to face recognition."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict
from facepay.members.consents import PolicyOutdated
from facepay.recommender.preferences import Preference
from facepay.recommender.verdicts import forget_all_said
from facepay.settings import Settings


class ProfilingConsent(Identified, Base):
    """`evidence_since` is from when on looks count: later than `accepted_at` where the member had all deleted since."""

    __tablename__ = "profiling_consent"
    __table_args__ = (
        Index("uq_profiling_consent_standing", "member_id", unique=True, postgresql_where=text("withdrawn_at is null")),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), index=True)
    policy_version: Mapped[str] = mapped_column(String(40))
    accepted_at: Mapped[datetime]
    evidence_since: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class ProfilingOff(Conflict):
    """The shop keeps nobody's taste (FACEPAY_PROFILING)."""

    code = "profiling_off"
    title = "Profiling is off"


async def agree(
    session: AsyncSession, *, member_id: UUID, policy_version: str, settings: Settings, now: datetime
) -> ProfilingConsent:
    """To the policy in force; repeating it changes nothing. The caller holds the member's row.

    Raises ProfilingOff and PolicyOutdated.
    """
    if not settings.profiling:
        raise ProfilingOff("Nobody's taste is kept here.")
    current = settings.profiling_policy_version
    if policy_version != current:
        raise PolicyOutdated("Consent has to be to the policy in force.", current_version=current)
    standing = await standing_agreement(session, member_id=member_id)
    if standing is not None and standing.policy_version == policy_version:
        return standing
    since = now
    if standing is not None:  # what was inferred under the one before stays
        since, standing.withdrawn_at = standing.evidence_since, now
        await session.flush()
    consent = ProfilingConsent(
        member_id=member_id, policy_version=policy_version, accepted_at=now, evidence_since=since
    )
    session.add(consent)
    await session.flush()
    return consent


async def withdraw_agreement(session: AsyncSession, *, member_id: UUID, now: datetime) -> bool:
    """End it, where there is one, and delete all that was inferred and wished for. The caller holds the member's row,
    so that no look comes after.
    """
    standing = await standing_agreement(session, member_id=member_id)
    if standing is not None:
        standing.withdrawn_at = now
        await session.flush()
    await session.execute(delete(Preference).where(Preference.member_id == member_id))
    await forget_all_said(session, member_id=member_id)
    return standing is not None


async def standing_agreement(session: AsyncSession, *, member_id: UUID) -> ProfilingConsent | None:
    query = select(ProfilingConsent).where(
        ProfilingConsent.member_id == member_id, ProfilingConsent.withdrawn_at.is_(None)
    )
    return (await session.scalars(query)).one_or_none()


async def who_agreed(session: AsyncSession, *, member_ids: Collection[UUID], before: datetime) -> set[UUID]:
    """Those of these members who had agreed by then, and still do."""
    found = await session.scalars(
        select(ProfilingConsent.member_id).where(
            ProfilingConsent.member_id.in_(member_ids),
            ProfilingConsent.withdrawn_at.is_(None),
            ProfilingConsent.evidence_since <= before,
        )
    )
    return set(found)
