"""Devices: what stands in a store and may do one job there, with a token that only the device knows."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, bindparam, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.auth import PresentationCheck, Principal
from facepay.kernel.cameras import DepthCamera
from facepay.kernel.database import Base, Database, Identified, Prepared
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.hub import notify
from facepay.kernel.secrets import MasterKey, hash_of_token
from facepay.stores.stores import Store, get_open_store

TOKEN_PREFIX = "fpd_"  # noqa: S105 (so that leaked tokens are found by scanners)
TOKEN_BYTES = 32
PUBLIC_KEY_BYTES = 32


class DeviceRole(StrEnum):
    GATE = "gate"
    KIOSK = "kiosk"
    LANE = "lane"
    SHELF = "shelf"
    DISPLAY = "display"
    KITCHEN = "kitchen"
    WEBSHOP = "webshop"
    DOOR = "door"
    READER = "reader"
    CAMERA = "camera"
    TABLE = "table"
    MIRROR = "mirror"
    VENDING = "vending"
    MONITOR = "monitor"


SCOPES_OF = {
    DeviceRole.GATE: frozenset(
        {"gate:decide", "member:greet", "camera:report", "device:heartbeat", "offline:act", "device:commands"}
    ),
    DeviceRole.KIOSK: frozenset(
        {
            "kiosk:checkout",
            "member:greet",
            "campaign:play",
            "board:read",
            "camera:report",
            "device:heartbeat",
            "offline:act",
            "device:commands",
        }
    ),
    DeviceRole.LANE: frozenset(
        {"lane:checkout", "member:greet", "camera:report", "device:heartbeat", "offline:act", "device:commands"}
    ),
    DeviceRole.SHELF: frozenset(
        {"shelf:report", "attention:report", "camera:report", "device:heartbeat", "device:commands"}
    ),
    DeviceRole.DISPLAY: frozenset(
        {"campaign:play", "member:greet", "attention:report", "board:read", "device:heartbeat", "device:commands"}
    ),
    DeviceRole.KITCHEN: frozenset({"kitchen:work", "board:read", "device:heartbeat", "device:commands"}),
    DeviceRole.WEBSHOP: frozenset({"payments:create", "device:heartbeat"}),
    DeviceRole.DOOR: frozenset({"access:decide", "camera:report", "device:heartbeat", "device:commands"}),
    # What it matched, it signs, and a door brings it along.
    DeviceRole.READER: frozenset({"device:heartbeat"}),
    DeviceRole.CAMERA: frozenset({"camera:report", "device:heartbeat", "device:commands"}),
    # Screens that serve a guest: at a table of a restaurant, in a fitting room, at a machine that hands out car keys.
    DeviceRole.TABLE: frozenset({"table:serve", "member:greet", "device:heartbeat", "device:commands"}),
    DeviceRole.MIRROR: frozenset(
        {"fitting:style", "kiosk:checkout", "member:greet", "device:heartbeat", "device:commands"}
    ),
    DeviceRole.VENDING: frozenset({"drive:handover", "member:greet", "device:heartbeat", "device:commands"}),
    DeviceRole.MONITOR: frozenset({"metrics:read", "device:heartbeat"}),
}
EDGE_SCOPES = frozenset({"gallery:read"})


class Device(Identified, Base):
    __tablename__ = "device"
    __table_args__ = (
        CheckConstraint(
            "role in ('gate', 'kiosk', 'lane', 'shelf', 'display', 'kitchen', 'webshop', 'door', 'reader', 'camera',"
            " 'table', 'mirror', 'vending', 'monitor')",
            name="role_known",
        ),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    token_expires_at: Mapped[datetime | None]
    public_key: Mapped[bytes | None] = mapped_column(
        LargeBinary(PUBLIC_KEY_BYTES)
    )  # Ed25519, of a device with its own engine
    exchange_key: Mapped[bytes | None] = mapped_column(LargeBinary(PUBLIC_KEY_BYTES))  # X25519, to seal its gallery to
    edge_matching: Mapped[bool] = mapped_column(default=False, server_default="false")
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    clock_skew_ms: Mapped[int | None]
    status: Mapped[str | None] = mapped_column(String(200))
    presentation_checks: Mapped[list[str]] = mapped_column(ARRAY(String(16)), default=list, server_default="{}")
    camera: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))  # a DepthCamera's fields


class DeviceNotFound(NotFound):
    """There is no device with this id."""

    code = "device_not_found"
    title = "No such device"


class DeviceRevoked(Conflict):
    """The device was revoked for good; register a new one."""

    code = "device_revoked"
    title = "Device revoked"


_HOLDER = Prepared(
    select(
        Device.id,
        Device.name,
        Device.role,
        Device.store_id,
        Device.presentation_checks,
        Device.public_key,
        Device.exchange_key,
        Device.edge_matching,
        Device.camera,
        Store.region,
    )
    .join(Store, Store.id == Device.store_id)
    .where(
        Device.token_hash == bindparam("token_hash"),
        Device.revoked_at.is_(None),
        or_(Device.token_expires_at.is_(None), Device.token_expires_at > bindparam("now")),
        Store.closed_at.is_(None),
    )
)


async def authenticate(database: Database, _: MasterKey, token: str, now: datetime) -> Principal | None:
    """The device that holds this token, unless it was rotated, revoked or expired, or its store has closed."""
    if not token.startswith(TOKEN_PREFIX):
        return None
    async with database.read() as session:
        found = await _HOLDER.rows(session, token_hash=hash_of_token(token), now=now)
    if not found:
        return None
    [(device_id, name, role, store_id, checks, public_key, exchange_key, edge_matching, camera, region)] = found
    return Principal(
        kind="device",
        id=device_id,
        name=name,
        role=role,
        scopes=SCOPES_OF[DeviceRole(role)] | (EDGE_SCOPES if edge_matching else frozenset()),
        store_id=store_id,
        presentation_checks=frozenset(map(PresentationCheck, checks)),
        public_key=public_key,
        exchange_key=exchange_key,
        edge_matching=edge_matching,
        camera=None if camera is None else DepthCamera(**camera),
        region=region,
    )


async def register_device(
    session: AsyncSession, *, store_id: UUID, role: DeviceRole, name: str, lasts: timedelta | None, now: datetime
) -> tuple[Device, str]:
    """A new device and its token, which can't be read again. Raises StoreNotFound and StoreClosed."""
    store = await get_open_store(session, store_id)
    device = Device(store_id=store.id, role=role, name=name, created_at=now)
    token = _give_token(device, lasts, now)
    session.add(device)
    await session.flush()
    return device, token


