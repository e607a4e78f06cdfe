"""Cameras: how each one is, and when something last moved before it. The picture is gone with the request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import ForeignKey, func, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import Evidence, raise_alert, resolve_if_open
from facepay.alerts.kinds import AlertKind, Severity
from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Db
from facepay.kernel.errors import NotFound
from facepay.kernel.recent import Recent
from facepay.vision.camera_health import CameraHealth, Fault, Health
from facepay.vision.frames import FrameLimits, decode_frame
from facepay.vision.motion import MotionWatcher, Zone

KEPT_EVERY = timedelta(seconds=60)
EYES_MAX = 64  # each takes some 4 MB
# Motion is looked for in each of these, so that somebody far away is as much of one as somebody near is of the view.
COLUMNS, ROWS = 4, 3
FIELDS: Mapping[str, Zone] = MappingProxyType(
    {
        f"{row}.{column}": tuple(
            ((column + right) / COLUMNS, (row + down) / ROWS) for right, down in ((0, 0), (1, 0), (1, 1), (0, 1))
        )
        for row in range(ROWS)
        for column in range(COLUMNS)
    }
)
ALERT_OF: Mapping[Fault, AlertKind] = MappingProxyType(
    {
        Fault.COVERED: AlertKind("camera_covered", Severity.CRITICAL, "A camera sees nothing: something is before it."),
        Fault.MOVED: AlertKind("camera_moved", Severity.CRITICAL, "A camera looks somewhere else than it did."),
        Fault.BLURRED: AlertKind("camera_blurred", Severity.WARNING, "A camera is out of focus, or its lens is dirty."),
        Fault.FROZEN: AlertKind("camera_frozen", Severity.CRITICAL, "A camera shows a picture of before."),
        Fault.DARK: AlertKind("camera_dark", Severity.WARNING, "It is too dark for a camera."),
        Fault.NOISY: AlertKind("camera_noisy", Severity.WARNING, "A camera's signal is broken."),
    }
)

ALERT_KINDS = tuple(ALERT_OF.values())


class CameraState(Base):
    """Of a device that shows what its camera sees, from its first frame on. `view` counts what staff said it is to
    see; `memory` is how that usually looks, as histograms of edges, of which no picture can be made. Each of `faults`
    is there with its alert's id, `since` when it is seen.
    """

    __tablename__ = "camera_state"

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    last_frame_at: Mapped[datetime]
    last_motion_at: Mapped[datetime | None]
    faults: Mapped[dict[str, dict[str, str]]] = mapped_column(JSONB, server_default=text("'{}'"))
    view: Mapped[int] = mapped_column(server_default=text("1"))
    memory: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    memory_at: Mapped[datetime | None]

    @property
    def faults_since(self) -> dict[Fault, datetime]:
        return {Fault(name): datetime.fromisoformat(fault["since"]) for name, fault in self.faults.items()}


class CameraUnknown(NotFound):
    """This device has shown nothing yet."""

    code = "camera_unknown"
    title = "No such camera"


@dataclass(slots=True)
class Eye:
    """What this process knows of a camera that sees one view."""

    health: CameraHealth
    motion: MotionWatcher = field(default_factory=lambda: MotionWatcher(FIELDS))
    untold: dict[Fault, datetime | None] = field(default_factory=dict)  # since when, or over, and not on record yet
    kept_at: datetime | None = None

    @classmethod
    def of(cls, state: CameraState | None) -> Eye:
        if state is None:
            return cls(CameraHealth())
        return cls(CameraHealth(state.memory, state.faults_since), kept_at=state.memory_at)


Eyes = Recent[Eye]


async def get_eyes(request: Request) -> Eyes:
    eyes: Eyes = request.app.state.camera_eyes
    return eyes


@dataclass(frozen=True, slots=True)
class Seen:
    health: Health
    learning: bool
    motion: bool
    untold: Mapping[Fault, datetime | None]


@dataclass(frozen=True, slots=True)
class Watch:
    """A camera's frames have to come to one process, which alone knows what it saw a second ago."""

    database: Db
    recogniser: RecogniserOf
    eyes: Annotated[Eyes, Depends(get_eyes)]

    async def look(self, frame: bytes, *, device: Principal, now: datetime) -> Seen:
        """Raises vision's problems with the frame."""
        async with self.database.read() as session:
            state = await session.get(CameraState, device.id)
        view = 1 if state is None else state.view
        eye = self.eyes.get((device.id, view), lambda: Eye.of(state))
        seen = await asyncio.to_thread(_see, eye, frame, self.recogniser.inference.engine.limits, now)
        async with self.database.begin() as session:
            await _note(session, device, eye, seen, view=view, now=now)
        for fault, since in seen.untold.items():
            if eye.untold.get(fault, since) == since:
                eye.untold.pop(fault, None)
        return seen


