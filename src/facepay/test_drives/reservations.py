"""Reservations: quoted, made, and given up again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.adjustments import cancel_order
from facepay.checkout.orders import hold_order
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.members.members import Member, get_member
from facepay.settings import Settings
from facepay.stores.stores import get_open_store
from facepay.test_drives import deposits
from facepay.test_drives.cars import Car, CarModel, CarState, get_model, hold_cars
from facepay.test_drives.credit import level_of
from facepay.test_drives.drives import (
    WITH_CAR,
    Drive,
    DriveElsewhere,
    DriveState,
    booked,
    comes_back,
    get_drive,
    require,
)
from facepay.test_drives.eligibility import refusals
from facepay.test_drives.faults import was_let_down
from facepay.test_drives.machines import CarElsewhere, get_machine
from facepay.test_drives.rules import Terms, prices_of, rules_of
from facepay.test_drives.telling import CANCELLED, RESERVED, tell

NUMBER_DIGITS = 8
NO_LEVEL = "no_level"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which model, from when on, out of which machine."""

    store_id: UUID
    machine_id: UUID
    model_id: UUID
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Quote:
    """`terms` are None where the member reaches no level; `reasons`, why it can't be reserved as things are."""

    asked: Asked
    terms: Terms | None
    due_at: datetime
    cars_free: int
    reasons: tuple[str, ...]


class NotEligible(Conflict):
    """The member may not reserve this: `reason` says why, `reasons` all that holds."""

    code = "not_eligible"
    title = "Not eligible"


class DepositNotCovered(Conflict):
    """The wallet hasn't got the deposit."""

    code = "deposit_not_covered"
    title = "Deposit not covered"


async def quote(session: AsyncSession, *, member: Member, asked: Asked, now: datetime) -> Quote:
    """What a drive would cost this member, and whether they may have it. Raises StoreNotFound, StoreClosed,
    DeviceNotFound, NotAMachine, CarElsewhere, CarModelNotFound, DrivesNotOffered and FeeNotForSale.
    """
    store = await get_open_store(session, asked.store_id)
    if (await get_machine(session, asked.machine_id)).store_id != store.id:
        raise CarElsewhere("This machine is of another store.")
    model = await get_model(session, asked.model_id)
    rules = await rules_of(session, store.id)
    due_at = asked.starts_at + timedelta(hours=rules.drive_hours)
    reasons = await refusals(
        session,
        member=member,
        model=model,
        store=store,
        rules=rules,
        starts_at=asked.starts_at,
        due_at=due_at,
        now=now,
    )
    level = await level_of(session, member_id=member.id, rules=rules, currency=store.currency, now=now)
    busy_until = due_at + timedelta(minutes=rules.turnaround_minutes)
    free = await _free_cars(session, model, asked, busy_until, now + timedelta(minutes=rules.turnaround_minutes))
    if not free:
        reasons.append("no_car_free")
    if level is None:
        return Quote(asked, None, due_at, len(free), (NO_LEVEL, *reasons))
    of_one = rules.model_copy(update={"levels": (level,)})
    prices = await prices_of(session, of_one, currency=store.currency)
    return Quote(asked, Terms(rules=of_one, currency=store.currency, prices=prices), due_at, len(free), tuple(reasons))


async def reserve(session: AsyncSession, *, member_id: UUID, asked: Asked, by: str, now: datetime) -> Drive:
    """One car of the model, and the deposit on hold: both or neither. Raises as `quote`, and MemberNotFound,
    NotEligible, CarReserved, AlreadyDriving and DepositNotCovered.
    """
    member = await get_member(session, member_id, lock=True)
    await hold_cars(session, store_id=asked.store_id, model_id=asked.model_id)
    quoted = await quote(session, member=member, asked=asked, now=now)
    if quoted.reasons or quoted.terms is None:
        raise NotEligible(
            "This can't be reserved for this member.", reason=quoted.reasons[0], reasons=list(quoted.reasons)
        )
    terms = quoted.terms
    model = await get_model(session, asked.model_id)
    free = await _free_cars(session, model, asked, quoted.due_at + terms.turnaround, now + terms.turnaround)
    car = free[0]
    drive = Drive(
        id=new_id(),
        number=await _draw_number(session),
        store_id=asked.store_id,
        machine_id=asked.machine_id,
        member_id=member.id,
        model_id=asked.model_id,
        car_id=car.id,
        state=DriveState.RESERVED,
        starts_at=asked.starts_at,
        due_at=quoted.due_at,
        busy_until=quoted.due_at + terms.turnaround,
        terms=terms.model_dump(mode="json"),
        deposit=0,
        late_hours_charged=0,
        created_by=by,
        created_at=now,
    )
    if not await deposits.hold(session, drive, terms.level.deposit, actor=by, now=now):
        raise DepositNotCovered("The wallet hasn't got the deposit.", deposit=terms.level.deposit)
    session.add(drive)
    await booked(session)
    await tell(session, drive, RESERVED, now=now)
    return drive


