"""Twins, siblings and others whom the models can't tell apart: pairs of members who always prove who they are.

A pair is measured, at an enrolment or by a calibration, or reviewed: staff say that these are two people. A reviewed
pair may both enrol. A pair that staff removed stays on record, so that it isn't measured again, until one of the two
takes their face back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    SQLColumnExpression,
    String,
    UniqueConstraint,
    delete,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound, Problem
from facepay.kernel.ids import new_id
from facepay.members.members import DEPENDANTS_FIRST, Member, MemberNotFound, MemberStatus

PORTION = 1000

Pair = tuple[UUID, UUID]  # the smaller id first


class Reason(StrEnum):
    MEASURED = "measured"
    REVIEWED = "reviewed"


class Lookalike(Identified, Base):
    """Two members who are too alike. Each pair has one row, the smaller id first."""

    __tablename__ = "lookalike"
    __table_args__ = (
        UniqueConstraint("member_a", "member_b"),
        CheckConstraint("member_a < member_b", name="ordered"),
        CheckConstraint("reason in ('measured', 'reviewed')", name="reason_known"),
        CheckConstraint("(reason = 'reviewed') = (marked_by is not null)", name="reviewed_by_somebody"),
        CheckConstraint("num_nulls(removed_at, removed_by, removal) in (0, 3)", name="removed_with_reason"),
    )

    member_a: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    member_b: Mapped[UUID] = mapped_column(ForeignKey("member.id"), index=True)
    reason: Mapped[str] = mapped_column(String(8))
    similarity: Mapped[float | None]
    note: Mapped[str | None] = mapped_column(String(200))
    marked_at: Mapped[datetime]
    marked_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_account.id"))
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_account.id"))
    removal: Mapped[str | None] = mapped_column(String(200))


class LookalikeNotFound(NotFound):
    """No such pair is marked."""

    code = "lookalike_not_found"
    title = "No such pair"


class OneMemberTwice(Problem):
    """A pair takes two members."""

    status = 422
    code = "one_member_twice"
    title = "One member twice"


def pair_of(one: UUID, other: UUID) -> Pair:
    return (one, other) if one < other else (other, one)


async def lookalikes_of(session: AsyncSession, *, member_id: UUID) -> tuple[UUID, ...]:
    """Whom this member is too alike to; whoever has any is never let through on their face alone."""
    pairs = await session.execute(
        select(Lookalike.member_a, Lookalike.member_b)
        .where(_has(member_id), Lookalike.removed_at.is_(None))
        .order_by(Lookalike.id)
    )
    return tuple(one if other == member_id else other for one, other in pairs)


def has_lookalikes(member_id: UUID | SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    """Whether `lookalikes_of` would name anybody, as a column of another query."""
    return select(Lookalike.id).where(_has(member_id), Lookalike.removed_at.is_(None)).exists()


async def known_apart(session: AsyncSession, *, member_id: UUID) -> frozenset[UUID]:
    """Whom staff know to be other people than this member, however alike."""
    pairs = await session.execute(
        select(Lookalike.member_a, Lookalike.member_b).where(
            _has(member_id), Lookalike.removed_at.is_(None), Lookalike.reason == Reason.REVIEWED
        )
    )
    return frozenset(member for pair in pairs for member in pair) - {member_id}


async def hold_pairs(session: AsyncSession, *, member_id: UUID) -> None:
    """Lock the pairs of a member whose row is locked: before the disputes that point at them, and the gallery.

    In another order, two who are alike would wait for each other when both are erased, or one of them enrols again.
    """
    await session.execute(select(Lookalike.id).where(_has(member_id)).order_by(Lookalike.id).with_for_update())


async def measure_afresh(
    session: AsyncSession, *, member_id: UUID, similarities: Mapping[UUID, float], now: datetime
) -> None:
    """Mark the member's pairs as measured with the face they enrol now, instead of those measured before."""
    await session.execute(
        delete(Lookalike).where(_has(member_id), Lookalike.reason == Reason.MEASURED, Lookalike.removed_at.is_(None))
    )
    await mark_measured(
        session, pairs={pair_of(member_id, other): cosine for other, cosine in similarities.items()}, now=now
    )


async def mark_measured(session: AsyncSession, *, pairs: Mapping[Pair, float], now: datetime) -> int:
    """Mark those that aren't on record yet; returns how many.

    Waits for nobody. Whoever holds a member for longer is changing or removing their face, and measures it
    again or forgets it.
    """
    marked = 0
    items = sorted(pairs.items())
    for start in range(0, len(items), PORTION):
        portion = dict(items[start : start + PORTION])
        present = await _hold(session, {member for pair in portion for member in pair})
        rows = [
            {"id": new_id(), "member_a": pair[0], "member_b": pair[1], "similarity": cosine}
            | {"reason": Reason.MEASURED.value, "marked_at": now}
            for pair, cosine in portion.items()
            if present.issuperset(pair)
        ]
        if rows:
            added = insert(Lookalike).on_conflict_do_nothing().returning(Lookalike.id)
            marked += len((await session.scalars(added, rows)).all())
    return marked


async def mark_reviewed(
    session: AsyncSession, *, members: tuple[UUID, UUID], note: str, staff_id: UUID, now: datetime
) -> Lookalike:
    """Staff know these to be two people: both may enrol, and both always prove who they are.

    Raises OneMemberTwice and MemberNotFound.
    """
    one, other = pair_of(*members)
    if one == other:
        raise OneMemberTwice("A pair takes two different members.")
    found = await session.scalars(
        select(Member.id)
        .where(Member.id.in_((one, other)), Member.status != MemberStatus.ERASED)
        .order_by(*DEPENDANTS_FIRST)
        .with_for_update(read=True)
    )
    if len(found.all()) < 2:
        raise MemberNotFound("There is no member with one of these ids.")
    values = {"reason": Reason.REVIEWED.value, "note": note, "marked_at": now, "marked_by": staff_id}
    unremoved = {"removed_at": None, "removed_by": None, "removal": None}
    marked = await session.scalars(
        insert(Lookalike)
        .values(id=new_id(), member_a=one, member_b=other, **values)
        .on_conflict_do_update(index_elements=["member_a", "member_b"], set_=values | unremoved)
        .returning(Lookalike),
        execution_options={"populate_existing": True},
    )
    return marked.one()


async def remove_pair(
    session: AsyncSession, *, lookalike_id: UUID, reason: str, staff_id: UUID, now: datetime
) -> Lookalike:
    """From now on these two are let through on their faces. Raises LookalikeNotFound."""
    lookalike = await session.get(Lookalike, lookalike_id, with_for_update=True)
    if lookalike is None or lookalike.removed_at is not None:
        raise LookalikeNotFound("There is no pair with this id.")
    lookalike.removed_at, lookalike.removed_by, lookalike.removal = now, staff_id, reason
    await session.flush()
    return lookalike


async def _hold(session: AsyncSession, member_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those members whose rows nobody else holds, held until the transaction ends as a foreign key does."""
    found: Iterable[UUID] = await session.scalars(
        select(Member.id)
        .where(Member.id.in_(member_ids), Member.status != MemberStatus.ERASED)
        .with_for_update(read=True, key_share=True, skip_locked=True)
    )
    return frozenset(found)


def _has(member_id: UUID | SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    return or_(Lookalike.member_a == member_id, Lookalike.member_b == member_id)
