"""Endpoints: where events are sent, and the secrets they are signed with."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.ids import new_id
from facepay.kernel.secrets import MasterKey, seal, unseal
from facepay.kernel.webhooks import show_secret
from facepay.stores.devices import get_device
from facepay.webhooks.deliveries import hasten

URL_CHARACTERS_MAX = 2000
ENDPOINTS_MAX = 200
SECRET_BYTES = 32
FORMER_SECRET_LASTS = timedelta(days=1)
PURPOSE = "webhook secrets"


class WebhookEndpoint(Identified, Base):
    """Events wait while its `status` isn't active: `paused` by staff, `gone` when it said so itself, or `failing`."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint("status in ('active', 'paused', 'gone', 'failing')", name="status_known"),
        CheckConstraint("cardinality(types) > 0", name="hears_something"),
        CheckConstraint("(former_secret is null) = (former_secret_until is null)", name="former_secret_ends"),
    )

    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    url: Mapped[str] = mapped_column(String(URL_CHARACTERS_MAX))
    types: Mapped[list[str]] = mapped_column(ARRAY(String(100)))
    description: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(8), default="active")
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # sealed, as is the one before
    former_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    former_secret_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]  # since when it has done nothing else
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class EndpointNotFound(NotFound):
    """There is no webhook endpoint with this id."""

    code = "webhook_endpoint_not_found"
    title = "No such webhook endpoint"


class TooManyEndpoints(Conflict):
    """Each event is matched against every endpoint: delete those that nobody needs."""

    code = "too_many_webhook_endpoints"
    title = "Too many webhook endpoints"


async def add_endpoint(
    session: AsyncSession,
    *,
    url: str,
    types: list[str],
    description: str | None,
    device_id: UUID | None,
    key: MasterKey,
    now: datetime,
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret, which can't be read again. With a `device_id` it hears only of that device.

    Raises DeviceNotFound and TooManyEndpoints.
    """
    if device_id is not None:
        await get_device(session, device_id)
    present = select(func.count()).where(WebhookEndpoint.deleted_at.is_(None))
    if (await session.scalar(present) or 0) >= ENDPOINTS_MAX:
        raise TooManyEndpoints("There are as many webhook endpoints as there may be.", endpoints_max=ENDPOINTS_MAX)
    secret = secrets.token_bytes(SECRET_BYTES)
    endpoint = WebhookEndpoint(
        id=(endpoint_id := new_id()),
        url=url,
        types=types,
        description=description,
        device_id=device_id,
        status="active",
        secret=_sealed(secret, key, endpoint_id),
        created_at=now,
    )
    session.add(endpoint)
    await session.flush()
    return endpoint, show_secret(secret)


async def change_endpoint(
    session: AsyncSession, *, endpoint_id: UUID, changes: Mapping[str, Any], now: datetime
) -> WebhookEndpoint:
    """Set its `url`, `types`, `description` or `status`; when it's made active, what waits is sent at once.

    Raises EndpointNotFound.
    """
    endpoint = await get_endpoint(session, endpoint_id, lock=True)
    for name, value in changes.items():
        setattr(endpoint, name, value)
    if changes.get("status") == "active":
        endpoint.failing_since = None
        await hasten(session, endpoint_id=endpoint.id, now=now)
    await session.flush()
    return endpoint


async def rotate_secret(
    session: AsyncSession, *, endpoint_id: UUID, key: MasterKey, now: datetime
) -> tuple[WebhookEndpoint, str]:
    """A new secret; for a day what is sent is signed with the one before too. Raises EndpointNotFound."""
    endpoint = await get_endpoint(session, endpoint_id, lock=True)
    secret = secrets.token_bytes(SECRET_BYTES)
    endpoint.former_secret, endpoint.former_secret_until = endpoint.secret, now + FORMER_SECRET_LASTS
    endpoint.secret = _sealed(secret, key, endpoint_id)
    await session.flush()
    return endpoint, show_secret(secret)


async def delete_endpoint(session: AsyncSession, *, endpoint_id: UUID, now: datetime) -> None:
    """Nothing is sent there any more. Its rows go later, so that no event being written waits for that.

    Raises EndpointNotFound.
    """
    endpoint = await get_endpoint(session, endpoint_id, lock=True)
    endpoint.deleted_at = now
    endpoint.former_secret, endpoint.former_secret_until, endpoint.secret = None, None, b""
    await session.flush()


async def get_endpoint(session: AsyncSession, endpoint_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """Raises EndpointNotFound."""
    # A lock that whoever writes a delivery doesn't wait for.
    endpoint = await session.get(WebhookEndpoint, endpoint_id, with_for_update={"key_share": True} if lock else None)
    if endpoint is None or endpoint.deleted_at is not None:
        raise EndpointNotFound("There is no webhook endpoint with this id.")
    return endpoint


async def reseal(session: AsyncSession, *, key: MasterKey) -> None:
    """Move every secret to the master key in force. What no key opens stays, and staff have to change it."""
    every = select(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None)).order_by(WebhookEndpoint.id)
    for endpoint in await session.scalars(every.with_for_update(key_share=True)):
        with suppress(InvalidTag):
            endpoint.secret = _sealed(open_secret(endpoint.secret, key, endpoint.id), key, endpoint.id)
        if endpoint.former_secret is not None:
            with suppress(InvalidTag):
                former = open_secret(endpoint.former_secret, key, endpoint.id)
                endpoint.former_secret = _sealed(former, key, endpoint.id)
    await session.flush()


def open_secret(sealed: bytes, key: MasterKey, endpoint_id: UUID) -> bytes:
    """Raises InvalidTag where no key that we have opens it."""
    for each in key.derive_each(PURPOSE):
        try:
            return unseal(each, sealed, bound_to=endpoint_id.bytes)
        except InvalidTag:
            continue
    raise InvalidTag


def _sealed(secret: bytes, key: MasterKey, endpoint_id: UUID) -> bytes:
    return seal(key.derive(PURPOSE), secret, bound_to=endpoint_id.bytes)
