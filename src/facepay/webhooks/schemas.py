"""What the API shows of webhooks, and takes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AnyHttpUrl, AwareDatetime, Field, StringConstraints, UrlConstraints

from facepay.kernel.schemas import Answer, Change, Line, Request, unsent
from facepay.webhooks.endpoints import URL_CHARACTERS_MAX
from facepay.webhooks.events import EVERY_TYPE

Status = Literal["active", "paused", "gone", "failing"]
EndpointUrl = Annotated[
    AnyHttpUrl,
    UrlConstraints(max_length=URL_CHARACTERS_MAX, allowed_schemes=["https", "http"]),
    Field(description="By https, to a public address.", examples=["https://shop.example/webhooks"]),
]
Types = Annotated[
    list[Annotated[str, StringConstraints(max_length=100)]],
    Field(
        min_length=1,
        max_length=50,
        description=f"Types of events (`GET /v1/webhook-event-types`), or `{EVERY_TYPE}` for all.",
        examples=[[EVERY_TYPE]],
    ),
]


class NewEndpoint(Request):
    url: EndpointUrl
    types: Types
    description: Line | None = None
    device_id: Annotated[UUID | None, Field(description="Hear only of this device; else of everything.")] = None


class EndpointChange(Change):
    url: EndpointUrl = Field(default_factory=unsent)
    types: Types = Field(default_factory=unsent)
    description: Line | None = Field(default_factory=unsent)
    status: Annotated[
        Literal["active", "paused"], Field(description="What waits while it's paused is sent when it's active again.")
    ] = Field(default_factory=unsent)


class EndpointAnswer(Answer):
    id: UUID
    url: str
    types: list[str]
    description: str | None
    device_id: UUID | None
    status: Annotated[
        Status,
        Field(description="Events wait unless it's `active`: `gone` answered 410, `failing` nothing good for 5 days."),
    ]
    failing_since: datetime | None
    former_secret_until: Annotated[
        datetime | None, Field(description="Until when what is sent is signed with the secret before too.")
    ]
    created_at: datetime


class EndpointWithSecret(EndpointAnswer):
    secret: Annotated[str, Field(description="Shown this once.", examples=["whsec_…"])]


class PingAnswer(Answer):
    """What came back: a `status`, or else why there was none."""

    succeeded: bool
    status: int | None
    failure: str | None
    duration_ms: int
    excerpt: Annotated[str, Field(description="The beginning of the answer.")]


class EventAnswer(Answer):
    id: Annotated[UUID, Field(description="The `webhook-id` under which it's sent.")]
    type: str
    subject_id: Annotated[UUID, Field(description="What it is about; its events arrive in order.")]
    device_id: UUID | None
    occurred_at: datetime


class EventWithBody(EventAnswer):
    body: Annotated[str, Field(description="What is signed and sent, to the byte.")]


class EventTypeAnswer(Answer):
    type: str
    words: str
    data_schema: Annotated[dict[str, Any], Field(description="JSON Schema of the body's `data`.")]


class EventTypesAnswer(Answer):
    items: list[EventTypeAnswer]


class DeliveryAnswer(Answer):
    endpoint_id: UUID
    event_id: UUID
    type: str
    subject_id: UUID
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    next_attempt_at: datetime | None
    attempted_at: datetime | None
    status: Annotated[int | None, Field(description="What was answered last.")]
    failure: Annotated[str | None, Field(description="Why nothing was answered.")]
    duration_ms: int | None
    excerpt: str | None


class ReplayRequest(Request):
    since: AwareDatetime


class ReplayAnswer(Answer):
    queued: int
    complete: Annotated[bool, Field(description="Whether that was all; if not, ask again.")]
