"""Every look at the watchlist, written down before anything is shown: who, when, at what, and what for."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified


class Shown(StrEnum):
    BANS = "bans"  # a list: reasons and dates, no names
    BAN = "ban"
    PHOTO = "photo"
    HITS = "hits"
    HIT = "hit"
    FRAME = "frame"


class WatchlistView(Identified, Base):
    """Somebody looked. What they saw may be gone; that they saw it stays."""

    __tablename__ = "watchlist_view"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_account.id"))
    shown: Mapped[Shown] = mapped_column(String(16))
    ban_id: Mapped[UUID | None] = mapped_column(ForeignKey("ban.id"), index=True)
    hit_id: Mapped[UUID | None] = mapped_column(ForeignKey("watchlist_hit.id"))
    purpose: Mapped[str] = mapped_column(String(200))
    viewed_at: Mapped[datetime]


async def record_view(
    session: AsyncSession,
    *,
    staff_id: UUID,
    shown: Shown,
    purpose: str,
    now: datetime,
    ban_id: UUID | None = None,
    hit_id: UUID | None = None,
) -> None:
    """Written with whatever the transaction shows, or nothing is shown."""
    view = WatchlistView(staff_id=staff_id, shown=shown, ban_id=ban_id, hit_id=hit_id, purpose=purpose, viewed_at=now)
    session.add(view)
    await session.flush()
