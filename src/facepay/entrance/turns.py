"""Turns: a device serves one person, or one party, at a time, and each of them for a limited time.

A gate's conversation and a lane's passage are turns. The rules are those of Amazon's Just Walk Out for devices that
authenticate shoppers themselves (https://developer.amazon.com/docs/physicalstores/start_auth.html, `startAuth`, and
…/process_auth.html, `processAuth`): starting one locks the gate exclusively, until it was decided or its time is over;
meanwhile another start is told that the gate is busy. A trip's id makes a retried start the same turn.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal, TypeVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.ids import new_id

FACE_AWAY_MAX = timedelta(seconds=3)
STARTS_MAX = 3
T = TypeVar("T", bound="Turn")


class TurnNotFound(NotFound):
    """This device has had no turn with this id."""

    code = "turn_not_found"
    title = "No such turn"


class DeviceBusy(Conflict):
    """Another turn is open at this device: `retry_after` says for how many seconds at most."""

    code = "device_busy"
    title = "Device busy"

    def __init__(self, retry_after: timedelta) -> None:
        seconds = max(1, ceil(retry_after.total_seconds()))
        super().__init__(
            "Another turn is open at this device.", headers={"Retry-After": str(seconds)}, retry_after=seconds
        )


class Turn(Identified):
    """The mixin of a table of turns. It needs `turn_indexes`. What a turn came to stays as its `code`."""

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    trip_id: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    face_seen_at: Mapped[datetime | None]  # last
    ended_at: Mapped[datetime | None]
    code: Mapped[str | None] = mapped_column(String(40))

    def is_over(self, now: datetime) -> bool:
        return self.ended_at is not None or now >= self.expires_at

    def face_left(self, now: datetime) -> bool:
        """Whether a face that was seen is gone for three seconds. Nobody saw who stood there meanwhile."""
        return self.face_seen_at is not None and now - self.face_seen_at >= FACE_AWAY_MAX

    def why_over(self, now: datetime) -> Literal["turn_expired", "face_left"] | None:
        """Why a turn that nothing has ended by `now` has no time left, where it has none."""
        if now >= self.expires_at:
            return "turn_expired"
        return "face_left" if self.face_left(now) else None

    def gives_way(self, now: datetime) -> str | None:
        """Why somebody else may have a turn, where they may."""
        return self.why_over(now)

    def see_face(self, now: datetime) -> None:
        """Frames may be decided on in another order than they came in."""
        self.face_seen_at = now if self.face_seen_at is None else max(self.face_seen_at, now)

    def end(self, code: str, *, now: datetime) -> None:
        self.ended_at, self.code = now, code


def turn_indexes(table: str) -> tuple[Index, Index]:
    """A device has one open turn, and one turn of each trip."""
    return (
        Index(f"uq_{table}_open", "device_id", unique=True, postgresql_where=text("ended_at is null")),
        Index(f"uq_{table}_trip", "device_id", "trip_id", unique=True),
    )


async def start(
    session: AsyncSession, of: type[T], *, device_id: UUID, trip_id: str, lasts: timedelta, now: datetime, **more: Any
) -> T:
    """The device's turn of this trip, locked: a new one with what `more` says, or the one that there is, as it is.

    A turn that has no time left gives way, or one that nobody has to wait for. Raises DeviceBusy while another trip's
    is open.
    """
    fresh = {"id": new_id(), "device_id": device_id, "trip_id": trip_id, "started_at": now, "expires_at": now + lasts}
    for _ in range(STARTS_MAX):
        made = insert(of).values(fresh | more).on_conflict_do_nothing().returning(of)
        if turn := await session.scalar(made):
            return turn
        same = select(of).where(of.device_id == device_id, of.trip_id == trip_id).with_for_update()
        if turn := await session.scalar(same):
            return turn
        other = await open_turn(session, of, device_id=device_id)
        why = other and other.gives_way(now)
        if other and not why:
            raise DeviceBusy(other.expires_at - now)
        if other and why:
            other.end(why, now=now)
            await session.flush()
    raise DeviceBusy(timedelta(seconds=1))


async def open_turn(session: AsyncSession, of: type[T], *, device_id: UUID) -> T | None:
    """The turn at the device that nothing has ended, locked; it may have no time left."""
    return await session.scalar(select(of).where(of.device_id == device_id, of.ended_at.is_(None)).with_for_update())


async def turn_of(session: AsyncSession, of: type[T], *, turn_id: UUID, device_id: UUID) -> T:
    """One of the device's turns, locked until the transaction ends. Raises TurnNotFound."""
    turn = await session.get(of, turn_id, with_for_update=True)
    if turn is None or turn.device_id != device_id:
        raise TurnNotFound("This device has had no turn with this id.")
    return turn
