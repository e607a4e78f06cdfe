"""What can be told, and telling it: an event is a row, written by the transaction that makes it true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_json
from sqlalchemy import ForeignKey, Identity, Index, String, Text, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified, Prepared
from facepay.kernel.errors import NotFound, Problem
from facepay.kernel.hub import CHANNEL
from facepay.kernel.ids import new_id

TOPIC = "webhooks"  # wakes the couriers
EVERY_TYPE = "*"
BODY_BYTES_MAX = 20_000  # what Standard Webhooks advises
P = TypeVar("P", bound=BaseModel)


class _Untitled(GenerateJsonSchema):
    """Fields have their names, and titles say nothing more."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class EventType(Generic[P]):
    """A kind of event. The room that tells it declares it beside its rules, and app.py puts it in the catalogue.

    `name` is dotted and in the past tense, `words` one sentence for integrators. The payload holds ids, states and
    amounts: nothing of a person, not even a member's id.
    """

    name: str
    words: str
    payload: type[P]

    @property
    def data_schema(self) -> dict[str, Any]:
        """JSON Schema of the body's `data`, as it is sent."""
        return self.payload.model_json_schema(mode="serialization", schema_generator=_Untitled)


class UnknownEventType(Problem):
    """No room tells events of this type."""

    status = 422
    code = "unknown_event_type"
    title = "Unknown event type"


class EventNotFound(NotFound):
    """There is no event with this id, or none any more."""

    code = "webhook_event_not_found"
    title = "No such event"


class Ping(BaseModel):
    endpoint_id: UUID


PING = EventType("webhook_endpoint.pinged", "Staff asked for it, to see whether an endpoint hears.", Ping)


class Catalogue:
    """Every type that there is, by name. Raises ValueError where two have one name."""

    def __init__(self, *types: EventType[Any]) -> None:
        self.types: Mapping[str, EventType[Any]] = MappingProxyType({each.name: each for each in types})
        if len(self.types) != len(types):
            raise ValueError("two event types have the same name")

    def check(self, names: Iterable[str]) -> None:
        """Raises UnknownEventType."""
        if unknown := sorted(set(names) - self.types.keys() - {EVERY_TYPE}):
            raise UnknownEventType("There are no events of this type.", unknown=unknown)


class WebhookEvent(Identified, Base):
    """`number` gives the order of each subject's; `body` is, to the byte, what is signed and sent; `position` is its
    place among all, once somebody follows them (stream.py).
    """

    __tablename__ = "webhook_event"
    __table_args__ = (
        Index("ix_webhook_event_subject_id_id", "subject_id", "id"),
        Index("ix_webhook_event_unplaced", "number", postgresql_where=text("position is null")),
    )

    number: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    position: Mapped[int | None] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(String(100))
    subject_id: Mapped[UUID]
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    body: Mapped[str] = mapped_column(Text)
    occurred_at: Mapped[datetime] = mapped_column(index=True)


def body_of(type: EventType[P], data: P, *, now: datetime) -> str:
    """The JSON that is signed and sent. Raises ValueError where it's too long."""
    body = to_json({"type": type.name, "timestamp": now, "data": data})
    if len(body) > BODY_BYTES_MAX:
        raise ValueError(f"an event of the type {type.name} has {len(body)} bytes")
    return body.decode()


# One statement, for it runs in other rooms' transactions: the event, a delivery for whoever listens now, and their
# waking. An event that nobody listens to is kept as well, for endpoints that are added later.
_EMIT = Prepared(
    text("""
with event as (
    insert into webhook_event (id, type, subject_id, device_id, body, occurred_at)
    values (:id, :type, :subject_id, :device_id, :body, :now)
    returning id, number, type, subject_id
), delivery as (
    insert into webhook_delivery (endpoint_id, event_id, number, type, subject_id, state, attempts, due_at)
    select endpoint.id, event.id, event.number, event.type, event.subject_id, 'waiting', 0, :now
    from event, webhook_endpoint as endpoint
    where endpoint.deleted_at is null
      and endpoint.types && array['*', :type]::varchar[]
      and (endpoint.device_id is null or endpoint.device_id = :device_id)
    returning endpoint_id
)
select pg_notify(:channel, :topic) where exists (select from delivery)
""")
)


async def emit(
    session: AsyncSession,
    *,
    type: EventType[P],
    subject_id: UUID,
    data: P,
    now: datetime,
    device_id: UUID | None = None,
) -> None:
    """Tell everybody who listens, once this transaction is committed; nobody, if it never is.

    Events of one `subject_id` arrive in the order of their calls, provided that whoever calls holds the subject's
    row. With a `device_id` only that device's endpoints and the chain's hear it. Raises ValueError where the body
    has more than 20 kB.
    """
    await _EMIT.rows(
        session,
        id=new_id(),
        type=type.name,
        subject_id=subject_id,
        device_id=device_id,
        body=body_of(type, data, now=now),
        now=now,
        channel=CHANNEL,
        topic=TOPIC,
    )


async def get_event(session: AsyncSession, event_id: UUID) -> WebhookEvent:
    """Raises EventNotFound."""
    event = await session.get(WebhookEvent, event_id)
    if event is None:
        raise EventNotFound("There is no event with this id.")
    return event