async def rotate_token(
    session: AsyncSession, *, device_id: UUID, lasts: timedelta | None, now: datetime
) -> tuple[Device, str]:
    """A new token; the one before is refused from now on. Raises DeviceNotFound and DeviceRevoked."""
    device = await get_device(session, device_id, lock=True)
    if device.revoked_at is not None:
        raise DeviceRevoked("This device was revoked.")
    token = _give_token(device, lasts, now)
    await session.flush()
    await notify(session, topic_of(device_id))
    return device, token


async def revoke_device(session: AsyncSession, *, device_id: UUID, now: datetime) -> None:
    """Refuse the device from now on. Raises DeviceNotFound."""
    device = await get_device(session, device_id, lock=True)
    if device.revoked_at is None:
        device.revoked_at = now
        await session.flush()
        await notify(session, topic_of(device_id))


async def change_device(session: AsyncSession, *, device_id: UUID, changes: Mapping[str, Any]) -> Device:
    """Set its `name`, `presentation_checks`, `edge_matching`, `camera` or one of its keys. Raises DeviceNotFound."""
    device = await get_device(session, device_id, lock=True)
    for name, value in changes.items():
        setattr(device, name, value)
    await session.flush()
    return device


async def record_heartbeat(
    session: AsyncSession, *, device_id: UUID, sent_at: datetime, status: str | None, now: datetime
) -> Device:
    """Note that the device is alive, and how far its clock is ahead of ours (travel time included)."""
    device = await get_device(session, device_id, lock=True)
    device.last_seen_at, device.status = now, status
    device.clock_skew_ms = (sent_at - now) // timedelta(milliseconds=1)
    await session.flush()
    return device


async def get_device(session: AsyncSession, device_id: UUID, *, lock: bool = False) -> Device:
    """Revoked or not. Raises DeviceNotFound."""
    device = await session.get(Device, device_id, with_for_update=lock or None)
    if device is None:
        raise DeviceNotFound("There is no device with this id.")
    return device


def topic_of(device_id: UUID) -> str:
    """What wakes a device's connection: a command, a new token, its revocation."""
    return f"device:{device_id}"


def _give_token(device: Device, lasts: timedelta | None, now: datetime) -> str:
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    device.token_hash = hash_of_token(token)
    device.token_expires_at = now + lasts if lasts else None
    return token
