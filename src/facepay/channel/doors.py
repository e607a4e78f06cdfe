"""The door of a gate or a lane: locked or not, as the last command said in the moment that it was issued.

Each device has a row that counts its commands and holds its door's state, from its registration on (a trigger sees to
it). Issuing a command changes it; whoever decides about the door reads it under a share lock in the same transaction.
So each decision comes before a command or after it, and says so by the number of the last command it knew of: a device
that gets an answer and a command in any order applies the later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Select, SQLColumnExpression, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.channel.payloads import Lock, Payload, Unlock
from facepay.kernel.database import Base


class DeviceChannel(Base):
    __tablename__ = "device_channel"
    __table_args__ = (CheckConstraint("locked or not exits_locked", name="locked_both_ways"),)

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    command_number: Mapped[int] = mapped_column(server_default=text("0"))
    locked: Mapped[bool] = mapped_column(server_default=text("false"))
    exits_locked: Mapped[bool] = mapped_column(server_default=text("false"))


@dataclass(frozen=True, slots=True)
class Door:
    """As of the command with this number; 0 where there was none yet."""

    locked: bool
    exits_locked: bool
    command_number: int

    def is_shut_to(self, direction: Literal["entry", "exit"]) -> bool:
        """Nobody is locked in, unless staff said so."""
        return self.locked if direction == "entry" else self.exits_locked


async def door_of(session: AsyncSession, *, device_id: UUID) -> Door:
    """The device's door, held so until the transaction ends: ask before any member's row is locked."""
    return Door(*(await session.execute(door_query(device_id))).one())


def door_query(device_id: UUID | SQLColumnExpression[UUID]) -> Select[bool, bool, int]:
    """The same as a statement to build on: its first columns make a Door."""
    return (
        select(DeviceChannel.locked, DeviceChannel.exits_locked, DeviceChannel.command_number)
        .where(DeviceChannel.device_id == device_id)
        .with_for_update(read=True, of=DeviceChannel)
    )


async def count_command(session: AsyncSession, *, device_id: UUID, payload: Payload) -> int:
    """The number of a new command, which decides about the door from now on.

    The row stays locked until the transaction ends, so that numbers are committed in order.
    """
    number: int | None = await session.scalar(
        update(DeviceChannel)
        .where(DeviceChannel.device_id == device_id)
        .values(command_number=DeviceChannel.command_number + 1, **_state_after(payload))
        .returning(DeviceChannel.command_number)
    )
    assert number is not None, "each device has its row"
    return number


def _state_after(payload: Payload) -> dict[str, bool]:
    match payload:
        case Lock(exits=exits):
            return {"locked": True, "exits_locked": exits}
        case Unlock():
            return {"locked": False, "exits_locked": False}
        case _:
            return {}
