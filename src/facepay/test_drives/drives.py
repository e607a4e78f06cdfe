"""A test drive, from its reservation to the car's inspection. A car is promised to one drive at a time, and so is a
member: the database excludes whatever would overlap.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.test_drives.cars import Car
from facepay.test_drives.rules import Terms


class DriveState(StrEnum):
    RESERVED = "reserved"
    OPENING = "opening"
    OUT = "out"
    LATE = "late"
    RETURNED = "returned"
    CLAIMED = "claimed"
    DISPUTED = "disputed"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


ENDED = (DriveState.CLOSED, DriveState.CANCELLED, DriveState.NO_SHOW)
DRIVING = (DriveState.OUT, DriveState.LATE)
WITH_MEMBER = (DriveState.RESERVED, DriveState.OPENING, *DRIVING)
WITH_CAR = (*WITH_MEMBER, DriveState.RETURNED)


def _one_of(states: Iterable[DriveState]) -> str:
    return "state in ({})".format(", ".join(f"'{state}'" for state in states))


HAS_CAR, HAS_MEMBER, UNENDED = _one_of(WITH_CAR), _one_of(WITH_MEMBER), f"not {_one_of(ENDED)}"
CAR_FREE, MEMBER_FREE = "ex_test_drive_car", "ex_test_drive_member"


class Drive(Identified, Base):
    """`terms` are what it was reserved under. The car is busy until `busy_until`, some time after it is due or is back.

    `deposit` is what is still on hold, as `deposit_id`; none of it once the drive has ended.
    """

    __tablename__ = "test_drive"
    __table_args__ = (
        CheckConstraint(_one_of(DriveState), name="state_known"),
        CheckConstraint("starts_at < due_at and starts_at < busy_until", name="times_in_order"),
        CheckConstraint("deposit >= 0 and (deposit > 0) = (deposit_id is not null)", name="deposit_is_held"),
        CheckConstraint(f"{UNENDED} or deposit = 0", name="ended_holds_nothing"),
        CheckConstraint(f"(ended_at is null) = ({UNENDED})", name="ended_once"),
        CheckConstraint(f"member_id is not null or not ({UNENDED})", name="somebody_drives"),
        CheckConstraint("late_hours_charged >= 0", name="late_hours_not_negative"),
        CheckConstraint("fuel_percent between 0 and 100", name="fuel_in_bounds"),
        CheckConstraint("claim > 0", name="claim_positive"),
        ExcludeConstraint(
            (Column("car_id"), "="),
            (func.tstzrange(literal_column("starts_at"), literal_column("busy_until")), "&&"),
            where=text(HAS_CAR),
            using="gist",
            name=CAR_FREE,
        ),
        ExcludeConstraint(
            (Column("member_id"), "="),
            (func.tstzrange(literal_column("starts_at"), literal_column("due_at")), "&&"),
            where=text(HAS_MEMBER),
            using="gist",
            name=MEMBER_FREE,
        ),
        Index("ix_test_drive_member_id_starts_at", "member_id", "starts_at"),
        Index("ix_test_drive_store_id_id", "store_id", "id"),
        Index("ix_test_drive_unended", "store_id", "state", postgresql_where=text(UNENDED)),
        # Null where nothing is held: of what any comparison finds, all is in it.
        Index("ix_test_drive_deposit_until", "deposit_until", postgresql_where=text("deposit_until is not null")),
    )

    number: Mapped[str] = mapped_column(String(8), unique=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    machine_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"))
    model_id: Mapped[UUID] = mapped_column(ForeignKey("car_model.id"))
    car_id: Mapped[UUID] = mapped_column(ForeignKey("car.id"))
    state: Mapped[str] = mapped_column(String(16))
    starts_at: Mapped[datetime]
    due_at: Mapped[datetime]
    busy_until: Mapped[datetime]
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB)
    deposit_id: Mapped[UUID | None]
    deposit: Mapped[int] = mapped_column(default=0)
    deposit_until: Mapped[datetime | None]
    fee_order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"))
    picked_up_at: Mapped[datetime | None]
    mileage_out_km: Mapped[int | None]
    reminded_at: Mapped[datetime | None]
    late_hours_charged: Mapped[int] = mapped_column(default=0)
    unready_at: Mapped[datetime | None]  # when staff were told that no key is there for it
    missing_at: Mapped[datetime | None]
    returned_at: Mapped[datetime | None]
    mileage_in_km: Mapped[int | None]
    fuel_percent: Mapped[int | None]
    inspected_at: Mapped[datetime | None]
    inspected_by: Mapped[str | None] = mapped_column(String(80))
    claim: Mapped[int | None]  # what staff say the damage costs, until it is charged
    claim_why: Mapped[str | None] = mapped_column(String(200))
    claim_due_at: Mapped[datetime | None]
    disputed_why: Mapped[str | None] = mapped_column(String(200))
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None] = mapped_column(String(200))
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]

    @property
    def agreed(self) -> Terms:
        return Terms.model_validate_json(to_json(self.terms))

    @property
    def driver(self) -> UUID:
        assert self.member_id is not None, "nobody is erased before their drive has ended"
        return self.member_id

    @property
    def no_show_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.agreed.rules.grace_minutes)

    def end(self, state: DriveState, *, why: str | None, now: datetime) -> None:
        self.state, self.ended_at, self.ended_why = state, now, why


class DriveCharge(Identified, Base):
    """Money that a drive cost, as an order each."""

    __tablename__ = "drive_charge"
    __table_args__ = (
        CheckConstraint("kind in ('fee', 'late', 'no_show', 'cancellation', 'damage')", name="kind_known"),
        # Each once, but for lateness, which is charged in steps.
        Index("uq_drive_charge_kind", "drive_id", "kind", unique=True, postgresql_where=text("kind <> 'late'")),
    )

    drive_id: Mapped[UUID] = mapped_column(ForeignKey("test_drive.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    order_id: Mapped[UUID] = mapped_column(ForeignKey("shop_order.id"))
    amount: Mapped[int]
    created_at: Mapped[datetime]


class DriveNotFound(NotFound):
    """There is no test drive with this id."""

    code = "drive_not_found"
    title = "No such drive"


class DriveElsewhere(Conflict):
    """The drive isn't where this could be done to it: `state` says where it is."""

    code = "drive_in_other_state"
    title = "Not now"


