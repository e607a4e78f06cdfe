"""Sales as the API shows them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from facepay.catalog.products import SoldBy
from facepay.kernel.schemas import Answer
from facepay.reports.sales import Books, Sums
from facepay.reports.spans import By, Span
from facepay.stores.devices import DeviceRole
from facepay.stores.stores import Store


class SumsAnswer(Answer):
    """Minor units of the currency."""

    orders: int
    sales: Annotated[int, Field(description="What the orders came to: discounts off, tax in it, tips beside it.")]
    refunds: Annotated[int, Field(description="Given back in this time, whenever it had been bought.")]
    turnover: Annotated[int, Field(description="Sales less refunds.")]
    tax: Annotated[int, Field(description="In the turnover.")]
    tips: Annotated[int, Field(description="For the staff, beside the turnover; less those given back.")]
    average: Annotated[int | None, Field(description="What an order came to, to the nearest unit; null of no orders.")]


class PeriodAnswer(SumsAnswer):
    at: Annotated[datetime, Field(description="When the hour or the day began.")]

    @classmethod
    def of(cls, at: datetime, sums: Sums) -> Self:
        return cls(at=at, **SumsAnswer.model_validate(sums).model_dump())


class ChannelAnswer(SumsAnswer):
    channel: Annotated[DeviceRole, Field(description="By what sold it: kiosk, lane, table, webshop and so on.")]

    @classmethod
    def of(cls, channel: str, sums: Sums) -> Self:
        return cls(channel=DeviceRole(channel), **SumsAnswer.model_validate(sums).model_dump())


class TendersAnswer(Answer):
    """They add up to the sales."""

    wallet: int
    gift: int
    points: Annotated[int, Field(description="What redeemed points were worth.")]
    owed: Annotated[int, Field(description="What wallets fell short of: the members owe it since.")]


class SellerAnswer(Answer):
    product_id: UUID
    sku: str
    name: str
    sold_by: SoldBy
    quantity: Annotated[int, Field(description="Pieces, or grams of what is sold by weight.")]
    sales: int


class BooksAnswer(Answer):
    """Of one currency."""

    currency: str
    total: SumsAnswer
    periods: Annotated[list[PeriodAnswer], Field(description="Every hour or day: they add up to the total.")]
    channels: Annotated[list[ChannelAnswer], Field(description="They add up to the total.")]
    tenders: TendersAnswer
    discounts: Annotated[dict[str, int], Field(description="Taken off before the sales, by `tier`, `coupon`, `smile`.")]
    best_sellers: Annotated[list[SellerAnswer], Field(description="The first twenty by sales; refunds not taken off.")]

    @classmethod
    def of(cls, books: Books) -> Self:
        channels = sorted(books.channels.items(), key=lambda each: (-each[1].sales, each[0]))
        return cls(
            currency=books.currency,
            total=SumsAnswer.model_validate(books.total),
            periods=[PeriodAnswer.of(at, sums) for at, sums in books.periods.items()],
            channels=[ChannelAnswer.of(channel, sums) for channel, sums in channels],
            tenders=TendersAnswer.model_validate(books.tenders),
            discounts=books.discounts,
            best_sellers=[SellerAnswer.model_validate(each) for each in books.best_sellers],
        )


class SpanAnswer(Answer):
    """Whole days of the store's calendar, both ends included."""

    store_id: UUID
    timezone: str
    first: Annotated[date, Field(serialization_alias="from")]
    last: Annotated[date, Field(serialization_alias="to")]


class SalesAnswer(SpanAnswer):
    by: By
    books: Annotated[list[BooksAnswer], Field(description="One for each currency, never mixed; the store's first.")]

    @classmethod
    def of(cls, store: Store, span: Span, by: By, books: list[Books]) -> Self:
        return cls(
            store_id=store.id,
            timezone=store.timezone,
            first=span.first,
            last=span.last,
            by=by,
            books=[BooksAnswer.of(each) for each in books],
        )
