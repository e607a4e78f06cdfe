"""Doors and interlocks as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field

from facepay.channel.door_states import Bolt, DoorState, Leaf
from facepay.channel.doors import Door, Emergency
from facepay.channel.interlocks import DOORS_MAX, Interlock
from facepay.kernel.schemas import Answer, Line, Request
from facepay.stores.devices import Device, DeviceRole


class DoorOverview(Answer):
    """How a door is to be, and how its sensors say that it is."""

    device_id: UUID
    name: str
    role: DeviceRole
    state: Annotated[Leaf, Field(description="Of the leaf; `unknown` where no sensor has said.")]
    bolt: Bolt
    tampered: bool
    since: Annotated[datetime | None, Field(description="When the leaf came to be so.")]
    locked: bool
    exits_locked: bool
    released: bool
    emergency: Annotated[Emergency | None, Field(description="What holds the door, over what staff have said.")]
    interlocked: bool
    command_number: int
    last_seen_at: datetime | None

    @classmethod
    def of(cls, device: Device, door: Door, state: DoorState) -> Self:
        shown = {
            name: getattr(each, name)
            for each in (device, door, state)
            for name in cls.model_fields
            if hasattr(each, name)
        }
        return cls(device_id=device.id, **shown)


def _each_once(device_ids: list[UUID]) -> list[UUID]:
    """Raises ValueError."""
    if len(set(device_ids)) < len(device_ids):
        raise ValueError("name each door once")
    return device_ids


class NewInterlock(Request):
    name: Annotated[Line, Field(examples=["Vault mantrap"])]
    device_ids: Annotated[
        list[UUID],
        Field(min_length=2, max_length=DOORS_MAX, description="Gates and doors whose sensors have been heard."),
        AfterValidator(_each_once),
    ]


class InterlockAnswer(Answer):
    id: UUID
    store_id: UUID
    name: str
    device_ids: list[UUID]
    created_at: datetime
    claimed_by: Annotated[UUID | None, Field(description="The last door that was let open.")]
    claimed_until: datetime | None

    @classmethod
    def of(cls, interlock: Interlock, device_ids: list[UUID]) -> Self:
        shown = {name: getattr(interlock, name) for name in cls.model_fields if hasattr(interlock, name)}
        return cls(**shown, device_ids=device_ids)
