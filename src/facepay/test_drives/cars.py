"""Cars: which models there are to drive, and which car stands where and how."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from facepay.kernel.database import Base, Identified, saved
from facepay.kernel.errors import Conflict, NotFound
from facepay.stores.stores import get_open_store


class CarState(StrEnum):
    AVAILABLE = "available"
    OUT = "out"
    INSPECTION = "inspection"
    RETIRED = "retired"


class CarModel(Identified, Base):
    """What members choose: of the whole chain. Whoever drives it has a licence of this class."""

    __tablename__ = "car_model"

    name: Mapped[str] = mapped_column(String(200), unique=True)
    licence_class: Mapped[str] = mapped_column(String(8))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class Car(Identified, Base):
    """One car of a store, known by its plate. Where its key is, a slot says."""

    __tablename__ = "car"
    __table_args__ = (
        CheckConstraint("state in ('available', 'out', 'inspection', 'retired')", name="state_known"),
        CheckConstraint("mileage_km >= 0", name="mileage_not_negative"),
        Index("ix_car_store_id_model_id", "store_id", "model_id"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    model_id: Mapped[UUID] = mapped_column(ForeignKey("car_model.id"))
    plate: Mapped[str] = mapped_column(String(16), unique=True)
    state: Mapped[str] = mapped_column(String(16), default=CarState.AVAILABLE)
    mileage_km: Mapped[int]
    created_at: Mapped[datetime]
    model: Mapped[CarModel] = relationship(lazy="joined", innerjoin=True)


class CarModelNotFound(NotFound):
    """There is no car model with this id."""

    code = "car_model_not_found"
    title = "No such model"


class CarModelTaken(Conflict):
    """Another model has this name."""

    code = "car_model_taken"
    title = "Name taken"


class CarNotFound(NotFound):
    """There is no car with this id."""

    code = "car_not_found"
    title = "No such car"


class PlateTaken(Conflict):
    """Another car has this plate."""

    code = "plate_taken"
    title = "Plate taken"


class CarIsOut(Conflict):
    """Somebody drives this car; it changes when it comes back."""

    code = "car_is_out"
    title = "Car is out"


async def add_model(session: AsyncSession, *, name: str, licence_class: str, now: datetime) -> CarModel:
    """Raises CarModelTaken."""
    model = CarModel(name=name, licence_class=licence_class, active=True, created_at=now)
    session.add(model)
    await saved(session, CarModelTaken("Another model has this name."))
    return model


async def get_model(session: AsyncSession, model_id: UUID) -> CarModel:
    """Raises CarModelNotFound."""
    model = await session.get(CarModel, model_id)
    if model is None:
        raise CarModelNotFound("There is no car model with this id.")
    return model


async def add_car(
    session: AsyncSession, *, store_id: UUID, model_id: UUID, plate: str, mileage_km: int, now: datetime
) -> Car:
    """Raises StoreNotFound, StoreClosed, CarModelNotFound and PlateTaken."""
    await get_open_store(session, store_id)
    model = await get_model(session, model_id)
    car = Car(
        store_id=store_id,
        model_id=model_id,
        plate=plate,
        state=CarState.AVAILABLE,
        mileage_km=mileage_km,
        created_at=now,
        model=model,
    )
    session.add(car)
    await saved(session, PlateTaken("Another car has this plate."))
    return car


async def get_car(session: AsyncSession, car_id: UUID, *, lock: bool = False) -> Car:
    """Raises CarNotFound."""
    car = await session.get(Car, car_id, with_for_update={"of": Car} if lock else None, populate_existing=lock)
    if car is None:
        raise CarNotFound("There is no car with this id.")
    return car


async def change_car(session: AsyncSession, *, car_id: UUID, state: CarState | None, mileage_km: int | None) -> Car:
    """As staff say; nothing of a car that is out. Raises CarNotFound and CarIsOut."""
    car = await get_car(session, car_id, lock=True)
    if car.state == CarState.OUT or state == CarState.OUT:
        raise CarIsOut("A car goes out and comes back by a test drive.")
    car.state = state or car.state
    car.mileage_km = car.mileage_km if mileage_km is None else mileage_km
    await session.flush()
    return car


async def hold_cars(session: AsyncSession, *, store_id: UUID, model_id: UUID) -> list[Car]:
    """Those of the model that the store lends, locked in the order of their ids: whoever reserves one of them, or
    changes for how long one is, waits for whoever is at it.
    """
    found = await session.scalars(
        select(Car)
        .where(Car.store_id == store_id, Car.model_id == model_id, Car.state != CarState.RETIRED)
        .order_by(Car.id)
        .with_for_update(of=Car)
        .execution_options(populate_existing=True)
    )
    return list(found)
