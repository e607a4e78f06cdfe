"""The guard's view as the API shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from facepay.alerts.kinds import AlertKinds, SeverityName
from facepay.alerts.records import Alert
from facepay.alerts.router import AlertAnswer
from facepay.alerts.sightings import Uncounted
from facepay.kernel.schemas import Answer
from facepay.nightwatch.guard import DoorView, GuardView
from facepay.stores.devices import Device


class ZoneAnswer(Answer):
    id: UUID
    name: str
    people: Annotated[int, Field(description="Holders of credentials, by the doors they passed.")]
    capacity_max: int | None


class InsideAnswer(Answer):
    people: Annotated[int, Field(description="On the shop floor: members and their guests, by the gates they passed.")]
    capacity_max: int | None
    zones: list[ZoneAnswer]


class DeviceAnswer(Answer):
    id: UUID
    name: str
    role: str
    last_seen_at: datetime | None


class DoorAnswer(DeviceAnswer):
    state: Annotated[str, Field(examples=["closed", "open", "forced", "held_open", "unknown"])]
    bolt: str
    tampered: bool
    since: datetime | None
    locked: bool
    released: bool
    emergency: str | None

    @classmethod
    def of(cls, view: DoorView) -> Self:
        return cls(
            **_device(view.device),
            state=view.stands.state,
            bolt=view.stands.bolt,
            tampered=view.stands.tampered,
            since=view.stands.since,
            locked=view.door.locked,
            released=view.door.released,
            emergency=view.door.emergency,
        )


class CameraAnswer(DeviceAnswer):
    faults: Annotated[list[str], Field(examples=[["covered"]])]
    last_frame_at: datetime
    last_motion_at: datetime | None


class EmergencyAnswer(Answer):
    id: UUID
    kind: str
    zone: Annotated[str | None, Field(description="Null is the whole store.")]
    reason: str
    declared_at: datetime


class HitAnswer(Answer):
    """Somebody waits at a door. Who it may be is the watchlist's to show, to whoever may look."""

    id: UUID
    device_id: UUID
    alert_id: UUID
    seen_at: datetime
    expires_at: datetime


class FiguresAnswer(Answer):
    by_severity: dict[SeverityName, int]
    unacknowledged: int
    unacknowledged_since: datetime | None


class GuardAlert(AlertAnswer):
    words: Annotated[str, Field(description="What this kind of alert says.")]

    @classmethod
    def of_kind(cls, alert: Alert, left: Uncounted, kinds: AlertKinds) -> Self:
        """With what is left to be counted."""
        words = {kind.name: kind.words for kind in kinds}.get(alert.kind, alert.kind)
        return cls(**AlertAnswer.of(alert, left).model_dump(), words=words)


class GuardAnswer(Answer):
    at: datetime
    inside: InsideAnswer
    doors: list[DoorAnswer]
    cameras: list[CameraAnswer]
    silent: Annotated[list[DeviceAnswer], Field(description="Devices that no longer say that they are alive.")]
    emergencies: list[EmergencyAnswer]
    hits: list[HitAnswer]
    figures: FiguresAnswer
    alerts: Annotated[
        list[GuardAlert],
        Field(description="The first fifty that are open: what nobody looks after, the gravest, the oldest."),
    ]

    @classmethod
    def of(cls, view: GuardView, kinds: AlertKinds) -> Self:
        return cls(
            at=view.at,
            inside=InsideAnswer.model_validate(view.inside),
            doors=[DoorAnswer.of(door) for door in view.doors],
            cameras=[
                CameraAnswer(
                    **_device(device),
                    faults=sorted(state.faults),
                    last_frame_at=state.last_frame_at,
                    last_motion_at=state.last_motion_at,
                )
                for device, state in view.cameras
            ],
            silent=[DeviceAnswer.model_validate(device) for device in view.silent],
            emergencies=[
                EmergencyAnswer(id=each.id, kind=each.kind, zone=zone, reason=each.reason, declared_at=each.declared_at)
                for each, zone in view.emergencies
            ],
            hits=[HitAnswer.model_validate(hit) for hit in view.hits],
            figures=FiguresAnswer.model_validate(view.figures),
            alerts=[GuardAlert.of_kind(alert, view.uncounted, kinds) for alert in view.alerts],
        )


def _device(device: Device) -> dict[str, Any]:
    return DeviceAnswer.model_validate(device).model_dump()
