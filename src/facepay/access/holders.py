"""Holders: members who may pass doors, as what, until when. Their consent, face and erasure are the member's.

A contractor's or a visitor's time ends by itself: from then on no credential of theirs proves anything. The consent
that they gave for it runs out then, so that their face is erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access_log.log import NewEvent, Person, write
from facepay.kernel.database import Base, Database, Identified, saved
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.members.consents import Consent
from facepay.members.members import get_member
from facepay.stores.stores import get_open_store

HolderKind = Literal["employee", "contractor", "visitor"]
TEMPORARY: tuple[HolderKind, ...] = ("contractor", "visitor")


class Holder(Identified, Base):
    """`store_id` is the store that vouches for them, in whose log stands what is done about them; profiles may let them
    into others. `host_id` is whom a visitor came to see. `face_ends` says that a contractor's or visitor's consent ends
    when they do; not so where they are a customer besides.
    """

    __tablename__ = "access_holder"
    __table_args__ = (
        CheckConstraint(f"kind in {get_args(HolderKind)}", name="kind_known"),
        CheckConstraint("kind = 'employee' or valid_until is not null", name="temporary_ends"),
        CheckConstraint("valid_until > valid_from", name="ends_after_it_begins"),
        CheckConstraint(
            "(blocked_at is null) = (blocked_by is null) and (blocked_at is null) = (blocked_why is null)",
            name="blocked_whole",
        ),
        Index("ix_access_holder_store_id_id", "store_id", "id"),
        Index("ix_access_holder_host_id", "host_id"),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), unique=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    kind: Mapped[HolderKind] = mapped_column(String(16))
    company: Mapped[str | None] = mapped_column(String(200))
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    blocked_at: Mapped[datetime | None]
    blocked_by: Mapped[str | None] = mapped_column(String(80))
    blocked_why: Mapped[str | None] = mapped_column(String(200))
    may_escort: Mapped[bool]
    escort_required: Mapped[bool]
    anti_passback_exempt: Mapped[bool]
    needs_more_time: Mapped[bool] = mapped_column(default=False)
    face_ends: Mapped[bool] = mapped_column(default=True)
    host_id: Mapped[UUID | None] = mapped_column(ForeignKey("access_holder.id", ondelete="set null"))
    created_at: Mapped[datetime]

    def fault(self, at: datetime) -> str | None:
        """Why they pass no door at all at this moment, if so."""
        if self.blocked_at is not None:
            return "holder_blocked"
        return validity_fault("holder", self.valid_from, self.valid_until, at)


class HolderNotFound(NotFound):
    """There is no holder with this id."""

    code = "holder_not_found"
    title = "No such holder"


class HolderExists(Conflict):
    """This member is a holder already."""

    code = "holder_exists"
    title = "Already a holder"


class HolderUnclear(Problem):
    """A contractor or visitor needs an end, which is later than the beginning; a visitor needs a host."""

    status = 422
    code = "holder_unclear"
    title = "Holder unclear"


@dataclass(frozen=True, slots=True)
class Validity:
    """From when (included) until when (excluded) something of a holder's counts; without, as long as they do."""

    valid_from: datetime | None = None
    valid_until: datetime | None = None


def validity_fault(what: str, start: datetime | None, end: datetime | None, at: datetime) -> str | None:
    """From `start` (included) to `end` (excluded)."""
    if start is not None and at < start:
        return f"{what}_not_yet"
    return f"{what}_ended" if end is not None and at >= end else None


async def add_holder(
    session: AsyncSession, *, store_id: UUID, member_id: UUID, fields: Mapping[str, Any], actor: str, now: datetime
) -> Holder:
    """`fields` are its columns. Raises StoreNotFound, StoreClosed, MemberNotFound, HolderExists and HolderUnclear, and
    HolderNotFound for a host who isn't one.
    """
    store = await get_open_store(session, store_id)
    member = await get_member(session, member_id, lock=True)
    given = {name: value for name, value in fields.items() if value is not None}
    holder = Holder(store_id=store.id, member_id=member.id, created_at=now, **{"valid_from": now} | given)
    await _check(session, holder)
    session.add(holder)
    await saved(session, HolderExists("This member is a holder already."))
    await end_consents(session, member_id=member.id)
    await note(session, holder, "holder_added", actor=actor, now=now, details={"kind": holder.kind})
    return holder


