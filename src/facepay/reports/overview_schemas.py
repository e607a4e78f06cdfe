"""Stores beside each other, as the API shows them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from facepay.kernel.schemas import Answer
from facepay.reports.overview import StoreTurnover
from facepay.reports.spans import Span


class StoreTurnoverAnswer(Answer):
    """Minor units of the store's currency; what was sold in others is in the store's own report."""

    store_id: UUID
    name: str
    timezone: str
    currency: str
    first: Annotated[date, Field(serialization_alias="from")]
    last: Annotated[date, Field(serialization_alias="to")]
    orders: int
    sales: int
    refunds: int
    turnover: Annotated[int, Field(description="Sales less refunds.")]
    visits: Annotated[int, Field(description="That began in this time.")]
    people: Annotated[int, Field(description="Who came: members and their guests.")]

    @classmethod
    def of(cls, figures: StoreTurnover, span: Span) -> Self:
        store = figures.store
        return cls(
            store_id=store.id,
            name=store.name,
            timezone=store.timezone,
            currency=store.currency,
            first=span.first,
            last=span.last,
            orders=figures.orders,
            sales=figures.sales,
            refunds=figures.refunds,
            turnover=figures.turnover,
            visits=figures.visits,
            people=figures.people,
        )
