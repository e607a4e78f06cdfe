"""The weather at a store, as the shop reports it: what is bought in which is learnt from it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base
from facepay.recommender.wanted import Weather

# A report says what the weather is for so long, unless there is another.
HOLDS_FOR = timedelta(hours=3)


class WeatherReport(Base):
    __tablename__ = "weather_report"

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    reported_at: Mapped[datetime] = mapped_column(primary_key=True)
    weather: Mapped[Weather] = mapped_column(String(8))


async def report_weather(session: AsyncSession, *, store_id: UUID, weather: Weather, now: datetime) -> None:
    row = insert(WeatherReport).values(store_id=store_id, reported_at=now, weather=weather)
    await session.execute(
        row.on_conflict_do_update(index_elements=["store_id", "reported_at"], set_={"weather": weather})
    )


async def weather_at(session: AsyncSession, *, store_id: UUID, now: datetime) -> Weather | None:
    """As it was last reported; None where that is too long ago."""
    found = await session.scalar(
        select(WeatherReport.weather)
        .where(
            WeatherReport.store_id == store_id,
            WeatherReport.reported_at <= now,
            WeatherReport.reported_at > now - HOLDS_FOR,
        )
        .order_by(WeatherReport.reported_at.desc())
        .limit(1)
    )
    return Weather(found) if found is not None else None
