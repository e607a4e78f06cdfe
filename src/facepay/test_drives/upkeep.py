"""What falls due by itself: nobody came, a car is due soon, late or missing, a claim stands, a deposit would run out.

Each drive is a transaction of its own, that asks again behind the locks of its member and itself: whoever was quicker,
the member at the machine or another replica, has decided it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Integer, cast, func, select
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind
from facepay.kernel.database import Database
from facepay.kernel.errors import Problem
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.test_drives import deposits
from facepay.test_drives.cars import Car, CarState
from facepay.test_drives.drives import ENDED, Drive, DriveElsewhere, DriveState
from facepay.test_drives.faults import was_let_down
from facepay.test_drives.inspections import charge_claim
from facepay.test_drives.kinds import CAR_LATE, CAR_MISSING, CAR_NOT_READY
from facepay.test_drives.machines import Slot
from facepay.test_drives.reservations import give_up, hold_drive
from facepay.test_drives.returns import charge_late
from facepay.test_drives.telling import DUE_SOON, LATE, NO_SHOW, tell

log = structlog.get_logger()
AT_ONCE_MAX = 200
ACTOR = "system:test_drives"
Act = Callable[[AsyncSession, Member, Drive], Awaitable[None]]


async def keep_drives(database: Database, *, settings: Settings, now: datetime) -> int:
    """Everything that is due; answers of how many drives something was done."""

    async def miss(session: AsyncSession, member: Member, drive: Drive) -> None:
        await _miss(session, member, drive, now, settings)

    async def remind(session: AsyncSession, member: Member, drive: Drive) -> None:
        drive.reminded_at = now
        await tell(session, drive, DUE_SOON, now=now)

    async def be_late(session: AsyncSession, member: Member, drive: Drive) -> None:
        drive.state = DriveState.LATE
        await tell(session, drive, LATE, now=now)
        await _alert(session, CAR_LATE, drive, now)

    async def step(session: AsyncSession, member: Member, drive: Drive) -> None:
        await charge_late(session, drive, member, now=now, settings=settings)

    async def be_missing(session: AsyncSession, member: Member, drive: Drive) -> None:
        drive.missing_at = now
        await _alert(session, CAR_MISSING, drive, now)

    async def stand(session: AsyncSession, member: Member, drive: Drive) -> None:
        await charge_claim(session, drive, member, by=ACTOR, now=now, settings=settings)

    async def renew(session: AsyncSession, member: Member, drive: Drive) -> None:
        await deposits.renew(session, drive, now=now)

    async def be_unready(session: AsyncSession, member: Member, drive: Drive) -> None:
        drive.unready_at = now
        await _alert(session, CAR_NOT_READY, drive, now)

    key = select(Slot.car_id).where(Slot.car_id == Drive.car_id)
    ready = key.exists() & select(Car.id).where(Car.id == Drive.car_id, Car.state == CarState.AVAILABLE).exists()
    late = Drive.state == DriveState.LATE
    in_steps = Drive.due_at + _hours("late_step_hours") + _hours_charged() <= now
    due: list[tuple[ColumnElement[bool], Act]] = [
        ((Drive.state == DriveState.RESERVED) & (Drive.starts_at + _minutes("grace_minutes") <= now), miss),
        (
            (Drive.state == DriveState.RESERVED) & (Drive.starts_at <= now) & Drive.unready_at.is_(None) & ~ready,
            be_unready,
        ),
        (
            (Drive.state == DriveState.OUT)
            & Drive.reminded_at.is_(None)
            & (Drive.due_at - _hours("remind_hours") <= now)
            & (Drive.due_at > now),
            remind,
        ),
        ((Drive.state == DriveState.OUT) & (Drive.due_at + _minutes("tolerance_minutes") < now), be_late),
        (late & in_steps & (Drive.late_hours_charged < _rule("late_hours_max")), step),
        (late & Drive.missing_at.is_(None) & (Drive.due_at + _hours("missing_hours") <= now), be_missing),
        ((Drive.state == DriveState.CLAIMED) & (Drive.claim_due_at <= now), stand),
        (Drive.state.not_in(ENDED) & (Drive.deposit_until <= now + deposits.RENEWED_BEFORE), renew),
    ]
    return sum([await _each(database, which, act) for which, act in due])


async def _each(database: Database, which: ColumnElement[bool], act: Act) -> int:
    async with database.read() as session:
        due = (await session.scalars(select(Drive.id).where(which).order_by(Drive.id).limit(AT_ONCE_MAX))).all()
    done = 0
    for drive_id in due:
        try:
            async with database.begin() as session:
                found = await hold_drive(session, drive_id, skip_locked=True)
                if found and await session.scalar(select(Drive.id).where(Drive.id == drive_id, which)):
                    await act(session, *found)
                    done += 1
        except DriveElsewhere:
            continue  # it ended, and its member was erased, between the two
        except (
            Problem,
            RuntimeError,
            ValueError,
        ) as error:  # one that is stuck keeps no other waiting
            log.error("drive_not_kept", drive_id=str(drive_id), exc_info=error)
    return done


async def _miss(session: AsyncSession, member: Member, drive: Drive, now: datetime, settings: Settings) -> None:
    """Nobody came. Where the shop had no key to give, nothing is due."""
    terms = drive.agreed
    order = None
    let_down = await was_let_down(session, drive)
    if not let_down:
        order = await deposits.charge(
            session,
            drive,
            "no_show",
            member=member,
            sku=terms.rules.no_show_sku,
            unit_price=terms.price_of(terms.rules.no_show_sku),
            now=now,
            settings=settings,
        )
    await give_up(session, drive, by=ACTOR, now=now)
    if let_down:
        drive.end(DriveState.CANCELLED, why="There was no key to be had", now=now)
    else:
        drive.end(DriveState.NO_SHOW, why=None, now=now)
    await session.flush()
    await tell(
        session, drive, NO_SHOW, amount=order.total if order else None, order_id=order.id if order else None, now=now
    )


async def _alert(session: AsyncSession, kind: AlertKind, drive: Drive, now: datetime) -> None:
    await raise_alert(
        session,
        kind,
        store_id=drive.store_id,
        subject=drive.number,
        now=now,
        device_id=drive.machine_id,
        evidence=Evidence("test_drive", drive.id),
        due_at=drive.due_at.isoformat(),
    )


def _rule(name: str) -> ColumnElement[int]:
    """A number of the rules that each drive was reserved under."""
    number: ColumnElement[int] = Drive.terms["rules"][name].as_integer()
    return number


def _minutes(name: str) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, _rule(name), type_=INTERVAL())


def _hours(name: str) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, _rule(name), type_=INTERVAL())


def _hours_charged() -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, cast(Drive.late_hours_charged, Integer), type_=INTERVAL())
