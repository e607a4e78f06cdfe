"""Notices: what a member is told of their money and their orders, to read in the app or hear from staff."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.ids import new_id


class NoticeKind(StrEnum):
    ORDER_CANCELLED = "order_cancelled"
    GOODS_RETURNED = "goods_returned"
    CHARGED_LATER = "charged_later"
    DEBT_INCURRED = "debt_incurred"
    DEBT_SETTLED = "debt_settled"
    BASKET_CORRECTED = "basket_corrected"
    DISHES_READY = "dishes_ready"
    BIRTHDAY_OFFER = "birthday_offer"
    TABLE_SETTLED = "table_settled"
    FAMILY_PURCHASE = "family_purchase"
    FAMILY_REFUSED = "family_refused"
    FAMILY_RULE_BROKEN = "family_rule_broken"
    FAMILY_LEFT = "family_left"
    DRIVE_RESERVED = "drive_reserved"
    DRIVE_CANCELLED = "drive_cancelled"
    DRIVE_MISSED = "drive_missed"
    DRIVE_PICKED_UP = "drive_picked_up"
    DRIVE_EXTENDED = "drive_extended"
    DRIVE_DUE_SOON = "drive_due_soon"
    DRIVE_LATE = "drive_late"
    DRIVE_RETURNED = "drive_returned"
    DRIVE_DAMAGE_CLAIMED = "drive_damage_claimed"
    DRIVE_CLOSED = "drive_closed"


class Notice(Identified, Base):
    """`details` are what a text about it needs besides: a reason, goods by their skus."""

    __tablename__ = "member_notice"
    __table_args__ = (Index("ix_member_notice_member_id_id", "member_id", "id"),)

    member_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(40))
    order_id: Mapped[UUID | None]
    amount: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class NoticeNotFound(NotFound):
    """This member has no such notice."""

    code = "notice_not_found"
    title = "No such notice"


async def notify_member(
    session: AsyncSession,
    *,
    member_id: UUID,
    kind: NoticeKind,
    now: datetime,
    order_id: UUID | None = None,
    amount: int | None = None,
    currency: str | None = None,
    **details: Any,
) -> Notice:
    """Tell a member, in the transaction of what they are told; an amount is in minor units."""
    notice = Notice(
        id=new_id(),
        member_id=member_id,
        kind=kind,
        order_id=order_id,
        amount=amount,
        currency=currency,
        details=details,
        created_at=now,
    )
    session.add(notice)
    return notice


async def mark_read(session: AsyncSession, *, member_id: UUID, notice_id: UUID, now: datetime) -> Notice:
    """Once; the first time stays. Raises NoticeNotFound."""
    notice = await session.get(Notice, notice_id, with_for_update=True)
    if notice is None or notice.member_id != member_id:
        raise NoticeNotFound("This member has no notice with this id.")
    if notice.read_at is None:
        notice.read_at = now
        await session.flush()
    return notice
