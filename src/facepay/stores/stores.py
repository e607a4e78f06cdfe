"""Stores: where the doors, devices and shelves are."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound


class Store(Identified, Base):
    __tablename__ = "store"

    name: Mapped[str] = mapped_column(String(200))
    # What people and CSV files call it; it stays taken when the store closes, because old papers name it.
    code: Mapped[str] = mapped_column(String(64), unique=True)
    timezone: Mapped[str] = mapped_column(String(64))
    currency: Mapped[str] = mapped_column(String(3))
    address: Mapped[str | None] = mapped_column(String(200))
    # Whose members are at home here: see `Member.home_region`.
    region: Mapped[str | None] = mapped_column(String(64))
    # How many guests a member may bring, where the store has a rule of its own.
    guests_max: Mapped[int | None]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class StoreNotFound(NotFound):
    """There is no store with this id."""

    code = "store_not_found"
    title = "No such store"


class StoreCodeTaken(Conflict):
    """Another store, open or closed, has this code."""

    code = "store_code_taken"
    title = "Store code taken"


class StoreClosed(Conflict):
    """The store has closed for good."""

    code = "store_closed"
    title = "Store closed"


async def open_store(
    session: AsyncSession,
    *,
    name: str,
    code: str,
    timezone: str,
    currency: str,
    address: str | None,
    region: str | None = None,
    guests_max: int | None = None,
    now: datetime,
) -> Store:
    """Raises StoreCodeTaken."""
    store = Store(
        name=name,
        code=code,
        timezone=timezone,
        currency=currency,
        address=address,
        region=region,
        guests_max=guests_max,
        created_at=now,
    )
    try:
        async with session.begin_nested():
            session.add(store)
            await session.flush()
    except IntegrityError as error:
        raise StoreCodeTaken("Another store has this code.") from error
    return store


async def get_store(session: AsyncSession, store_id: UUID) -> Store:
    """Open or closed. Raises StoreNotFound."""
    store = await session.get(Store, store_id)
    if store is None:
        raise StoreNotFound("There is no store with this id.")
    return store


async def get_open_store(session: AsyncSession, store_id: UUID) -> Store:
    """Raises StoreNotFound and StoreClosed."""
    store = await get_store(session, store_id)
    if store.closed_at is not None:
        raise StoreClosed("This store has closed.")
    return store


async def change_store(session: AsyncSession, *, store_id: UUID, changes: dict[str, str | int | None]) -> Store:
    """Set name, timezone, address, region or guests_max. Raises StoreNotFound and StoreClosed."""
    store = await get_open_store(session, store_id)
    for field, value in changes.items():
        setattr(store, field, value)
    await session.flush()
    return store


async def close_store(session: AsyncSession, *, store_id: UUID, now: datetime) -> None:
    """Close it for good; from now on its devices' tokens are refused. Raises StoreNotFound."""
    store = await get_store(session, store_id)
    if store.closed_at is None:
        store.closed_at = now
        await session.flush()
