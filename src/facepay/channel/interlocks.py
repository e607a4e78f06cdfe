"""Interlocks: doors of which one at most may be open, so that nobody walks straight through (a mantrap).

A door in an interlock opens only while all others are known to be closed. From the decision to open one until its
sensor says that it is open, the interlock is claimed for it. A door whose sensor can't tell counts as open; one that
has never told isn't taken into an interlock, since it would stop all others for good. Whoever goes out waits for a door
that is open, and not for one that is stuck: no fault locks anybody in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.channel.door_states import DoorSensor, states_of
from facepay.kernel.database import Base, Identified, saved
from facepay.kernel.errors import Conflict, NotFound
from facepay.stores.devices import Device, DeviceNotFound, DeviceRole
from facepay.stores.stores import get_open_store

# From the decision until the leaf has moved and its sensor was heard: a strike stays released for about five seconds.
CLAIMED_FOR = timedelta(seconds=8)
# A door that has been open for longer, or whose sensor has failed, is stuck: the way out no longer waits for it.
STUCK_AFTER = timedelta(seconds=30)
DOORS_MAX = 10
INTERLOCKED_ROLES = (DeviceRole.GATE, DeviceRole.DOOR)


class Interlock(Identified, Base):
    __tablename__ = "interlock"
    __table_args__ = (Index("uq_interlock_name", "store_id", "name", unique=True),)

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    claimed_by: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    claimed_until: Mapped[datetime | None]


class InterlockDoor(Base):
    """A door may be in several: the middle one of three belongs to those on either side."""

    __tablename__ = "interlock_door"

    interlock_id: Mapped[UUID] = mapped_column(ForeignKey("interlock.id", ondelete="cascade"), primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True, index=True)


class InterlockNotFound(NotFound):
    """There is no interlock with this id."""

    code = "interlock_not_found"
    title = "No such interlock"


class InterlockNameTaken(Conflict):
    """Another interlock of this store has this name."""

    code = "interlock_name_taken"
    title = "Interlock name taken"


class DoorHasNoSensor(Conflict):
    """The door has never said whether it is open or closed."""

    code = "door_has_no_sensor"
    title = "No door sensor"


class DoorInterlocked(Conflict):
    """Another door of its interlock is open, or about to open."""

    code = "door_interlocked"
    title = "Interlocked"


async def add_interlock(
    session: AsyncSession, *, store_id: UUID, name: str, device_ids: Collection[UUID], now: datetime
) -> Interlock:
    """Of gates and doors of this store. Raises StoreNotFound, StoreClosed, DeviceNotFound, DoorHasNoSensor and
    InterlockNameTaken.
    """
    store = await get_open_store(session, store_id)
    fit = Device.id.in_(device_ids), Device.store_id == store.id, Device.revoked_at.is_(None)
    found = set(await session.scalars(select(Device.id).where(*fit, Device.role.in_(INTERLOCKED_ROLES))))
    if missing := set(device_ids) - found:
        raise DeviceNotFound("There is no such gate or door in this store.", device_ids=sorted(map(str, missing)))
    states = await states_of(session, device_ids)
    if silent := [str(each) for each, state in states.items() if state.state == "unknown"]:
        raise DoorHasNoSensor("A door in an interlock has to say when it opens and closes.", device_ids=sorted(silent))
    interlock = Interlock(store_id=store.id, name=name, created_at=now)
    session.add(interlock)
    await saved(session, InterlockNameTaken("Another interlock of this store has this name."))
    session.add_all(InterlockDoor(interlock_id=interlock.id, device_id=each) for each in sorted(set(device_ids)))
    await session.flush()
    return interlock


async def doors_in(session: AsyncSession, interlocks: Sequence[Interlock]) -> dict[UUID, list[UUID]]:
    """The doors of each, by its id."""
    ids = [interlock.id for interlock in interlocks]
    doors: dict[UUID, list[UUID]] = {each: [] for each in ids}
    query = select(InterlockDoor).where(InterlockDoor.interlock_id.in_(ids)).order_by(InterlockDoor.device_id)
    for door in await session.scalars(query):
        doors[door.interlock_id].append(door.device_id)
    return doors


async def remove_interlock(session: AsyncSession, *, interlock_id: UUID) -> None:
    """Raises InterlockNotFound."""
    removed = await session.scalar(delete(Interlock).where(Interlock.id == interlock_id).returning(Interlock.id))
    if removed is None:
        raise InterlockNotFound("There is no interlock with this id.")


async def stands_in_way(session: AsyncSession, *, device_id: UUID, now: datetime, leaving: bool = False) -> UUID | None:
    """The door because of which this one may not open, or None: then its interlocks are held until the transaction
    ends, and `claim` succeeds.

    Nobody waits for an interlock, so it may be asked at any point of the lock order: one that another transaction holds
    is about to be claimed.
    """
    mine = select(InterlockDoor.interlock_id).where(InterlockDoor.device_id == device_id)
    held = {
        interlock.id: interlock
        for interlock in await session.scalars(
            select(Interlock)
            .where(Interlock.id.in_(mine))
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
    }
    others = await session.execute(
        select(InterlockDoor.interlock_id, InterlockDoor.device_id, DoorSensor.shows, DoorSensor.since)
        .join(Device, and_(Device.id == InterlockDoor.device_id, Device.revoked_at.is_(None)))
        .outerjoin(DoorSensor, and_(DoorSensor.device_id == Device.id, DoorSensor.aspect == "leaf"))
        .where(InterlockDoor.interlock_id.in_(mine), InterlockDoor.device_id != device_id)
        .order_by(InterlockDoor.device_id)
    )
    for interlock_id, other_id, shows, since in others.all():
        interlock = held.get(interlock_id)
        stuck = shows == "held_open" or since is None or now - since >= STUCK_AFTER
        waits = shows != "closed" and not (leaving and stuck)
        if interlock is None or waits or _is_claimed(interlock, other_id, now):
            return other_id
    return None


async def claim(
    session: AsyncSession, *, device_id: UUID, now: datetime, lasts: timedelta = CLAIMED_FOR, leaving: bool = False
) -> UUID | None:
    """The door because of which this one may not open now, or None: then no other door may for so long.

    None too for a door that is in no interlock; `Door.interlocked` says whether it is worth asking.
    """
    if other_id := await stands_in_way(session, device_id=device_id, now=now, leaving=leaving):
        return other_id
    mine = select(InterlockDoor.interlock_id).where(InterlockDoor.device_id == device_id)
    claimed = update(Interlock).where(Interlock.id.in_(mine)).values(claimed_by=device_id, claimed_until=now + lasts)
    await session.execute(claimed, execution_options={"synchronize_session": False})
    return None


def _is_claimed(interlock: Interlock, device_id: UUID, now: datetime) -> bool:
    return interlock.claimed_by == device_id and interlock.claimed_until is not None and interlock.claimed_until > now
