"""Keys: out of a locker by a command that the machine acknowledges, or not out at all.

The fee is paid with the command that opens the locker. Where that fails, or nobody says how it ended, the reservation
stands as it did, staff hear of it, and the fee isn't charged again. A machine that says later that it did open is
believed: the key is out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.channel.commands import Command, issue
from facepay.channel.payloads import OpenLocker
from facepay.checkout.limits import Declined, judge
from facepay.checkout.selling import NotSold, sell
from facepay.identity.verdicts import DeviceDecision
from facepay.kernel.database import Base, Database
from facepay.kernel.hub import notify
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.test_drives import deposits
from facepay.test_drives.cars import Car, CarState, get_car, hold_cars
from facepay.test_drives.drives import DRIVING, WITH_CAR, Drive, DriveState, topic_of
from facepay.test_drives.kinds import KEY_NOT_RELEASED, KEY_OUT_UNRESERVED
from facepay.test_drives.machines import Slot, empty_slot_of, slot_of
from facepay.test_drives.telling import PICKED_UP, tell

PENDING = "decision = 'open' and outcome is null"
AT_ONCE_MAX = 200


class Handover(DeviceDecision, Base):
    """One decision of a machine. `outcome` is what became of the locker that was to open."""

    __tablename__ = "handover"
    __table_args__ = (
        CheckConstraint("decision in ('open', 'refused', 'step_up')", name="decision_known"),
        CheckConstraint("identified_by in ('face', 'pass', 'staff')", name="identified_by_known"),
        CheckConstraint("(identified_by = 'staff') = (released_by is not null)", name="staff_say_who_they_are"),
        CheckConstraint("outcome in ('key_out', 'failed')", name="outcome_known"),
        CheckConstraint("num_nulls(command_id, locker, car_id) in (0, 3)", name="command_opens_locker"),
        CheckConstraint("(decision = 'open') = (command_id is not null)", name="open_has_command"),
        Index("ix_handover_store_id_id", "store_id", "id"),
        Index("ix_handover_pending", "id", postgresql_where=text(PENDING)),
    )

    machine_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    drive_id: Mapped[UUID | None] = mapped_column(ForeignKey("test_drive.id"), index=True)
    command_id: Mapped[UUID | None] = mapped_column(ForeignKey("device_command.id"), unique=True)
    locker: Mapped[int | None]
    car_id: Mapped[UUID | None] = mapped_column(ForeignKey("car.id"))
    outcome: Mapped[str | None] = mapped_column(String(8))
    released_by: Mapped[str | None] = mapped_column(String(80))
    released_why: Mapped[str | None] = mapped_column(String(200))


@dataclass(frozen=True, slots=True)
class Opening:
    """A locker that is to open now."""

    car: Car
    locker: int


@dataclass(frozen=True, slots=True)
class NotOpened:
    """Why not. Nothing was charged."""

    code: str


async def release_key(
    session: AsyncSession,
    *,
    handover: Handover,
    drive: Drive,
    member: Member,
    by: str,
    now: datetime,
    settings: Settings,
) -> Opening | NotOpened:
    """Charge the fee and have the locker opened: both, or neither. The caller has locked member and drive."""
    found = await _find_key(session, drive, handover.machine_id)
    if isinstance(found, NotOpened):
        return found
    car, slot = found
    if refusal := await _charge_fee(session, drive, member, now, settings):
        return NotOpened(refusal)
    if drive.deposit_until is not None and drive.deposit_until < drive.due_at + deposits.RENEWED_BEFORE:
        await deposits.renew(session, drive, now=now)
    command = await issue(
        session,
        device_id=handover.machine_id,
        payload=OpenLocker(locker=slot.number),
        by=by,
        reason=f"Test drive {drive.number}",
        lasts=timedelta(seconds=settings.drive_locker_seconds),
        now=now,
    )
    handover.command_id, handover.locker, handover.car_id = command.id, slot.number, car.id
    drive.state, drive.car_id = DriveState.OPENING, car.id
    await notify(session, topic_of(drive.store_id))
    return Opening(car, slot.number)


async def follow_locker(session: AsyncSession, *, command: Command, now: datetime) -> None:
    """What a machine says of a locker that it was to open: in the transaction that notes it."""
    if handover_id := await session.scalar(select(Handover.id).where(Handover.command_id == command.id)):
        await _judge(session, handover_id, command.outcome, now)


async def judge_lockers(database: Database, *, now: datetime) -> int:
    """Give up openings that nobody acknowledged in time; answers how many."""
    silent = (
        select(Handover.id)
        .join(Command, Command.id == Handover.command_id)
        .where(Handover.decision == "open", Handover.outcome.is_(None), Command.expires_at <= now)
        .order_by(Handover.id)
        .limit(AT_ONCE_MAX)
    )
    async with database.read() as session:
        due = (await session.scalars(silent)).all()
    for handover_id in due:
        async with database.begin() as session:
            await _judge(session, handover_id, None, now)
    return len(due)


async def _judge(session: AsyncSession, handover_id: UUID, told: str | None, now: datetime) -> None:
    """The drive's row first, and then how the handover stands by then: an acknowledgement that comes while an opening
    is given up waits for that, and is then a late one. `told` is what the machine says: None, nothing in time.
    """
    drive_id = select(Handover.drive_id).where(Handover.id == handover_id).scalar_subquery()
    locked = select(Drive).where(Drive.id == drive_id).with_for_update().execution_options(populate_existing=True)
    drive = (await session.scalars(locked)).one()
    handover = await session.get_one(Handover, handover_id, populate_existing=True)
    if handover.outcome == "key_out" or (handover.outcome == "failed" and told != "done"):
        return
    if told is None and await _acknowledged(session, handover):
        return
    handover.outcome = "key_out" if told == "done" else "failed"
    if told == "done":
        await _take_out(session, drive, handover, now)
    else:
        await _stay(session, drive, handover, now)
    await session.flush()


async def _take_out(session: AsyncSession, drive: Drive, handover: Handover, now: datetime) -> None:
    assert handover.car_id is not None, "its locker was to open"
    car = await get_car(session, handover.car_id, lock=True)
    await empty_slot_of(session, car.id)
    if drive.state in DRIVING and drive.car_id == car.id:
        return  # its locker was opened twice
    if drive.state not in (DriveState.RESERVED, DriveState.OPENING) or drive.car_id != car.id:
        await raise_alert(
            session,
            KEY_OUT_UNRESERVED,
            store_id=drive.store_id,
            subject=drive.number,
            now=now,
            device_id=handover.machine_id,
            evidence=Evidence("test_drive", drive.id),
            locker=handover.locker,
            plate=car.plate,
        )
        return
    car.state = CarState.OUT
    drive.state, drive.picked_up_at, drive.mileage_out_km = DriveState.OUT, now, car.mileage_km
    await tell(session, drive, PICKED_UP, now=now)


async def _stay(session: AsyncSession, drive: Drive, handover: Handover, now: datetime) -> None:
    if drive.state in DRIVING and drive.car_id == handover.car_id:
        return  # another opening of the same locker gave the key
    if drive.state == DriveState.OPENING:
        drive.state = DriveState.RESERVED
    await raise_alert(
        session,
        KEY_NOT_RELEASED,
        store_id=drive.store_id,
        subject=drive.number,
        now=now,
        device_id=handover.machine_id,
        evidence=Evidence("test_drive", drive.id),
        locker=handover.locker,
    )
    await notify(session, topic_of(drive.store_id))


async def _acknowledged(session: AsyncSession, handover: Handover) -> bool:
    """Whether the machine has said how it ended, in the moment before this."""
    query = select(Command.outcome).where(Command.id == handover.command_id)
    return await session.scalar(query) is not None


async def _find_key(session: AsyncSession, drive: Drive, machine_id: UUID) -> tuple[Car, Slot] | NotOpened:
    """The key of the car that was reserved; of another of the model that nobody has then, where that one isn't here."""
    cars = await hold_cars(session, store_id=drive.store_id, model_id=drive.model_id)
    elsewhere = False
    for car in sorted(cars, key=lambda each: each.id != drive.car_id):
        slot = await slot_of(session, car.id) if car.state == CarState.AVAILABLE else None
        if slot is None or (car.id != drive.car_id and await _is_taken(session, car, drive)):
            continue
        if slot.machine_id == machine_id:
            return car, slot
        elsewhere = True
    return NotOpened("key_in_other_machine" if elsewhere else "car_not_ready")


