"""Members of the shop: who they are, and whether they may come in."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, Select, String, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from facepay.kernel.database import Base, Identified, saved
from facepay.kernel.errors import Conflict, NotFound


class MemberStatus(StrEnum):
    ACTIVE = "active"
    BLOCKED = "blocked"
    ERASED = "erased"


class Member(Identified, Base):
    __tablename__ = "member"
    __table_args__ = (
        CheckConstraint("status in ('active', 'blocked', 'erased')", name="status_known"),
        CheckConstraint(
            "status <> 'erased' or (display_name = '' and phone is null and born_on is null and payer_id is null)",
            name="erased_is_empty",
        ),
        CheckConstraint("payer_id <> id", name="payer_is_another"),
        Index("uq_member_phone", "phone", unique=True, postgresql_where=text("phone is not null")),
        Index("ix_member_phone_ending", text("right(phone, 4)"), postgresql_where=text("phone is not null")),
    )

    display_name: Mapped[str] = mapped_column(String(200))
    phone: Mapped[str | None] = mapped_column(String(16))
    # Where they shop as a rule: in stores of this region they are searched for among its members first.
    home_region: Mapped[str | None] = mapped_column(String(64), index=True)
    born_on: Mapped[date | None]  # as they said, or as staff saw on a document: then `age_checked_at` says when
    age_checked_at: Mapped[datetime | None]
    payer_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))  # whose family pays for what they buy
    status: Mapped[str] = mapped_column(String(16), default=MemberStatus.ACTIVE)
    pin_hash: Mapped[str | None] = mapped_column(String(200))
    pin_failures: Mapped[int] = mapped_column(default=0)
    pin_locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def age_at(self, day: date) -> int | None:
        """In whole years; somebody born on 29 February has their birthday on 1 March in other years."""
        if self.born_on is None:
            return None
        before_birthday = (day.month, day.day) < (self.born_on.month, self.born_on.day)
        return day.year - self.born_on.year - before_birthday

    @property
    def is_active(self) -> bool:
        return self.status == MemberStatus.ACTIVE


# In this order whoever locks several members does it: who pays for somebody is known once that one is locked.
DEPENDANTS_FIRST = (Member.payer_id.is_(None), Member.id)


class MemberNotFound(NotFound):
    """There is no member with this id."""

    code = "member_not_found"
    title = "No such member"


class PhoneTaken(Conflict):
    """Another member has this phone number."""

    code = "phone_taken"
    title = "Phone number taken"


async def register(
    session: AsyncSession,
    *,
    display_name: str,
    phone: str | None,
    home_region: str | None = None,
    born_on: date | None = None,
    now: datetime,
) -> Member:
    """Raises PhoneTaken."""
    member = Member(
        display_name=display_name,
        phone=phone,
        home_region=home_region,
        born_on=born_on,
        created_at=now,
        updated_at=now,
    )
    session.add(member)
    await _flush(session)
    return member


async def get_member(session: AsyncSession, member_id: UUID, *, lock: bool = False) -> Member:
    """Raises MemberNotFound; an erased member is not found either."""
    member = await session.get(Member, member_id, with_for_update=lock or None)
    if member is None or member.status == MemberStatus.ERASED:
        raise MemberNotFound("There is no member with this id.")
    return member


def holding(member_ids: Collection[UUID], *, to_erase: bool = False) -> Select[Member]:
    """A statement that locks these members, and whoever pays for them, as whoever charges them does, or erases them:
    dependants before payers, and each of these by their ids.
    """
    dependant = aliased(Member)
    payers = select(dependant.payer_id).where(dependant.id.in_(member_ids))
    return (
        select(Member)
        .where(Member.id.in_(member_ids) | Member.id.in_(payers))
        .order_by(*DEPENDANTS_FIRST)
        .with_for_update(key_share=not to_erase)
        .execution_options(populate_existing=True)
    )


async def change(session: AsyncSession, *, member: Member, changes: dict[str, Any], now: datetime) -> Member:
    """Set display_name, phone, home_region, born_on or status (active, blocked). Raises PhoneTaken."""
    if changes.get("born_on", member.born_on) != member.born_on:
        member.age_checked_at = None
    for field, value in changes.items():
        setattr(member, field, value)
    member.updated_at = now
    await _flush(session)
    return member


async def check_age(session: AsyncSession, *, member_id: UUID, born_on: date, now: datetime) -> Member:
    """As staff saw it on a document. Raises MemberNotFound."""
    member = await get_member(session, member_id, lock=True)
    member.born_on, member.age_checked_at, member.updated_at = born_on, now, now
    await session.flush()
    return member


async def strip_personal_data(session: AsyncSession, *, member: Member, now: datetime) -> None:
    """Forget who they were. The row stays, because the ledger's rows point at it."""
    member.display_name, member.phone, member.home_region, member.pin_hash = "", None, None, None
    member.born_on, member.age_checked_at = None, None
    member.pin_failures, member.pin_locked_until = 0, None
    member.status, member.updated_at = MemberStatus.ERASED, now
    await session.flush()


def phone_ending_is(digits: str) -> ColumnElement[bool]:
    """Members whose phone number ends in these four digits."""
    return func.right(Member.phone, 4) == digits


def matching(search: str | None) -> ColumnElement[bool]:
    """Members whose name contains, or whose phone starts with, the words searched for."""
    present = Member.status != MemberStatus.ERASED
    if not search:
        return present
    return present & or_(
        func.lower(Member.display_name).contains(search.lower(), autoescape=True),
        Member.phone.startswith(search, autoescape=True),
    )


async def _flush(session: AsyncSession) -> None:
    await saved(session, PhoneTaken("Another member has this phone number."), unique="uq_member_phone")
