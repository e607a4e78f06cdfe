"""Reactions: what a store's devices are told when an alert is raised, by rules and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, model_validator
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.kinds import Severity
from facepay.channel.commands import EFFECTS
from facepay.channel.door_states import HAVE_DOORS
from facepay.channel.payloads import Payload
from facepay.channel.schemas import LASTS_SECONDS_MAX
from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import NotFound, Problem
from facepay.kernel.schemas import Request
from facepay.stores.devices import Device, DeviceRole
from facepay.stores.stores import get_open_store

DEVICES_MAX, STEPS_MAX = 50, 10
ISSUED = "numbers <> '{}'"


class Step(Request):
    """One command, and for whom: the device that the alert is about, all of some roles, or some by name."""

    command: Payload
    raised_by: Annotated[bool, Field(strict=True, description="The device that the alert is about.")] = False
    roles: list[DeviceRole] = Field(default=[], max_length=len(DeviceRole), examples=[["gate", "door"]])
    device_ids: list[UUID] = Field(default=[], max_length=DEVICES_MAX)
    lasts_seconds: Annotated[
        int | None, Field(ge=1, le=LASTS_SECONDS_MAX, strict=True, description="As of any command.")
    ] = None
    has_sensor: Annotated[
        bool, Field(strict=True, description="Whether something at the door can show that it moved.")
    ] = True

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not (self.raised_by or self.roles or self.device_ids):
            raise ValueError("name whom the command is for: raised_by, roles or device_ids")
        if self.command.kind in EFFECTS and (without := sorted(set(self.roles) - set(HAVE_DOORS))):
            raise ValueError(f"no door has a {', '.join(without)}")
        return self

    def is_for(self, device: Device, raised_by: UUID | None) -> bool:
        return device.role in self.roles or device.id in self.device_ids or (self.raised_by and device.id == raised_by)


STEPS: TypeAdapter[list[Step]] = TypeAdapter(list[Step])


class Reaction(Identified, Base):
    """A rule: `steps` are taken for each alert of this kind that is at least so severe.

    At one device it rests for `cooldown_seconds`, whatever is raised meanwhile.
    """

    __tablename__ = "reaction"
    __table_args__ = (
        CheckConstraint("severity_min between 1 and 3", name="severity_known"),
        CheckConstraint("cooldown_seconds >= 0", name="cooldown_lasts"),
        Index("ix_reaction_store_id_id", "store_id", "id"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    name: Mapped[str] = mapped_column(String(200))
    alert_kind: Mapped[str] = mapped_column(String(40))
    severity_min: Mapped[int] = mapped_column(SmallInteger)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    cooldown_seconds: Mapped[int]
    enabled: Mapped[bool]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class ReactionOutcome(Identified, Base):
    """What came of a rule for one alert at one device; `numbers` are those of its commands."""

    __tablename__ = "reaction_outcome"
    __table_args__ = (
        CheckConstraint("outcome in ('issued', 'cooling_down', 'too_late', 'failed')", name="outcome_known"),
        CheckConstraint("(outcome = 'failed') = (failure is not null)", name="failed_for_a_reason"),
        Index("uq_reaction_outcome_once", "reaction_id", "alert_id", "device_id", unique=True),
        Index("ix_reaction_outcome_issued", "reaction_id", "device_id", "at", postgresql_where=text(ISSUED)),
    )

    reaction_id: Mapped[UUID] = mapped_column(ForeignKey("reaction.id"))
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    outcome: Mapped[str] = mapped_column(String(16))
    numbers: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    failure: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]


class ReactionNotFound(NotFound):
    """There is no reaction with this id."""

    code = "reaction_not_found"
    title = "No such reaction"


class UnknownDevices(Problem):
    """Some of these devices aren't in this store."""

    status = 422
    code = "devices_of_other_store"
    title = "No such devices in this store"


async def add_reaction(
    session: AsyncSession,
    *,
    store_id: UUID,
    name: str,
    alert_kind: str,
    severity_min: Severity,
    steps: Sequence[Step],
    cooldown_seconds: int,
    now: datetime,
) -> Reaction:
    """For alerts that are raised from now on. Raises StoreNotFound, StoreClosed and UnknownDevices."""
    await get_open_store(session, store_id)
    await _check_devices(session, store_id, steps)
    reaction = Reaction(
        store_id=store_id,
        name=name,
        alert_kind=alert_kind,
        severity_min=severity_min,
        steps=STEPS.dump_python(list(steps), mode="json", exclude_none=True),
        cooldown_seconds=cooldown_seconds,
        enabled=True,
        created_at=now,
        changed_at=now,
    )
    session.add(reaction)
    await session.flush()
    return reaction


async def change_reaction(
    session: AsyncSession,
    *,
    reaction_id: UUID,
    changes: dict[str, Any],
    steps: Sequence[Step] | None = None,
    now: datetime,
) -> Reaction:
    """`changes` are columns, but for `steps`. Raises ReactionNotFound and UnknownDevices."""
    reaction = await get_reaction(session, reaction_id, lock=True)
    for field, value in changes.items():
        setattr(reaction, field, value)
    if steps is not None:
        await _check_devices(session, reaction.store_id, steps)
        reaction.steps = STEPS.dump_python(list(steps), mode="json", exclude_none=True)
    reaction.changed_at = now
    await session.flush()
    return reaction


async def get_reaction(session: AsyncSession, reaction_id: UUID, *, lock: bool = False) -> Reaction:
    """Raises ReactionNotFound."""
    reaction = await session.get(Reaction, reaction_id, with_for_update=lock or None)
    if reaction is None:
        raise ReactionNotFound("There is no reaction with this id.")
    return reaction


async def _check_devices(session: AsyncSession, store_id: UUID, steps: Sequence[Step]) -> None:
    named = {device_id for step in steps for device_id in step.device_ids}
    known = await session.scalars(select(Device.id).where(Device.store_id == store_id, Device.id.in_(named)))
    if unknown := named - set(known):
        raise UnknownDevices("Some of these devices aren't in this store.", device_ids=sorted(map(str, unknown)))
