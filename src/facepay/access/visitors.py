"""Visitors: a host's invitation, which expires, and what becomes of it at the desk."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified


class Invitation(Identified, Base):
    """Of somebody who isn't known yet. Redeemed, it is a holder and a credential of theirs."""

    __tablename__ = "invitation"
    __table_args__ = (
        CheckConstraint("valid_until > valid_from", name="ends_after_it_begins"),
        CheckConstraint("(redeemed_at is null) = (redeemed_by is null)", name="redeemed_whole"),
        CheckConstraint("(withdrawn_at is null) = (withdrawn_by is null)", name="withdrawn_whole"),
        CheckConstraint("redeemed_at is null or withdrawn_at is null", name="redeemed_or_withdrawn"),
        Index("ix_invitation_store_id_id", "store_id", "id"),
        Index("ix_invitation_valid_until", "valid_until"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    host_id: Mapped[UUID | None] = mapped_column(ForeignKey("access_holder.id", ondelete="set null"), index=True)
    profile_id: Mapped[UUID] = mapped_column(ForeignKey("access_profile.id"))
    visitor_name: Mapped[str] = mapped_column(String(200))
    company: Mapped[str | None] = mapped_column(String(200))
    escort_required: Mapped[bool]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    invited_by: Mapped[str] = mapped_column(String(80))
    redeemed_at: Mapped[datetime | None]
    redeemed_by: Mapped[str | None] = mapped_column(String(80))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(80))
    holder_id: Mapped[UUID | None] = mapped_column(ForeignKey("access_holder.id", ondelete="cascade"), index=True)
    created_at: Mapped[datetime]