async def _is_taken(session: AsyncSession, car: Car, drive: Drive) -> bool:
    taken = select(Drive.id).where(
        Drive.car_id == car.id,
        Drive.id != drive.id,
        Drive.state.in_(WITH_CAR),
        Drive.starts_at < drive.busy_until,
        Drive.busy_until > drive.starts_at,
    )
    return await session.scalar(taken) is not None


async def _charge_fee(
    session: AsyncSession, drive: Drive, member: Member, now: datetime, settings: Settings
) -> str | None:
    """Once for each drive; why not, where it can't be. It comes out of the wallet, beside the deposit. Whoever reserved
    it with their app and stands here has shown more than a face, so no amount asks for a second factor.
    """
    terms = drive.agreed
    if not terms.fee or drive.fee_order_id is not None:
        return None
    over = await judge(session, member=member, store_id=drive.store_id, amount=terms.fee, now=now, settings=settings)
    if isinstance(over, Declined):
        return over.code
    assert terms.level.fee_sku is not None, "there is a fee"
    offered = await deposits.price(
        session, drive, sku=terms.level.fee_sku, quantity=1, unit_price=terms.fee, now=now, settings=settings
    )
    sold = await sell(
        session,
        offered=offered,
        member=member,
        store_id=drive.store_id,
        device_id=drive.machine_id,
        now=now,
        settings=settings,
        in_hand=True,
        served=True,
    )
    if isinstance(sold, NotSold):
        return sold.code
    drive.fee_order_id = sold.order.id
    deposits.note(session, drive, "fee", sold, now=now)
    return None