class CarReserved(Conflict):
    """The car is somebody else's then."""

    code = "car_reserved"
    title = "Car reserved"


class AlreadyDriving(Conflict):
    """The member has another car then."""

    code = "already_driving"
    title = "Already driving"


def comes_back() -> ColumnElement[bool]:
    """Of a car: that it is out, or waits for its inspection. What staff keep back after one has no such drive."""
    back = select(Drive.id).where(Drive.car_id == Car.id, Drive.state.in_((*DRIVING, DriveState.RETURNED)))
    return back.exists()


def topic_of(store_id: UUID) -> str:
    """Wakes whoever watches the store's board."""
    return f"drives:{store_id}"


async def get_drive(session: AsyncSession, drive_id: UUID) -> Drive:
    """Raises DriveNotFound."""
    drive = await session.get(Drive, drive_id)
    if drive is None:
        raise DriveNotFound("There is no test drive with this id.")
    return drive


async def has_drive(session: AsyncSession, *, member_id: UUID) -> bool:
    """Whether one of theirs has not ended."""
    unended = select(Drive.id).where(Drive.member_id == member_id, Drive.state.not_in(ENDED)).limit(1)
    return await session.scalar(unended) is not None


async def has_other_car(session: AsyncSession, drive: Drive) -> bool:
    """Whether its member drives, or is just given, another car."""
    query = select(Drive.id).where(
        Drive.member_id == drive.member_id, Drive.id != drive.id, Drive.state.in_((DriveState.OPENING, *DRIVING))
    )
    return await session.scalar(query.limit(1)) is not None


def require(drive: Drive, *states: DriveState) -> None:
    """Raises DriveElsewhere."""
    if drive.state not in states:
        raise DriveElsewhere(f"This drive is {drive.state.replace('_', ' ')}.", state=drive.state)


async def booked(session: AsyncSession) -> None:
    """Flush; raises CarReserved and AlreadyDriving where the database excludes it."""
    refusals: dict[str, Problem] = {
        CAR_FREE: CarReserved("Somebody else has this car then."),
        MEMBER_FREE: AlreadyDriving("This member has another car then."),
    }
    try:
        await session.flush()
    except IntegrityError as error:
        for name, refusal in refusals.items():
            if name in str(error.orig):
                raise refusal from error
        raise


async def charges_of(session: AsyncSession, drive_id: UUID) -> list[DriveCharge]:
    found = await session.scalars(select(DriveCharge).where(DriveCharge.drive_id == drive_id).order_by(DriveCharge.id))
    return list(found)
