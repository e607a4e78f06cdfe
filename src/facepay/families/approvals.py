"""Approvals: what a family's rules or limits refuse, its payer may let pass once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified


class FamilyApproval(Identified, Base):
    """One purchase of a dependant, of so much at most, in which these goods may be; used once, by an order."""

    __tablename__ = "family_approval"
    __table_args__ = (
        CheckConstraint("amount_max > 0 and expires_at > created_at", name="is_for_something"),
        Index("ix_family_approval_unused", "member_id", postgresql_where=text("order_id is null")),
    )

    family_id: Mapped[UUID] = mapped_column(ForeignKey("family.id"), index=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))
    skus: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    amount_max: Mapped[int]
    approved_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    order_id: Mapped[UUID | None]
