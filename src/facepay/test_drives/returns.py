"""A car comes back: its key is in a locker, pictures show how it stands, and what was late is charged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import resolve_about
from facepay.checkout.orders import Order
from facepay.kernel.errors import Problem
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.test_drives import deposits
from facepay.test_drives.cars import CarState, get_car
from facepay.test_drives.drives import DRIVING, Drive, DriveNotFound, DriveState, require
from facepay.test_drives.kinds import CAR_LATE, CAR_MISSING
from facepay.test_drives.machines import CarElsewhere, put_key
from facepay.test_drives.photos import Pictures
from facepay.test_drives.reservations import held
from facepay.test_drives.telling import RETURNED, tell
from facepay.test_drives.windows import hours_late

# A car that was picked up and brought back before its time had it for that long at least.
MOMENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Return:
    """What a machine, or staff beside it, say of a car that is back."""

    number: str
    locker: int
    mileage_km: int
    fuel_percent: int


class MileageFell(Problem):
    """The car has more behind it than that already."""

    status = 422
    code = "mileage_fell"
    title = "Mileage fell"


async def take_back(
    session: AsyncSession,
    *,
    machine_id: UUID,
    store_id: UUID,
    back: Return,
    pictures: Pictures,
    by: str,
    now: datetime,
    settings: Settings,
) -> Drive:
    """The key is in its locker, and the car waits for its inspection; what is left of the deposit stays on hold.

    Raises DriveNotFound, DriveElsewhere, CarElsewhere, MileageFell, SlotNotFound and SlotTaken.
    """
    drive_id = await session.scalar(select(Drive.id).where(Drive.number == back.number))
    if drive_id is None:
        raise DriveNotFound("There is no test drive with this number.")
    member, drive = await held(session, drive_id)
    require(drive, *DRIVING)
    if drive.store_id != store_id:
        raise CarElsewhere("This car is to come back to its own store.")
    car = await get_car(session, drive.car_id, lock=True)
    if back.mileage_km < car.mileage_km:
        raise MileageFell("The car has driven further already.", mileage_km=car.mileage_km)
    await put_key(session, machine_id=machine_id, number=back.locker, car_id=car.id)
    car.mileage_km, car.state = back.mileage_km, CarState.INSPECTION
    order = await charge_late(session, drive, member, now=now, settings=settings)
    drive.state, drive.returned_at = DriveState.RETURNED, now
    drive.mileage_in_km, drive.fuel_percent = back.mileage_km, back.fuel_percent
    drive.busy_until = min(drive.busy_until, max(now, drive.starts_at + MOMENT) + drive.agreed.turnaround)
    pictures.keep(session, drive_id=drive.id, taken="return", by=by, now=now)
    await session.flush()
    for kind in (CAR_LATE, CAR_MISSING):
        await resolve_about(
            session, kind, store_id=drive.store_id, subject=drive.number, by=by, note="The car is back", now=now
        )
    await tell(
        session, drive, RETURNED, amount=order.total if order else None, order_id=order.id if order else None, now=now
    )
    return drive


async def charge_late(
    session: AsyncSession, drive: Drive, member: Member, *, now: datetime, settings: Settings
) -> Order | None:
    """The hours that have started since it was due, less those charged before."""
    terms = drive.agreed
    rules = terms.rules
    tolerance = timedelta(minutes=rules.tolerance_minutes)
    hours = hours_late(drive.due_at, now, tolerance=tolerance, hours_max=rules.late_hours_max)
    more = hours - drive.late_hours_charged
    if more <= 0:
        return None
    drive.late_hours_charged = hours
    return await deposits.charge(
        session,
        drive,
        "late",
        member=member,
        sku=rules.late_sku,
        quantity=more,
        unit_price=terms.price_of(rules.late_sku),
        now=now,
        settings=settings,
    )
