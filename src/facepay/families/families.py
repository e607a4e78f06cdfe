"""Families: one member's wallet pays for what the others buy, within limits, and under rules where these are children.

Who pays for whom stands in the dependant's own row too (`Member.payer_id`), which whoever sells to them has locked:
nobody else's purchase asks the database for a family. So whoever changes a family holds the rows of those it is about,
dependants before payers.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, String, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound


class FamilyRole(StrEnum):
    ADULT = "adult"
    CHILD = "child"


class Family(Identified, Base):
    """Its payer, and since when."""

    __tablename__ = "family"

    payer_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), unique=True)
    made_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class FamilyMember(Base):
    """A dependant, in one family at most: limits of their own, in minor units (None: only the payer's), and what a
    child may not do.
    """

    __tablename__ = "family_member"
    __table_args__ = (
        CheckConstraint("role in ('adult', 'child')", name="role_known"),
        CheckConstraint("payment_max >= 0 and daily_max >= 0", name="limits_in_bounds"),
        CheckConstraint("role = 'child' or consent_noted_by is not null", name="adults_agree"),
    )

    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"), primary_key=True)
    family_id: Mapped[UUID] = mapped_column(ForeignKey("family.id"), index=True)
    role: Mapped[FamilyRole] = mapped_column(String(8))
    payment_max: Mapped[int | None]
    daily_max: Mapped[int | None]
    blocked_categories: Mapped[list[str]] = mapped_column(ARRAY(String(200)))
    blocked_skus: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    # A timetable, by the store's clock; None: at any hour.
    hours: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # Whether they may buy these once they are old enough, and pay on the web, where nobody tells what is bought.
    age_limited_goods: Mapped[bool]
    web_shops: Mapped[bool]
    # The staff on whose word an adult has agreed to it.
    consent_noted_by: Mapped[str | None] = mapped_column(String(80))
    added_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime]


class FamilyNotFound(NotFound):
    """There is no family with this id, or of this member."""

    code = "family_not_found"
    title = "No such family"


class NotInFamily(NotFound):
    """This member is no dependant of this family."""

    code = "not_in_family"
    title = "Not in this family"


async def get_family(session: AsyncSession, family_id: UUID) -> Family:
    """As it is now. Raises FamilyNotFound."""
    family = await session.get(Family, family_id, populate_existing=True)
    if family is None:
        raise FamilyNotFound("There is no family with this id.")
    return family


async def family_of(session: AsyncSession, *, member_id: UUID) -> Family:
    """The one that the member pays for, or belongs to. Raises FamilyNotFound."""
    belongs = select(FamilyMember.family_id).where(FamilyMember.member_id == member_id)
    family = await session.scalar(select(Family).where((Family.payer_id == member_id) | Family.id.in_(belongs)))
    if family is None:
        raise FamilyNotFound("This member is in no family.")
    return family


async def dependants_of(session: AsyncSession, *, family_id: UUID) -> list[FamilyMember]:
    """In the order in which they were added."""
    found = await session.scalars(
        select(FamilyMember)
        .where(FamilyMember.family_id == family_id)
        .order_by(FamilyMember.added_at, FamilyMember.member_id)
        .execution_options(populate_existing=True)
    )
    return list(found)


async def get_dependant(session: AsyncSession, *, family_id: UUID, member_id: UUID) -> FamilyMember:
    """As they are now. Raises NotInFamily."""
    dependant = await session.get(FamilyMember, member_id, populate_existing=True)
    if dependant is None or dependant.family_id != family_id:
        raise NotInFamily("This member is no dependant of this family.")
    return dependant
