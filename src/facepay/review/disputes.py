"""Disputes: a member, or staff, say that a gate, a kiosk or a lane took the wrong decision."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, exists, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.ids import new_id
from facepay.members.members import holding

Kind = Literal["gate_attempt", "checkout", "passage"]
SaidBy = Literal["member", "staff"]
Verdict = Literal["right", "wrong"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# At most one that is open or was found wrong; a decision that was found right may be disputed again.
STANDING = text("verdict is distinct from 'right'")


class Dispute(Identified, Base):
    """`member_id` is whom the decision was on. Who it really was, if a member, stands in the pair of lookalikes."""

    __tablename__ = "dispute"
    __table_args__ = (
        CheckConstraint("num_nonnulls(gate_attempt_id, checkout_id, passage_id) = 1", name="one_decision"),
        CheckConstraint("said_by in ('member', 'staff')", name="said_by_known"),
        CheckConstraint("verdict in ('right', 'wrong')", name="verdict_known"),
        CheckConstraint("num_nulls(verdict, note, resolved_at, resolved_by) in (0, 4)", name="resolved_whole"),
        Index("uq_dispute_gate_attempt_id", "gate_attempt_id", unique=True, postgresql_where=STANDING),
        Index("uq_dispute_checkout_id", "checkout_id", unique=True, postgresql_where=STANDING),
        Index("uq_dispute_passage_id", "passage_id", unique=True, postgresql_where=STANDING),
        Index("ix_dispute_open", "id", postgresql_where=text("verdict is null")),
    )

    gate_attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("gate_attempt.id"), index=True)
    checkout_id: Mapped[UUID | None] = mapped_column(ForeignKey("checkout.id"), index=True)
    passage_id: Mapped[UUID | None] = mapped_column(ForeignKey("passage.id"), index=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), index=True)
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"), index=True)
    reason: Mapped[str] = mapped_column(String(200))
    said_by: Mapped[str] = mapped_column(String(8))
    opened_at: Mapped[datetime]
    opened_by: Mapped[UUID] = mapped_column(ForeignKey("staff_account.id"))
    verdict: Mapped[str | None] = mapped_column(String(8))
    note: Mapped[str | None] = mapped_column(String(200))
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_account.id"))
    consequences: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey("refund.id"))
    lookalike_id: Mapped[UUID | None] = mapped_column(ForeignKey("lookalike.id", ondelete="SET NULL"), index=True)

    @property
    def kind(self) -> Kind:
        return next(kind for kind in KINDS if getattr(self, f"{kind}_id") is not None)

    @property
    def decision_id(self) -> UUID:
        decision_id: UUID = getattr(self, f"{self.kind}_id")  # the database holds each dispute to one decision
        return decision_id


def decision_column(kind: Kind) -> InstrumentedAttribute[UUID | None]:
    """Of a dispute, which points at a decision of this kind."""
    column: InstrumentedAttribute[UUID | None] = getattr(Dispute, f"{kind}_id")
    return column


class DisputeNotFound(NotFound):
    """There is no dispute with this id."""

    code = "dispute_not_found"
    title = "No such dispute"


class AlreadyDisputed(Conflict):
    """The decision is disputed already, or was found wrong."""

    code = "already_disputed"
    title = "Already disputed"


async def dispute(
    session: AsyncSession,
    *,
    kind: Kind,
    decision_id: UUID,
    store_id: UUID,
    member_id: UUID | None,
    reason: str,
    said_by: SaidBy,
    staff_id: UUID,
    now: datetime,
) -> Dispute:
    """Raises AlreadyDisputed."""
    opened: Dispute | None = await session.scalar(
        insert(Dispute)
        .values(
            id=new_id(),
            **{f"{kind}_id": decision_id},
            store_id=store_id,
            member_id=member_id,
            reason=reason,
            said_by=said_by,
            opened_at=now,
            opened_by=staff_id,
        )
        .on_conflict_do_nothing()
        .returning(Dispute)
    )
    if opened is None:
        raise AlreadyDisputed("This decision is disputed already, or was found wrong.")
    return opened


async def get_dispute(session: AsyncSession, dispute_id: UUID, *, lock: bool = False) -> Dispute:
    """Raises DisputeNotFound."""
    found = await session.get(Dispute, dispute_id, with_for_update=lock or None, populate_existing=True)
    if found is None:
        raise DisputeNotFound("There is no dispute with this id.")
    return found


async def found_right_before(session: AsyncSession, dispute: Dispute) -> bool:
    """Whether an earlier dispute of the same decision found it right."""
    earlier = exists().where(decision_column(dispute.kind) == dispute.decision_id, Dispute.verdict == "right")
    return bool(await session.scalar(select(earlier)))


async def hold_members(session: AsyncSession, member_ids: Collection[UUID | None]) -> None:
    """Lock these members, before any dispute of theirs: in the order in which whoever erases a member does."""
    await session.execute(holding({each for each in member_ids if each is not None}))
