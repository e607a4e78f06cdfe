"""Commands to devices: numbered, delivered until they are acknowledged or expire, and kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, Self
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.channel.door_states import HAVE_DOORS
from facepay.channel.doors import Emergency, count_command, door_of, hold_doors
from facepay.channel.interlocks import CLAIMED_FOR, DoorInterlocked, claim
from facepay.channel.kinds import COMMAND_FAILED
from facepay.channel.payloads import Open, OpenLocker, Payload
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.hub import notify
from facepay.stores.devices import DeviceRevoked, DeviceRole, get_device, topic_of
from facepay.stores.stores import get_open_store

Status = Literal["waiting", "delivered", "done", "failed", "expired"]
Outcome = Literal["done", "failed"]
DELIVERED_MAX = 50  # at once
WAITING_MAX = 200
LASTS_MAX = timedelta(days=7)
# What moves or speaks is pointless later; what a device is to be, it is still to be when it comes back.
LASTS = MappingProxyType(
    {kind: timedelta(seconds=30) for kind in ("open", "open_locker", "show", "speak")}
    | {kind: timedelta(days=1) for kind in ("lock", "unlock", "release", "configure")}
)
# The sensor's event that shows that a command had its effect, and the one that undoes it.
EFFECTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "lock": ("door_locked", "door_unlocked"),
        "unlock": ("door_unlocked", "door_locked"),
        "release": ("door_unlocked", "door_locked"),
        "open": ("door_opened", "door_closed"),
    }
)
EFFECT_WITHIN = timedelta(seconds=10)  # of the acknowledgement; of the end of the time that it is open for
PENDING = "outcome is null and expired_at is null"
WATCHED = "effect_due_at is not null and effect_observed_at is null and effect_missed_at is null"


class Command(Identified, Base):
    __tablename__ = "device_command"
    __table_args__ = (
        CheckConstraint("outcome in ('done', 'failed')", name="outcome_known"),
        CheckConstraint("(outcome is null) = (acknowledged_at is null)", name="outcome_acknowledged"),
        Index("uq_device_command_number", "device_id", "number", unique=True),
        Index("ix_device_command_pending", "device_id", "number", postgresql_where=text(PENDING)),
        Index("ix_device_command_device_id_id", "device_id", "id"),
        Index("ix_device_command_watched", "effect_due_at", postgresql_where=text(WATCHED)),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    issued_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(200))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    deliveries: Mapped[int] = mapped_column(default=0)
    first_delivered_at: Mapped[datetime | None]
    last_delivered_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(8))
    failure: Mapped[str | None] = mapped_column(String(200))
    # When it was found to have expired, and somebody was alerted.
    expired_at: Mapped[datetime | None]
    effect_expected: Mapped[str | None] = mapped_column(String(40))
    effect_due_at: Mapped[datetime | None]
    effect_observed_at: Mapped[datetime | None]
    effect_missed_at: Mapped[datetime | None]

    @property
    def acknowledged_late(self) -> bool:
        return self.acknowledged_at is not None and self.acknowledged_at >= self.expires_at

    def to_be(self, payload: Payload, *, has_sensor: bool) -> Self:
        """The command with what it says, and what shows its effect where something does."""
        effect = EFFECTS.get(payload.kind) if has_sensor else None
        self.kind, self.effect_expected = payload.kind, effect and effect[0]
        self.payload = payload.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
        return self

    def status_at(self, now: datetime) -> Status:
        if self.outcome is not None:
            return "done" if self.outcome == "done" else "failed"
        if self.expires_at <= now:
            return "expired"
        return "delivered" if self.deliveries else "waiting"


class CommandNotFound(NotFound):
    """No command with this number was delivered to this device."""

    code = "command_not_found"
    title = "No such command"


class CommandAcknowledged(Conflict):
    """The device has said before how this command ended, and said something else."""

    code = "command_acknowledged"
    title = "Acknowledged already"


class DeviceHasNoDoor(Conflict):
    """Only gates, lanes and doors have one to lock, unlock, release or open."""

    code = "device_has_no_door"
    title = "No door"


class DeviceHasNoLockers(Conflict):
    """Only machines have lockers to open."""

    code = "device_has_no_lockers"
    title = "No lockers"


class TooManyCommands(Conflict):
    """The device hasn't fetched or acknowledged what it was told before."""

    code = "too_many_commands"
    title = "Too many commands waiting"