async def hold_drive(
    session: AsyncSession, drive_id: UUID, *, skip_locked: bool = False
) -> tuple[Member, Drive] | None:
    """The member's row and then the drive's, locked; None where somebody has it now, and that is to be skipped.

    Raises DriveNotFound, and DriveElsewhere where it has ended and its member is erased.
    """
    found = await get_drive(session, drive_id)
    if found.member_id is None:
        raise DriveElsewhere("This drive has ended.", state=found.state)
    member = await get_member(session, found.member_id, lock=True)
    drive = await session.scalar(
        select(Drive)
        .where(Drive.id == drive_id)
        .with_for_update(skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )
    return (member, drive) if drive is not None else None


async def held(session: AsyncSession, drive_id: UUID) -> tuple[Member, Drive]:
    """The same, however long it takes."""
    found = await hold_drive(session, drive_id)
    assert found is not None, "nothing is skipped"
    return found


async def cancel(
    session: AsyncSession, *, drive_id: UUID, waive: str | None, by: str, now: datetime, settings: Settings
) -> Drive:
    """Free until so many hours before it starts; later for a fee, unless staff waive it and say why. Nothing is due
    where the shop had no key to give. Raises DriveNotFound and DriveElsewhere.
    """
    member, drive = await held(session, drive_id)
    require(drive, DriveState.RESERVED)
    rules = drive.agreed.rules
    is_late = now > drive.starts_at - timedelta(hours=rules.cancel_free_hours)
    order = None
    if is_late and waive is None and not await was_let_down(session, drive):
        order = await deposits.charge(
            session,
            drive,
            "cancellation",
            member=member,
            sku=rules.cancel_sku,
            unit_price=drive.agreed.price_of(rules.cancel_sku),
            now=now,
            settings=settings,
        )
    await give_up(session, drive, by=by, now=now)
    drive.end(DriveState.CANCELLED, why=waive, now=now)
    await session.flush()
    await tell(
        session, drive, CANCELLED, amount=order.total if order else None, order_id=order.id if order else None, now=now
    )
    return drive


async def give_up(session: AsyncSession, drive: Drive, *, by: str, now: datetime) -> None:
    """The deposit is free, and a fee paid for a locker that never opened is given back, unless it was before."""
    if drive.fee_order_id is not None and (await hold_order(session, drive.fee_order_id)).cancelled_at is None:
        reason = "The car was not handed out"
        await cancel_order(session, order_id=drive.fee_order_id, reason=reason, actor=by, now=now, goods_kept=True)
    await deposits.let_go(session, drive, actor=by, now=now)


async def _free_cars(
    session: AsyncSession, model: CarModel, asked: Asked, busy_until: datetime, ready_at: datetime
) -> list[Car]:
    """Of the store, that nobody has then, those available now first. What is out or waits for its inspection now isn't
    there before `ready_at`; what staff keep back after one isn't there at all.
    """
    if not model.active:
        return []
    taken = select(Drive.id).where(
        Drive.car_id == Car.id,
        Drive.state.in_(WITH_CAR),
        Drive.starts_at < busy_until,
        Drive.busy_until > asked.starts_at,
    )
    is_there = Car.state == CarState.AVAILABLE
    if asked.starts_at >= ready_at:
        is_there |= comes_back()
    found = await session.scalars(
        select(Car)
        .where(
            Car.store_id == asked.store_id,
            Car.model_id == model.id,
            Car.state != CarState.RETIRED,
            is_there,
            ~taken.exists(),
        )
        .order_by(Car.state != CarState.AVAILABLE, Car.mileage_km, Car.id)
    )
    return list(found)


async def _draw_number(session: AsyncSession) -> str:
    """What the member types at a machine: not to be guessed from others, and no secret, since the face decides."""
    while True:
        number = "".join(secrets.choice("0123456789") for _ in range(NUMBER_DIGITS))
        if await session.scalar(select(Drive.id).where(Drive.number == number)) is None:
            return number
