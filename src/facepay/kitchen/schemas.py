"""Tickets and boards as the API shows them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from facepay.catalog.products import SoldBy
from facepay.kernel.schemas import Answer, Request
from facepay.kitchen.tickets import TicketState


class DishAnswer(Answer):
    name: str
    options: list[str]
    seat: Annotated[int | None, Field(description="Of a table; null: for all who sit there, or taken away.")]
    sold_by: SoldBy
    quantity: Annotated[int, Field(description="Pieces, or grams of what is sold by weight.")]
    taken_back: Annotated[int, Field(description="How much of it is no longer wanted.")]


class TicketAnswer(Answer):
    """For the kitchen: what, and since when, and nothing of who."""

    id: UUID
    number: Annotated[str | None, Field(description="What is called out.", examples=["C27"])]
    place: Annotated[str | None, Field(description="Instead of it, where it is brought to.", examples=["Table 7"])]
    course: int | None
    state: TicketState
    dishes: list[DishAnswer]
    received_at: datetime
    started_at: datetime | None
    ready_at: datetime | None
    late_since: Annotated[datetime | None, Field(description="When staff were told that it waits too long.")]
    ended_at: Annotated[datetime | None, Field(description="Since when it is collected, cancelled or lapsed.")]


class TicketRecord(TicketAnswer):
    """For staff: of which order or party, and who moved it."""

    order_id: UUID | None
    party_id: UUID | None
    business_day: date
    started_by: str | None
    ready_by: str | None
    ended_by: str | None


class Step(StrEnum):
    START = "start"
    READY = "ready"
    COLLECT = "collect"

    @property
    def leads_to(self) -> TicketState:
        return {
            Step.START: TicketState.PREPARING,
            Step.READY: TicketState.READY,
            Step.COLLECT: TicketState.COLLECTED,
        }[self]


class Recall(Request):
    state: Annotated[
        Literal[TicketState.PREPARING, TicketState.READY, TicketState.COLLECTED],
        Field(description="Where the ticket was seen when somebody pressed: it goes back one step from there."),
    ]


class BoardAnswer(Answer):
    preparing: Annotated[list[str], Field(description="Received or being prepared, the oldest first.")]
    ready: Annotated[list[str], Field(description="The newest first.")]
    wait_seconds: Annotated[
        int | None,
        Field(description="How long the last orders took; null where there were fewer than five in two hours."),
    ]
    at: Annotated[datetime, Field(description="Our clock, by which a screen shows how long something waits.")]