async def issue(
    session: AsyncSession,
    *,
    device_id: UUID,
    payload: Payload,
    by: str,
    reason: str,
    now: datetime,
    lasts: timedelta | None = None,
    has_sensor: bool = True,
) -> Command:
    """Tell a device to do something; a lock or an unlock holds from this moment, whenever it gets there.

    `by` is `staff:<id>` or `device:<id>`. Without a sensor, no effect is waited for. Raises DeviceNotFound,
    DeviceRevoked, StoreClosed, DeviceHasNoDoor, DeviceHasNoLockers, DoorInEmergency, DoorInterlocked and
    TooManyCommands.
    """
    device = await get_device(session, device_id)
    if device.revoked_at is not None:
        raise DeviceRevoked("This device was revoked.")
    await get_open_store(session, device.store_id)
    if payload.kind in EFFECTS and device.role not in HAVE_DOORS:
        raise DeviceHasNoDoor(f"A {device.role} has no door.", role=device.role)
    if isinstance(payload, OpenLocker) and device.role != DeviceRole.VENDING:
        raise DeviceHasNoLockers(f"A {device.role} has no lockers.", role=device.role)
    number = await count_command(session, device_id=device_id, payload=payload)
    if isinstance(payload, Open):
        await _claim_interlock(session, device_id, payload, now)
    await _bound_waiting(session, device_id, now)
    told = Command(
        device_id=device_id,
        number=number,
        issued_by=by,
        reason=reason,
        issued_at=now,
        expires_at=now + (lasts or LASTS[payload.kind]),
    )
    session.add(told.to_be(payload, has_sensor=has_sensor))
    await session.flush()
    await notify(session, topic_of(device_id))
    return told


async def hold(
    session: AsyncSession,
    *,
    device_ids: Collection[UUID],
    emergency: Emergency | None,
    by: str,
    reason: str,
    now: datetime,
    have_sensors: Collection[UUID],
) -> None:
    """Put doors under an emergency, or under none: then each is told to be as staff last said. However many commands
    wait for it already. Their rows are locked, in the order of their ids.
    """
    doors = await hold_doors(session, device_ids=device_ids, emergency=emergency)
    for device_id, door in doors.items():
        told = Command(
            device_id=device_id,
            number=door.command_number,
            issued_by=by,
            reason=reason,
            issued_at=now,
            expires_at=now + LASTS_MAX,
        )
        session.add(told.to_be(door.payload, has_sensor=device_id in have_sensors))
    await session.flush()
    await notify(session, *map(topic_of, doors))


async def _claim_interlock(session: AsyncSession, device_id: UUID, payload: Open, now: datetime) -> None:
    """Raises DoorInterlocked. In the emergency of a release everything stands open."""
    if (await door_of(session, device_id=device_id)).released:
        return
    lasts = timedelta(seconds=payload.seconds) + CLAIMED_FOR
    if other_id := await claim(session, device_id=device_id, now=now, lasts=lasts):
        raise DoorInterlocked("Another door of its interlock is open, or about to open.", device_id=str(other_id))


async def deliver(session: AsyncSession, *, device_id: UUID, after: int, now: datetime) -> list[Command]:
    """What the device has neither acknowledged nor let expire, by number, from after this one on; counted as sent."""
    waiting = (
        select(Command.id)
        .where(Command.device_id == device_id, Command.number > after, Command.expires_at > now, text(PENDING))
        .order_by(Command.number)
        .limit(DELIVERED_MAX)
        .with_for_update()
    )
    delivered = await session.scalars(
        update(Command)
        .where(Command.id.in_(waiting))
        .values(
            deliveries=Command.deliveries + 1,
            first_delivered_at=func.coalesce(Command.first_delivered_at, now),
            last_delivered_at=now,
        )
        .returning(Command)
    )
    return sorted(delivered, key=lambda command: command.number)


async def acknowledge(
    session: AsyncSession, *, device: Principal, number: int, outcome: Outcome, failure: str | None, now: datetime
) -> Command:
    """What became of a command, also after it expired; repeating it changes nothing.

    Raises CommandNotFound and CommandAcknowledged.
    """
    query = select(Command).where(Command.device_id == device.id, Command.number == number)
    command = await session.scalar(query.with_for_update())
    if command is None or not command.deliveries:
        raise CommandNotFound("No command with this number was delivered to this device.")
    if command.outcome is not None:
        if (command.outcome, command.failure) != (outcome, failure):
            raise CommandAcknowledged("It ended otherwise, as this device said before.", outcome=command.outcome)
        return command
    command.acknowledged_at, command.outcome, command.failure = now, outcome, failure
    if outcome == "failed":
        await alert_about(session, command, store_id=device.store, kind=COMMAND_FAILED, now=now)
    elif command.effect_expected is not None:
        command.effect_due_at = now + EFFECT_WITHIN + timedelta(seconds=command.payload.get("seconds", 0))
    await session.flush()
    return command


async def alert_about(
    session: AsyncSession, command: Command, *, store_id: UUID, kind: AlertKind, now: datetime
) -> None:
    """Somebody has to see to this device; its door is a grave matter, what it shows is not."""
    await raise_alert(
        session,
        kind,
        store_id=store_id,
        severity=Severity.CRITICAL if command.kind in EFFECTS else None,
        subject=f"device:{command.device_id}",
        now=now,
        device_id=command.device_id,
        evidence=Evidence("command", command.id),
        number=command.number,
        command=command.kind,
        deliveries=command.deliveries,
    )


async def _bound_waiting(session: AsyncSession, device_id: UUID, now: datetime) -> None:
    query = select(func.count()).where(Command.device_id == device_id, Command.expires_at > now, text(PENDING))
    if (await session.scalar(query) or 0) >= WAITING_MAX:
        raise TooManyCommands("This device acknowledges nothing.", waiting_max=WAITING_MAX)
