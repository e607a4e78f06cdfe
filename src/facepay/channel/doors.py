"""The door of a gate, a lane or an access point: locked, released or neither, as the last command said when it was
issued.

Each device has a row that counts its commands and holds its door's state, from its registration on (a trigger sees to
it). Issuing a command changes it; whoever decides about the door reads it under a share lock in the same transaction.
So each decision comes before a command or after it, and says so by the number of the last command it knew of: a device
that gets an answer and a command in any order applies the later one.

An emergency lies over what staff have said, and leaves it as it is: once that ends, the door is again as it was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Select, SQLColumnExpression, String, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.channel.interlocks import InterlockDoor
from facepay.channel.payloads import Lock, Payload, Release, Unlock
from facepay.kernel.database import Base
from facepay.kernel.errors import Conflict

Emergency = Literal["release", "lockdown"]


class DeviceChannel(Base):
    __tablename__ = "device_channel"
    __table_args__ = (
        CheckConstraint("locked or not exits_locked", name="locked_both_ways"),
        CheckConstraint("not (locked and released)", name="locked_or_released"),
        CheckConstraint("emergency in ('release', 'lockdown')", name="emergency_known"),
        Index("ix_device_channel_held", "device_id", postgresql_where=text("emergency is not null")),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    command_number: Mapped[int] = mapped_column(server_default=text("0"))
    # What staff have said.
    locked: Mapped[bool] = mapped_column(server_default=text("false"))
    exits_locked: Mapped[bool] = mapped_column(server_default=text("false"))
    released: Mapped[bool] = mapped_column(server_default=text("false"))
    emergency: Mapped[Emergency | None] = mapped_column(String(8))


@dataclass(frozen=True, slots=True)
class Door:
    """As of the command with this number; 0 where there was none yet. `interlocked`: ask `interlocks.claim` first."""

    locked: bool
    exits_locked: bool
    command_number: int
    released: bool
    emergency: Emergency | None
    interlocked: bool

    def is_shut_to(self, direction: Literal["entry", "exit"]) -> bool:
        """Nobody is locked in, unless staff said so."""
        return self.locked if direction == "entry" else self.exits_locked

    @property
    def release_code(self) -> Literal["emergency", "released"]:
        """Why whoever comes passes a released door: what decisions about it say."""
        return "emergency" if self.emergency else "released"

    @property
    def payload(self) -> Lock | Unlock | Release:
        """The command that makes it so."""
        if self.released:
            return Release()
        return Lock(exits=self.exits_locked) if self.locked else Unlock()


class DoorInEmergency(Conflict):
    """An emergency holds this door; end that first."""

    code = "door_in_emergency"
    title = "Emergency"


_HELD = DeviceChannel.emergency
_COLUMNS = (
    _HELD.is_not_distinct_from("lockdown") | (_HELD.is_(None) & DeviceChannel.locked),
    _HELD.is_distinct_from("release") & DeviceChannel.exits_locked,
    DeviceChannel.command_number,
    _HELD.is_not_distinct_from("release") | (_HELD.is_(None) & DeviceChannel.released),
    _HELD,
    select(InterlockDoor.device_id).where(InterlockDoor.device_id == DeviceChannel.device_id).exists(),
)


async def door_of(session: AsyncSession, *, device_id: UUID) -> Door:
    """The device's door, held so until the transaction ends: ask before any member's row is locked."""
    return Door(*(await session.execute(door_query(device_id))).one())


def door_query(
    device_id: UUID | SQLColumnExpression[UUID],
) -> Select[bool, bool, int, bool, Emergency | None, bool]:
    """The same as a statement to build on: its first columns make a Door."""
    return select(*_COLUMNS).where(DeviceChannel.device_id == device_id).with_for_update(read=True, of=DeviceChannel)


async def doors_by_id(session: AsyncSession, device_ids: Collection[UUID]) -> dict[UUID, Door]:
    """Of each of them, to look at: nothing is held."""
    found = await session.execute(
        select(DeviceChannel.device_id, *_COLUMNS).where(DeviceChannel.device_id.in_(device_ids))
    )
    return {row[0]: Door(*row[1:]) for row in found}


async def count_command(session: AsyncSession, *, device_id: UUID, payload: Payload) -> int:
    """The number of a new command, which decides about the door from now on. Raises DoorInEmergency.

    The row stays locked until the transaction ends, so that numbers are committed in order.
    """
    state = _state_after(payload)
    counted = (
        update(DeviceChannel)
        .where(DeviceChannel.device_id == device_id)
        .values(command_number=DeviceChannel.command_number + 1, **state)
        .returning(DeviceChannel.command_number)
    )
    if state:
        counted = counted.where(DeviceChannel.emergency.is_(None))
    number: int | None = await session.scalar(counted)
    if number is None:
        raise DoorInEmergency("An emergency holds this door; end that first.")
    return number


async def hold_doors(
    session: AsyncSession, *, device_ids: Collection[UUID], emergency: Emergency | None
) -> dict[UUID, Door]:
    """Doors under another emergency or under none, each with the number of the command that has yet to say so. Their
    rows are locked, in the order of their ids.
    """
    held = (
        update(DeviceChannel)
        .where(DeviceChannel.device_id.in_(device_ids))
        .values(command_number=DeviceChannel.command_number + 1, emergency=emergency)
        .returning(DeviceChannel.device_id, *_COLUMNS)
    )
    found = await session.execute(held, execution_options={"synchronize_session": False})
    return {row[0]: Door(*row[1:]) for row in found}


def _state_after(payload: Payload) -> dict[str, bool]:
    match payload:
        case Lock(exits=exits):
            return {"locked": True, "exits_locked": exits, "released": False}
        case Unlock():
            return {"locked": False, "exits_locked": False, "released": False}
        case Release():
            return {"locked": False, "exits_locked": False, "released": True}
        case _:
            return {}