def _see(eye: Eye, frame: bytes, limits: FrameLimits, now: datetime) -> Seen:
    image = decode_frame(frame, limits=limits)
    health = eye.health.see(image, now)
    # Until they are on record, whatever becomes of this request: they are said once.
    eye.untold |= {fault: health.faults[fault] for fault in health.said} | dict.fromkeys(health.over)
    return Seen(health, eye.health.learning, bool(eye.motion.see(image, now)), dict(eye.untold))


async def _note(session: AsyncSession, device: Principal, eye: Eye, seen: Seen, *, view: int, now: datetime) -> None:
    moved_at = now if seen.motion else None
    row = insert(CameraState).values(device_id=device.id, last_frame_at=now, last_motion_at=moved_at)
    noted = row.on_conflict_do_update(
        index_elements=["device_id"],
        set_={
            "last_frame_at": func.greatest(CameraState.last_frame_at, row.excluded.last_frame_at),
            "last_motion_at": func.greatest(CameraState.last_motion_at, row.excluded.last_motion_at),
        },
    )
    state = (await session.scalars(noted.returning(CameraState))).one()
    if state.view != view:  # staff have said meanwhile that it is to see something else
        return
    await _tell(session, state, seen.untold, device, now)
    if not seen.learning and (eye.kept_at is None or now - eye.kept_at >= KEPT_EVERY):
        eye.kept_at = state.memory_at = now
        state.memory = eye.health.remember()
    await session.flush()


async def _tell(
    session: AsyncSession,
    state: CameraState,
    untold: Mapping[Fault, datetime | None],
    device: Principal,
    now: datetime,
) -> None:
    """Alert of what is new, and resolve what is over: once, whichever process saw it first."""
    known = dict(state.faults)
    over = [known.pop(fault) for fault, since in untold.items() if since is None and fault in known]
    await _resolve(session, over, by="camera", now=now)
    for fault, since in sorted(untold.items()):
        if since is None or fault in known:
            continue
        alert_id = await raise_alert(
            session,
            ALERT_OF[fault],
            store_id=device.store,
            subject=f"device:{device.id}",
            now=now,
            device_id=device.id,
            evidence=Evidence("camera", device.id),
            since=since.isoformat(),
        )
        known[fault] = {"since": since.isoformat(), "alert_id": str(alert_id)}
    state.faults = known


async def _resolve(session: AsyncSession, faults: Iterable[Mapping[str, str]], *, by: str, now: datetime) -> None:
    for alert_id in sorted(UUID(fault["alert_id"]) for fault in faults):
        await resolve_if_open(session, alert_id=alert_id, by=by, note=None, now=now)


async def accept_view(session: AsyncSession, *, device_id: UUID, by: str, now: datetime) -> CameraState:
    """What it sees from now on is what it is to see; it is learnt anew. Raises CameraUnknown."""
    state = await session.get(CameraState, device_id, with_for_update=True)
    if state is None:
        raise CameraUnknown("This device has shown nothing yet.")
    await _resolve(session, state.faults.values(), by=by, now=now)
    state.view, state.faults, state.memory, state.memory_at = state.view + 1, {}, None, None
    await session.flush()
    return state
