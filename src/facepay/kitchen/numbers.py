"""Pick-up numbers: what a member waits for at the counter. Each store counts from one, every day anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base
from facepay.stores.stores import get_store

# From Monday on. Yesterday's last orders may still be waiting when today's first come in.
LETTERS = "ABCDEFG"


class PickupCounter(Base):
    """The last number of a store's day."""

    __tablename__ = "pickup_counter"
    __table_args__ = (CheckConstraint("last > 0", name="counts"),)

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    business_day: Mapped[date] = mapped_column(primary_key=True)
    last: Mapped[int]


@dataclass(frozen=True, slots=True)
class PickupNumber:
    """`text` is what is called out: the weekday's letter and a count, so that no two days' numbers are alike."""

    business_day: date
    text: str


async def draw_number(session: AsyncSession, *, store_id: UUID, now: datetime) -> PickupNumber:
    """The store's next one, which nobody else draws. Others who draw wait for this transaction's end.

    A transaction that fails draws none; a sale that is refused after it leaves a hole. Raises StoreNotFound.
    """
    store = await get_store(session, store_id)
    day = business_day(now, time_zone=store.timezone)
    first = insert(PickupCounter).values(store_id=store_id, business_day=day, last=1)
    drawn = first.on_conflict_do_update(
        index_elements=["store_id", "business_day"], set_={"last": PickupCounter.last + 1}
    )
    count = (await session.scalars(drawn.returning(PickupCounter.last))).one()
    return PickupNumber(day, f"{LETTERS[day.weekday()]}{count}")


def business_day(instant: datetime, *, time_zone: str) -> date:
    """From midnight to midnight, as the clocks there go."""
    return instant.astimezone(ZoneInfo(time_zone)).date()
