"""Bans: who may not come in, why and for how long, as one member of staff proposed it and another approved it.

Nobody consents to being on this list, so what it holds is as little as it takes, and ends by itself: a ban has a
reason of a fixed list, a period, and a date by which somebody has to look at it again. When it ends, for whatever
reason, its photos, templates, name and story go with its key, and the row stays as a receipt.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, LargeBinary, String, and_, or_, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound

OPEN = "ended_at is null"
STORY_MAX = 500


class Reason(StrEnum):
    """What somebody did, and never what they are."""

    THEFT = "theft"
    VIOLENCE = "violence"
    THREAT = "threat"
    FRAUD = "fraud"
    COURT_ORDER = "court_order"
    OTHER = "other"


class Ending(StrEnum):
    REJECTED = "rejected"  # proposed, and not approved
    UNANSWERED = "unanswered"  # proposed, and nobody decided
    LIFTED = "lifted"
    LAPSED = "lapsed"  # its period is over
    UNREVIEWED = "unreviewed"  # nobody looked at it again in time
    APPEAL_UPHELD = "appeal_upheld"


OnHit = Literal["ask", "refuse"]


def _one_of(column: str, values: type[StrEnum]) -> str:
    return f"{column} in ({', '.join(repr(each.value) for each in values)})"


class Ban(Identified, Base):
    """Proposed, then in force, then ended: in one store, or everywhere, where it has to be.

    `story` is what happened, in staff's words. `gallery_version` says when its templates last changed: 0, where it
    never was in force.
    """

    __tablename__ = "ban"
    __table_args__ = (
        CheckConstraint(_one_of("reason", Reason), name="reason_known"),
        CheckConstraint(_one_of("ending", Ending), name="ending_known"),
        CheckConstraint("on_hit in ('ask', 'refuse')", name="on_hit_known"),
        CheckConstraint("approved_by <> proposed_by", name="two_persons"),
        CheckConstraint("num_nulls(approved_by, approved_at, review_at, lapses_at) in (0, 4)", name="approved_whole"),
        CheckConstraint("review_days between 1 and days", name="reviewed_in_time"),
        CheckConstraint("num_nulls(ended_at, ended_by, ending) in (0, 3)", name="ended_for_a_reason"),
        CheckConstraint(
            "num_nulls(story, wrapped_key, key_id) = case when ended_at is null then 0 else 3 end"
            " and (ended_at is null or name is null)",
            name="erased_when_ended",
        ),
        Index("ix_ban_lapses", "lapses_at", postgresql_where=text(OPEN)),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), index=True)  # where it happened
    everywhere: Mapped[bool]
    name: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[Reason] = mapped_column(String(16))
    story: Mapped[str | None] = mapped_column(String(STORY_MAX))
    on_hit: Mapped[OnHit] = mapped_column(String(8))
    days: Mapped[int]
    review_days: Mapped[int]
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("staff_account.id"))
    proposed_at: Mapped[datetime]
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_account.id"))
    approved_at: Mapped[datetime | None]
    review_at: Mapped[datetime | None]
    review_asked_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]  # last
    reviewed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_account.id"))
    lapses_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(80))
    ending: Mapped[Ending | None] = mapped_column(String(16))
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_id: Mapped[str | None] = mapped_column(String(16), index=True)
    gallery_version: Mapped[int] = mapped_column(server_default="0", index=True)

    @property
    def status(self) -> Literal["proposed", "in_force", "ended"]:
        if self.ended_at is not None:
            return "ended"
        return "proposed" if self.approved_at is None else "in_force"


class BanFace(Identified, Base):
    """One photo of whoever is banned, and its template, both sealed under the ban's key."""

    __tablename__ = "ban_face"

    ban_id: Mapped[UUID] = mapped_column(ForeignKey("ban.id"), index=True)
    pack: Mapped[str] = mapped_column(String(100))
    sealed_template: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_photo: Mapped[bytes] = mapped_column(LargeBinary)
    embedding_norm: Mapped[float]  # before normalising: its weight
    created_at: Mapped[datetime]


class BanNotFound(NotFound):
    """There is no ban with this id."""

    code = "ban_not_found"
    title = "No such ban"


class BanNotProposed(Conflict):
    """The ban doesn't wait for approval: it was approved, or has ended."""

    code = "ban_not_proposed"
    title = "Ban not proposed"


class BanNotInForce(Conflict):
    """The ban is not in force: nobody has approved it, or it has ended."""

    code = "ban_not_in_force"
    title = "Ban not in force"


def in_force(now: datetime) -> ColumnElement[bool]:
    """A ban whose period is over stops nobody, whether it was erased yet or not."""
    return and_(Ban.approved_at.is_not(None), Ban.ended_at.is_(None), Ban.lapses_at > now)


def applies_in(store_id: UUID) -> ColumnElement[bool]:
    return or_(Ban.everywhere, Ban.store_id == store_id)


async def get_ban(session: AsyncSession, ban_id: UUID, *, lock: bool = False) -> Ban:
    """Raises BanNotFound."""
    ban = await session.get(Ban, ban_id, with_for_update=lock or None, populate_existing=lock)
    if ban is None:
        raise BanNotFound("There is no ban with this id.")
    return ban
