"""Consent to face recognition: given to one policy version, withdrawn at any time, never deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, SQLColumnExpression, String, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, Forbidden
from facepay.kernel.jurisdictions import Jurisdiction
from facepay.members.members import Member
from facepay.settings import Settings


class Consent(Identified, Base):
    __tablename__ = "consent"
    __table_args__ = (
        Index("uq_consent_standing", "member_id", unique=True, postgresql_where=text("withdrawn_at is null")),
        Index("ix_consent_expires_at", "expires_at", postgresql_where=text("withdrawn_at is null")),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), index=True)
    policy_version: Mapped[str] = mapped_column(String(40))
    jurisdiction: Mapped[str | None] = mapped_column(String(8))  # whose law it was given under; null: the chain's
    keeps_photo: Mapped[bool] = mapped_column(server_default="false")  # the member lets enrolment photos be kept
    accepted_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]

    def runs_out_before(self, instant: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= instant


class ConsentRequired(Forbidden):
    """The member has not agreed to face recognition."""

    code = "consent_required"
    title = "Consent required"


class PolicyOutdated(Conflict):
    """The policy that was agreed to is not the one in force."""

    code = "policy_outdated"
    title = "Policy outdated"


def in_force(now: datetime | SQLColumnExpression[datetime]) -> ColumnElement[bool]:
    """As part of another query's condition: neither withdrawn nor run out."""
    return Consent.withdrawn_at.is_(None) & or_(Consent.expires_at.is_(None), Consent.expires_at > now)


async def standing_consent(session: AsyncSession, *, member_id: UUID) -> Consent | None:
    """The consent in force, if there is one."""
    found = await session.scalars(select(Consent).where(Consent.member_id == member_id, Consent.withdrawn_at.is_(None)))
    return found.one_or_none()


async def standing_consents(session: AsyncSession, *, member_ids: list[UUID]) -> dict[UUID, Consent]:
    """The consents in force, by member."""
    found = await session.scalars(
        select(Consent).where(Consent.member_id.in_(member_ids), Consent.withdrawn_at.is_(None))
    )
    return {consent.member_id: consent for consent in found}


async def require_consent(session: AsyncSession, *, member_id: UUID, now: datetime) -> Consent:
    """The consent in force, which has not run out. Raises ConsentRequired."""
    consent = await standing_consent(session, member_id=member_id)
    if consent is None or consent.runs_out_before(now):
        raise ConsentRequired("The member has not agreed to face recognition, or for a time that is over.")
    return consent


async def give_consent(
    session: AsyncSession,
    *,
    member_id: UUID,
    policy_version: str,
    now: datetime,
    jurisdiction: Jurisdiction | None = None,
    keeps_photo: bool = False,
    lasts: timedelta | None = None,
    renewed_within: timedelta = timedelta(),
) -> Consent:
    """Agree to a policy version, for as long as it lasts; an earlier consent to another version ends with it.

    One to the same version stands, unless it runs out within `renewed_within` or says otherwise of photos: then it
    is given anew. The caller holds the member's row lock, so that two consents can't both be in force.
    """
    standing = await standing_consent(session, member_id=member_id)
    if standing is not None:
        same = (standing.policy_version, standing.keeps_photo) == (policy_version, keeps_photo)
        if same and not standing.runs_out_before(now + renewed_within):
            return standing
        standing.withdrawn_at = now
        await session.flush()
    consent = Consent(
        member_id=member_id,
        policy_version=policy_version,
        jurisdiction=jurisdiction,
        keeps_photo=keeps_photo,
        accepted_at=now,
        expires_at=now + lasts if lasts else None,
    )
    session.add(consent)
    await session.flush()
    return consent


async def record_consent(
    session: AsyncSession,
    *,
    member: Member,
    policy_version: str,
    jurisdiction: Jurisdiction | None,
    keeps_photo: bool,
    settings: Settings,
    now: datetime,
) -> Consent:
    """`give_consent`, to the policy in force and to no other. Raises PolicyOutdated."""
    current = settings.consent_policy_version
    if policy_version != current:
        raise PolicyOutdated("Consent has to be to the policy in force.", current_version=current)
    days = settings.consent_lasts_days
    return await give_consent(
        session,
        member_id=member.id,
        policy_version=policy_version,
        jurisdiction=jurisdiction,
        keeps_photo=keeps_photo,
        lasts=timedelta(days=days) if days else None,
        renewed_within=timedelta(days=settings.consent_warning_days),
        now=now,
    )


async def withdraw_consent(session: AsyncSession, *, member_id: UUID, now: datetime) -> Consent | None:
    """End the consent in force, if there is one."""
    consent = await standing_consent(session, member_id=member_id)
    if consent is not None:
        consent.withdrawn_at = now
        await session.flush()
    return consent
