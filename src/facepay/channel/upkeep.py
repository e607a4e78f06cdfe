"""What silence says: a command that nobody acknowledged, a door that didn't move, an event that never came."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from facepay.channel.commands import EFFECTS, PENDING, WATCHED, Command, alert_about
from facepay.channel.events import DeviceEvent
from facepay.channel.kinds import COMMAND_UNACKNOWLEDGED, COMMAND_UNDELIVERED, EFFECT_NOT_OBSERVED
from facepay.kernel.database import Database
from facepay.stores.devices import Device

AT_ONCE_MAX = 500
DRIFT_MAX = timedelta(seconds=2)  # of a device's clock, between two heartbeats
# No clock is wrong by more that ever says when an event happened; what a heartbeat may say, no datetime holds.
SKEW_MAX = timedelta(days=36_500)


async def judge_commands(database: Database, *, now: datetime) -> None:
    """Expire what nobody acknowledged in time; note the effects that sensors saw, and alert where none did."""
    async with database.begin() as session:
        await _expire(session, now)
    async with database.begin() as session:
        await _observe(session, now)


async def _expire(session: AsyncSession, now: datetime) -> None:
    due = _some(Command.expires_at).where(text(PENDING), Command.expires_at <= now)
    for command, device in await session.execute(due):
        command.expired_at = now
        kind = COMMAND_UNACKNOWLEDGED if command.deliveries else COMMAND_UNDELIVERED
        await alert_about(session, command, store_id=device.store_id, kind=kind, now=now)


async def _observe(session: AsyncSession, now: datetime) -> None:
    for command, device in await session.execute(_some(Command.effect_due_at).where(text(WATCHED))):
        assert command.effect_due_at is not None, "it is watched"
        command.effect_observed_at = await _seen_at(session, command, device)
        if command.effect_observed_at is None and command.effect_due_at <= now:
            command.effect_missed_at = now
            await alert_about(session, command, store_id=device.store_id, kind=EFFECT_NOT_OBSERVED, now=now)


def _some(first: InstrumentedAttribute[Any]) -> Select[Command, Device]:
    """Whatever is locked now is judged the next time."""
    return (
        select(Command, Device)
        .join(Device, Device.id == Command.device_id)
        .order_by(first)
        .limit(AT_ONCE_MAX)
        .with_for_update(of=Command, skip_locked=True)
    )


async def _seen_at(session: AsyncSession, command: Command, device: Device) -> datetime | None:
    """When the sensor showed what the command was for, by our clock; at its delivery where it was so already."""
    assert command.first_delivered_at is not None, "it was acknowledged"
    assert command.effect_due_at is not None, "it is watched"
    ahead = max(-SKEW_MAX, min(SKEW_MAX, timedelta(milliseconds=device.clock_skew_ms or 0)))
    start, end = command.first_delivered_at + ahead - DRIFT_MAX, command.effect_due_at + ahead
    wanted, opposite = EFFECTS[command.kind]
    of_device = DeviceEvent.device_id == device.id
    then = await session.scalar(
        select(func.min(DeviceEvent.happened_at)).where(
            of_device, DeviceEvent.kind == wanted, DeviceEvent.happened_at.between(start, end)
        )
    )
    if then is not None:
        return then - ahead
    before = await session.scalar(
        select(DeviceEvent.kind)
        .where(of_device, DeviceEvent.kind.in_((wanted, opposite)), DeviceEvent.happened_at < start)
        .order_by(DeviceEvent.happened_at.desc())
        .limit(1)
    )
    return command.first_delivered_at if before == wanted else None
