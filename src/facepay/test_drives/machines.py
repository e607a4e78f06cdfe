"""Machines: their lockers, each for one car's key."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, saved
from facepay.kernel.errors import Conflict, NotFound
from facepay.stores.devices import Device, DeviceRole, get_device
from facepay.test_drives.cars import CarIsOut, CarState, get_car

LOCKER_MAX = 999


class Slot(Base):
    """A locker of a machine, and the car whose key is in it."""

    __tablename__ = "machine_slot"
    __table_args__ = (CheckConstraint(f"number between 1 and {LOCKER_MAX}", name="number_in_bounds"),)

    machine_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    car_id: Mapped[UUID | None] = mapped_column(ForeignKey("car.id"), unique=True)


class NotAMachine(Conflict):
    """This device hands out no keys."""

    code = "not_a_machine"
    title = "Not a machine"


class SlotNotFound(NotFound):
    """The machine has no locker with this number."""

    code = "slot_not_found"
    title = "No such locker"


class SlotTaken(Conflict):
    """Another key is in this locker."""

    code = "slot_taken"
    title = "Locker taken"


class CarElsewhere(Conflict):
    """The car is of another store than the machine."""

    code = "car_of_other_store"
    title = "Car of another store"


async def get_machine(session: AsyncSession, machine_id: UUID) -> Device:
    """Raises DeviceNotFound and NotAMachine."""
    machine = await get_device(session, machine_id)
    if machine.role != DeviceRole.VENDING:
        raise NotAMachine(f"A {machine.role} hands out no keys.", role=machine.role)
    return machine


async def slots_of(session: AsyncSession, machine_id: UUID) -> list[Slot]:
    found = await session.scalars(select(Slot).where(Slot.machine_id == machine_id).order_by(Slot.number))
    return list(found)


async def fill_slot(session: AsyncSession, *, machine_id: UUID, number: int, car_id: UUID | None) -> Slot:
    """Staff have put the key of a car into a locker, wherever it was, or have taken it out; a new number is a new
    locker. Raises DeviceNotFound, NotAMachine, CarNotFound, CarElsewhere, CarIsOut and SlotTaken.
    """
    machine = await get_machine(session, machine_id)
    if car_id is not None:
        car = await get_car(session, car_id, lock=True)
        if car.store_id != machine.store_id:
            raise CarElsewhere("This car is of another store.")
        if car.state == CarState.OUT:
            raise CarIsOut("Somebody drives this car.")
        await empty_slot_of(session, car_id)
    slot = await session.get(Slot, (machine_id, number), with_for_update=True, populate_existing=True)
    if slot is None:
        slot = Slot(machine_id=machine_id, number=number)
        session.add(slot)
    await _put(session, slot, car_id)
    return slot


async def put_key(session: AsyncSession, *, machine_id: UUID, number: int, car_id: UUID) -> Slot:
    """A key has come back. The caller has locked the car. Raises SlotNotFound and SlotTaken."""
    slot = await session.get(Slot, (machine_id, number), with_for_update=True, populate_existing=True)
    if slot is None:
        raise SlotNotFound("This machine has no locker with this number.")
    await _put(session, slot, car_id)
    return slot


async def slot_of(session: AsyncSession, car_id: UUID) -> Slot | None:
    """Where the car's key is; the caller has locked the car, and so nobody takes it out."""
    return await session.scalar(select(Slot).where(Slot.car_id == car_id).execution_options(populate_existing=True))


async def empty_slot_of(session: AsyncSession, car_id: UUID) -> None:
    """Its key is in no locker any more."""
    slot = await slot_of(session, car_id)
    if slot is not None:
        slot.car_id = None
        await session.flush()


async def _put(session: AsyncSession, slot: Slot, car_id: UUID | None) -> None:
    if car_id is not None and slot.car_id not in (None, car_id):
        raise SlotTaken("Another key is in this locker.", car_id=str(slot.car_id))
    slot.car_id = car_id
    await saved(session, SlotTaken("Another key is in this locker."))
