"""Appeals: somebody says that a ban is wrong, and a third person decides. Upheld, the ban ends and is erased."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.watchlist.bans import BanNotInForce, get_ban
from facepay.watchlist.kinds import BAN_APPEALED

WORDS_MAX = 2_000
A_DAY = timedelta(days=1)


class BanAppeal(Identified, Base):
    """`words` are the person's own, as staff took them down; they and the `finding` go with the ban.

    Who proposed and who approved the ban stands here too, so that the database keeps both from deciding.
    """

    __tablename__ = "ban_appeal"
    __table_args__ = (
        CheckConstraint("num_nulls(decided_by, decided_at, upheld) in (0, 3)", name="decided_whole"),
        CheckConstraint("decided_by not in (proposed_by, approved_by)", name="third_person"),
        Index("uq_ban_appeal_open", "ban_id", unique=True, postgresql_where=text("decided_at is null")),
    )

    ban_id: Mapped[UUID] = mapped_column(ForeignKey("ban.id"), index=True)
    proposed_by: Mapped[UUID]
    approved_by: Mapped[UUID]
    words: Mapped[str | None] = mapped_column(String(WORDS_MAX))
    received_on: Mapped[date]
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("staff_account.id"))
    recorded_at: Mapped[datetime]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_account.id"))
    decided_at: Mapped[datetime | None]
    upheld: Mapped[bool | None]
    finding: Mapped[str | None] = mapped_column(String(500))


class AppealNotFound(NotFound):
    """No appeal with this id waits for a decision."""

    code = "appeal_not_found"
    title = "No such appeal"


class AppealNotYetMade(Problem):
    """An appeal can't be of a day that is yet to come."""

    status = 422
    code = "appeal_not_yet_made"
    title = "Appeal not yet made"


class AppealOpen(Conflict):
    """An appeal against this ban waits for its decision."""

    code = "appeal_open"
    title = "Appeal open"


class NotForYou(Conflict):
    """Whoever proposed or approved a ban doesn't decide about an appeal against it."""

    code = "third_person_needed"
    title = "Third person needed"


async def record_appeal(
    session: AsyncSession, *, ban_id: UUID, words: str, received_on: date, staff_id: UUID, now: datetime
) -> BanAppeal:
    """Raises BanNotFound, BanNotInForce, AppealNotYetMade and AppealOpen."""
    if received_on > now.date() + A_DAY:  # it may be tomorrow already where it was made
        raise AppealNotYetMade("The appeal is of a day that is yet to come.")
    ban = await get_ban(session, ban_id, lock=True)
    if ban.status != "in_force" or ban.approved_by is None:
        raise BanNotInForce("Only a ban that is in force can be appealed against.")
    if await session.scalar(select(BanAppeal.id).where(BanAppeal.ban_id == ban_id, BanAppeal.decided_at.is_(None))):
        raise AppealOpen("An appeal against this ban waits for its decision.")
    appeal = BanAppeal(
        ban_id=ban_id,
        proposed_by=ban.proposed_by,
        approved_by=ban.approved_by,
        words=words,
        received_on=received_on,
        recorded_by=staff_id,
        recorded_at=now,
    )
    session.add(appeal)
    await session.flush()
    await raise_alert(
        session,
        BAN_APPEALED,
        store_id=ban.store_id,
        subject=str(appeal.id),
        now=now,
        evidence=Evidence("ban", ban.id),
    )
    return appeal
