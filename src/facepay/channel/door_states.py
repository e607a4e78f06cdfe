"""How a door stands, by what its sensors say: the leaf, the bolt, and whether somebody tampers with it.

The words are those of ONVIF's door control (DoorPhysicalState, LockPhysicalState, DoorAlarm, DoorTamper). A device's
events come late, repeated and in any order. What counts is the last of them as the device numbers them: of the run that
was first heard of last, the highest number. A door that has never said anything is unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Protocol
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, case, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.channel.sequences import DeviceSequence
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base
from facepay.kernel.hub import notify
from facepay.stores.devices import DeviceRole

HAVE_DOORS = (DeviceRole.GATE, DeviceRole.LANE, DeviceRole.DOOR)
Leaf = Literal["closed", "open", "forced", "held_open", "unknown"]
Bolt = Literal["locked", "unlocked", "unknown"]
# What each event says of a door. A sensor that fails says so by `door_unknown`.
SAYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "door_closed": ("leaf", "closed"),
        "door_opened": ("leaf", "open"),
        "door_forced": ("leaf", "forced"),
        "door_held_open": ("leaf", "held_open"),
        "door_unknown": ("leaf", "unknown"),
        "door_locked": ("bolt", "locked"),
        "door_unlocked": ("bolt", "unlocked"),
        "tamper": ("tamper", "tampered"),
        "tamper_ended": ("tamper", "untouched"),
    }
)


class DoorSensor(Base):
    """What one sensor of a door shows, and the event that says so."""

    __tablename__ = "door_sensor"
    __table_args__ = (CheckConstraint("aspect in ('leaf', 'bolt', 'tamper')", name="aspect_known"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    aspect: Mapped[str] = mapped_column(String(8), primary_key=True)
    shows: Mapped[str] = mapped_column(String(12))
    since: Mapped[datetime]  # by our clock
    run_order: Mapped[int]
    sequence: Mapped[int]


@dataclass(frozen=True, slots=True)
class DoorState:
    """`since` is when the leaf came to be as it is, by our clock; None where nobody ever said."""

    state: Leaf = "unknown"
    bolt: Bolt = "unknown"
    tampered: bool = False
    since: datetime | None = None

    @classmethod
    def of(cls, sensors: Iterable[DoorSensor]) -> DoorState:
        shown = {sensor.aspect: sensor for sensor in sensors}
        leaf, bolt, tamper = (shown.get(aspect) for aspect in ("leaf", "bolt", "tamper"))
        return cls(
            state=leaf.shows if leaf else "unknown",  # type: ignore[arg-type]
            bolt=bolt.shows if bolt else "unknown",  # type: ignore[arg-type]
            tampered=tamper is not None and tamper.shows == "tampered",
            since=leaf.since if leaf else None,
        )


class Said(Protocol):
    """An event as far as it matters here."""

    @property
    def sequence(self) -> int: ...
    @property
    def kind(self) -> str: ...


def doors_of(store_id: UUID) -> str:
    """What wakes whoever watches a store's doors."""
    return f"doors:{store_id}"


async def state_of(session: AsyncSession, device_id: UUID) -> DoorState:
    """Of any device; one without a door is unknown for ever."""
    return (await states_of(session, [device_id]))[device_id]


async def states_of(session: AsyncSession, device_ids: Collection[UUID]) -> dict[UUID, DoorState]:
    """Of each of them."""
    found = list(await session.scalars(select(DoorSensor).where(DoorSensor.device_id.in_(device_ids))))
    return {each: DoorState.of(sensor for sensor in found if sensor.device_id == each) for each in device_ids}


async def follow(session: AsyncSession, *, device: Principal, run: str, events: Iterable[Said], now: datetime) -> None:
    """Let a device's door stand as these events say, unless later ones have said otherwise before."""
    last: dict[str, Said] = {}
    for event in sorted(events, key=lambda each: each.sequence):
        if event.kind in SAYS:
            last[SAYS[event.kind][0]] = event
    if not last or device.role not in HAVE_DOORS:
        return
    order = select(DeviceSequence.run_order).where(
        DeviceSequence.device_id == device.id, DeviceSequence.series == "event", DeviceSequence.run == run
    )
    told = insert(DoorSensor).values(
        [
            {
                "device_id": device.id,
                "aspect": aspect,
                "shows": SAYS[event.kind][1],
                "since": now,
                "run_order": order.scalar_subquery(),
                "sequence": event.sequence,
            }
            for aspect, event in sorted(last.items())
        ]
    )
    new = told.excluded
    await session.execute(
        told.on_conflict_do_update(
            index_elements=["device_id", "aspect"],
            set_={
                "shows": new.shows,
                "since": case((DoorSensor.shows == new.shows, DoorSensor.since), else_=new.since),
                "run_order": new.run_order,
                "sequence": new.sequence,
            },
            where=tuple_(DoorSensor.run_order, DoorSensor.sequence) < tuple_(new.run_order, new.sequence),
        )
    )
    await notify(session, doors_of(device.store))