async def change_holder(
    session: AsyncSession, *, holder_id: UUID, changes: Mapping[str, Any], actor: str, now: datetime
) -> Holder:
    """A later end doesn't prolong a consent, which only the member can. Raises HolderNotFound and HolderUnclear."""
    holder = await lock_holder(session, holder_id)
    with session.no_autoflush:
        for name, value in changes.items():
            setattr(holder, name, value)
        await _check(session, holder)
    await session.flush()
    await end_consents(session, member_id=holder.member_id)
    await note(session, holder, "holder_changed", actor=actor, now=now, details={"fields": sorted(changes)})
    return holder


async def block_holder(session: AsyncSession, *, holder_id: UUID, why: str, actor: str, now: datetime) -> Holder:
    """From now on no door opens for them; whoever did it first, and why, stays. Raises HolderNotFound."""
    holder = await lock_holder(session, holder_id)
    if holder.blocked_at is None:
        holder.blocked_at, holder.blocked_by, holder.blocked_why = now, actor, why
        await session.flush()
        await note(session, holder, "holder_blocked", actor=actor, now=now, said={"why": why})
    return holder


async def unblock_holder(session: AsyncSession, *, holder_id: UUID, actor: str, now: datetime) -> Holder:
    """Raises HolderNotFound."""
    holder = await lock_holder(session, holder_id)
    if holder.blocked_at is not None:
        holder.blocked_at = holder.blocked_by = holder.blocked_why = None
        await session.flush()
        await note(session, holder, "holder_unblocked", actor=actor, now=now)
    return holder


async def get_holder(session: AsyncSession, holder_id: UUID) -> Holder:
    """Raises HolderNotFound."""
    holder = await session.get(Holder, holder_id)
    if holder is None:
        raise HolderNotFound("There is no holder with this id.")
    return holder


async def lock_holder(session: AsyncSession, holder_id: UUID) -> Holder:
    """With the member, who is locked first. Raises HolderNotFound."""
    known = await get_holder(session, holder_id)
    await get_member(session, known.member_id, lock=True)
    holder = await session.get(Holder, holder_id, with_for_update=True, populate_existing=True)
    if holder is None:
        raise HolderNotFound("There is no holder with this id.")
    return holder


async def end_consents(session: AsyncSession, *, member_id: UUID | None = None) -> int:
    """Have the consents of contractors and visitors, or of this one, run out when their time does; answers how many."""
    ending = (
        update(Consent)
        .where(
            Consent.member_id == Holder.member_id,
            Holder.kind.in_(TEMPORARY),
            Holder.face_ends,
            Consent.withdrawn_at.is_(None),
            or_(Consent.expires_at.is_(None), Consent.expires_at > Holder.valid_until),
            *([Holder.member_id == member_id] if member_id else []),
        )
        .values(expires_at=Holder.valid_until)
    )
    return len((await session.scalars(ending.returning(Consent.id))).all())


async def keep_consents_ending(database: Database) -> int:
    """Consents that were given since their members became contractors or visitors end with them, too."""
    async with database.begin() as session:
        return await end_consents(session)


async def note(
    session: AsyncSession,
    holder: Holder,
    code: str,
    *,
    actor: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    said: Mapping[str, Any] | None = None,
) -> UUID:
    """Write down what was done about a holder. What is `said` of them is theirs, and goes when they are erased."""
    event = NewEvent(
        kind="credential",
        store_id=holder.store_id,
        code=code,
        actor=actor,
        persons=[Person(holder.member_id, holder.id, said or {})],
        details=details or {},
    )
    return await write(session, event, now=now)


async def _check(session: AsyncSession, holder: Holder) -> None:
    if holder.kind in TEMPORARY and holder.valid_until is None:
        raise HolderUnclear(f"A {holder.kind} needs valid_until.")
    if holder.valid_until is not None and holder.valid_until <= holder.valid_from:
        raise HolderUnclear("valid_until has to be later than valid_from.")
    if holder.kind == "visitor" and holder.host_id is None:
        raise HolderUnclear("A visitor needs a host.")
    if holder.host_id is not None:
        if holder.host_id == holder.id:
            raise HolderUnclear("Nobody is their own host.")
        if await session.scalar(select(Holder.kind).where(Holder.id == holder.host_id)) != "employee":
            raise HolderNotFound("There is no employee with this id who could be the host.")
