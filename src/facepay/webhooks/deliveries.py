"""Deliveries: one for each event and endpoint that hears it, tried until it succeeds or is given up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, or_, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base
from facepay.kernel.errors import NotFound
from facepay.kernel.hub import notify
from facepay.webhooks.events import TOPIC

State = Literal["waiting", "delivered", "dead"]
WAITING = text("state = 'waiting'")
# Longer than an attempt can last: who holds a delivery for longer has died, and another tries it again.
LEASE = timedelta(seconds=60)


class WebhookDelivery(Base):
    """While somebody sends it, nobody else may, until `leased_until`."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("state in ('waiting', 'delivered', 'dead')", name="state_known"),
        Index("ix_webhook_delivery_due", "endpoint_id", "due_at", "number", postgresql_where=WAITING),
        Index("ix_webhook_delivery_turn", "endpoint_id", "subject_id", "number", postgresql_where=WAITING),
    )

    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id"), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_event.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    number: Mapped[int]  # the event's, as are its type and its subject
    type: Mapped[str] = mapped_column(String(100))
    subject_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(String(9))
    attempts: Mapped[int]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempted_at: Mapped[datetime | None]  # the last time, as is all that follows
    status: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(String(20))
    duration_ms: Mapped[int | None]
    excerpt: Mapped[str | None] = mapped_column(String(500))

    @property
    def next_attempt_at(self) -> datetime | None:
        return self.due_at if self.state == "waiting" else None


class DeliveryNotFound(NotFound):
    """No such event was to be delivered to this endpoint."""

    code = "webhook_delivery_not_found"
    title = "No such webhook delivery"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that only its claimer may send, and what that needs."""

    endpoint_id: UUID
    event_id: UUID
    attempts: int  # this one included
    url: str
    body: str
    secret: bytes = field(repr=False)
    former_secret: bytes | None = field(repr=False)
    former_secret_until: datetime | None


# Of each endpoint some, so that one with much to do leaves room for the others; only one of those that fail, so that
# their time-outs don't fill it. What is behind another of its subject waits until that one is delivered or dead.
_CLAIM = text("""
with endpoint as (
    select id, greatest(0, case when failing_since is null then :each_max else 1 end
                           - coalesce((cast(:busy as jsonb) ->> id::text)::int, 0)) as room
    from webhook_endpoint
    where status = 'active' and deleted_at is null
), due as (
    select first.endpoint_id, first.event_id
    from endpoint cross join lateral (
        select delivery.endpoint_id, delivery.event_id, delivery.due_at
        from webhook_delivery as delivery
        where delivery.endpoint_id = endpoint.id and delivery.state = 'waiting' and delivery.due_at <= :now
          and (delivery.leased_until is null or delivery.leased_until <= :now)
          and delivery.number = (
              select min(number) from webhook_delivery as each
              where each.endpoint_id = delivery.endpoint_id and each.subject_id = delivery.subject_id
                and each.state = 'waiting'
          )
        order by delivery.due_at, delivery.number
        limit endpoint.room
        for no key update of delivery skip locked
    ) as first
    order by first.due_at
    limit :all_max
)
update webhook_delivery as delivery
set attempts = delivery.attempts + 1, leased_until = :leased_until, attempted_at = :now
from due
join webhook_endpoint as endpoint on endpoint.id = due.endpoint_id
join webhook_event as event on event.id = due.event_id
where delivery.endpoint_id = due.endpoint_id and delivery.event_id = due.event_id
returning delivery.endpoint_id, delivery.event_id, delivery.attempts,
          endpoint.url, event.body, endpoint.secret, endpoint.former_secret, endpoint.former_secret_until
""")

# What an endpoint has been told is left alone, and so is what it will be told anyway.
_REPLAY = text("""
with missed as (
    select event.id, event.number, event.type, event.subject_id
    from webhook_endpoint as endpoint
    join webhook_event as event
      on endpoint.types && array['*', event.type]::varchar[]
     and (endpoint.device_id is null or endpoint.device_id = event.device_id)
    left join webhook_delivery as delivery on delivery.endpoint_id = endpoint.id and delivery.event_id = event.id
    where endpoint.id = :endpoint_id and event.occurred_at >= :since and coalesce(delivery.state, 'dead') = 'dead'
    order by event.number
    limit :most
)
insert into webhook_delivery (endpoint_id, event_id, number, type, subject_id, state, attempts, due_at)
select :endpoint_id, id, number, type, subject_id, 'waiting', 0, :now from missed
on conflict (endpoint_id, event_id) do update set state = 'waiting', attempts = 0, due_at = :now, leased_until = null
returning event_id
""")

_OLDEST = text("""
select occurred_at from webhook_event
where number = (
    select min(delivery.number)
    from webhook_delivery as delivery join webhook_endpoint as endpoint on endpoint.id = delivery.endpoint_id
    where delivery.state = 'waiting' and endpoint.status = 'active' and endpoint.deleted_at is null
)
""")


async def claim(
    session: AsyncSession, *, each_max: int, all_max: int, busy: Mapping[UUID, int], now: datetime
) -> list[Claimed]:
    """Deliveries whose turn it is, which nobody else may send until the lease is over.

    At most `each_max` of an endpoint, less those that this process is `busy` with. Commit before sending them.
    """
    parameters = {
        "each_max": each_max,
        "all_max": all_max,
        "busy": json.dumps({str(endpoint_id): count for endpoint_id, count in busy.items()}),
        "now": now,
        "leased_until": now + LEASE,
    }
    rows = await session.execute(_CLAIM, parameters)
    return [Claimed(**row) for row in rows.mappings()]


async def replay(session: AsyncSession, *, endpoint_id: UUID, event_id: UUID, now: datetime) -> WebhookDelivery:
    """Send it once more, also where it was delivered; it comes after whatever was sent since.

    Raises DeliveryNotFound.
    """
    delivery = await session.get(WebhookDelivery, (endpoint_id, event_id), with_for_update=True)
    if delivery is None:
        raise DeliveryNotFound("No such event was to be delivered to this endpoint.")
    if delivery.leased_until is None or delivery.leased_until <= now:
        delivery.state, delivery.attempts, delivery.due_at = "waiting", 0, now
        await session.flush()
        await notify(session, TOPIC)
    return delivery


async def replay_since(session: AsyncSession, *, endpoint_id: UUID, since: datetime, most: int, now: datetime) -> int:
    """Send what the endpoint would hear and hasn't heard since then: the dead, and what came before it was there.

    Answers how many there are, the oldest `most` of them.
    """
    parameters = {"endpoint_id": endpoint_id, "since": since, "most": most, "now": now}
    queued = len((await session.execute(_REPLAY, parameters)).all())
    if queued:
        await notify(session, TOPIC)
    return queued


async def hasten(session: AsyncSession, *, endpoint_id: UUID, now: datetime) -> None:
    """Try at once, and with as many attempts as at first, what failed before and waits for its next."""
    failed = (
        WebhookDelivery.endpoint_id == endpoint_id,
        WebhookDelivery.state == "waiting",
        WebhookDelivery.attempts > 0,
        or_(WebhookDelivery.leased_until.is_(None), WebhookDelivery.leased_until <= now),
    )
    await session.execute(update(WebhookDelivery).where(*failed).values(due_at=now, attempts=0))
    await notify(session, TOPIC)


async def oldest_waiting_seconds(session: AsyncSession, *, now: datetime) -> float:
    """How long ago the oldest event happened that an active endpoint hasn't heard of; 0 where there is none."""
    occurred_at: datetime | None = await session.scalar(_OLDEST)
    return (now - occurred_at).total_seconds() if occurred_at else 0.0
