"""Families: one member's wallet pays for what the others of it buy, within limits and under the rules for its children.

Who pays for whom stands in the dependant's own row too (`Member.payer_id`), which whoever sells to them has locked:
nobody else's purchase asks the database for a family. So whoever changes a family holds the rows of those it is about,
dependants before payers.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified


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
    hours: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))  # a timetable, by the store's clock; None: at any hour
    age_limited_goods: Mapped[bool]  # whether they may buy them once they are old enough
    web_shops: Mapped[bool]  # whether they may pay on the web, where nobody tells what is bought
    consent_noted_by: Mapped[str | None] = mapped_column(String(80))  # the staff on whose word an adult has agreed
    added_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime]
