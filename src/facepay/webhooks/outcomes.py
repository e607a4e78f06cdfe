"""What an attempt means for its delivery and for its endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import case, func, literal, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.webhooks.deliveries import Claimed, State, WebhookDelivery
from facepay.webhooks.endpoints import WebhookEndpoint
from facepay.webhooks.schedule import Uniform, delay_after
from facepay.webhooks.sending import Reply

FAILING_MAX = timedelta(days=5)
Outcome = Literal["delivered", "failed", "dead", "overtaken"]


@dataclass(frozen=True, slots=True)
class Stopped:
    """An endpoint to which nothing is sent any more until staff look after it."""

    endpoint_id: UUID
    device_id: UUID | None
    why: str  # its status: `gone` or `failing`


# Called in the transaction that stops an endpoint.
WhenStopped = Callable[[AsyncSession, Stopped, datetime], Awaitable[None]]


async def record(
    session: AsyncSession, claimed: Claimed, reply: Reply, *, now: datetime, uniform: Uniform
) -> tuple[Outcome, Stopped | None]:
    """Note how an attempt ended; "overtaken" where its lease ran out, and so what it was is no longer the question."""
    delay = delay_after(claimed.attempts, retry_after=reply.retry_after, uniform=uniform)
    state: State = "delivered" if reply.succeeded else "waiting" if delay or reply.gone else "dead"
    noted = await session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == claimed.endpoint_id,
            WebhookDelivery.event_id == claimed.event_id,
            WebhookDelivery.state == "waiting",
            WebhookDelivery.attempts == claimed.attempts,
        )
        .values(
            state=state,
            due_at=now + (delay or timedelta()),
            leased_until=None,
            status=reply.status,
            failure=reply.failure,
            duration_ms=reply.duration_ms,
            excerpt=reply.excerpt,
        )
        .returning(WebhookDelivery.event_id)
    )
    if noted.one_or_none() is None:
        return "overtaken", None
    if reply.succeeded:
        await _note_success(session, claimed.endpoint_id)
        return "delivered", None
    stopped = await _note_failure(session, claimed.endpoint_id, gone=reply.gone, now=now)
    return "failed" if state == "waiting" else "dead", stopped


async def _note_success(session: AsyncSession, endpoint_id: UUID) -> None:
    failing = (WebhookEndpoint.id == endpoint_id, WebhookEndpoint.failing_since.is_not(None))
    await session.execute(update(WebhookEndpoint).where(*failing).values(failing_since=None))


async def _note_failure(session: AsyncSession, endpoint_id: UUID, *, gone: bool, now: datetime) -> Stopped | None:
    since = func.coalesce(WebhookEndpoint.failing_since, now)
    failing = case((since <= now - FAILING_MAX, "failing"), else_="active")
    active = (WebhookEndpoint.id == endpoint_id, WebhookEndpoint.status == "active")
    changed = await session.execute(
        update(WebhookEndpoint)
        .where(*active, WebhookEndpoint.deleted_at.is_(None))
        .values(failing_since=since, status=literal("gone") if gone else failing)
        .returning(WebhookEndpoint.status, WebhookEndpoint.device_id)
    )
    row = changed.one_or_none()
    if row is None or row.status == "active":
        return None
    return Stopped(endpoint_id=endpoint_id, device_id=row.device_id, why=row.status)
