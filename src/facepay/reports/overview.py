"""All stores beside each other: what each sold and how many came, over the same days of its own calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.reports.spans import Span
from facepay.stores.stores import Store

# Whoever came in has left since, or is inside still: of both there is an index.
_FIGURES = text("""
    select s.id, o.orders, o.sales, r.refunds, v.visits, v.people
      from unnest(cast(:ids as uuid[]), cast(:since as timestamptz[]), cast(:until as timestamptz[]),
                  cast(:currencies as text[])) s (id, since, until, currency),
           lateral (select count(*) as orders, coalesce(sum(x.total), 0)::bigint as sales from shop_order x
                     where x.store_id = s.id and x.created_at >= s.since and x.created_at < s.until
                       and x.currency = s.currency) o,
           lateral (select coalesce(sum(x.amount), 0)::bigint as refunds
                      from refund x join shop_order y on y.id = x.order_id
                     where y.store_id = s.id and x.created_at >= s.since and x.created_at < s.until
                       and x.currency = s.currency) r,
           lateral (select count(*) as visits, coalesce(sum(1 + x.guests), 0)::bigint as people from visit x
                     where x.store_id = s.id and (x.left_at is null or x.left_at >= s.since)
                       and x.entered_at >= s.since and x.entered_at < s.until) v
""")


@dataclass(frozen=True, slots=True)
class StoreTurnover:
    """In the store's currency alone, in minor units. `people` are members and their guests."""

    store: Store
    orders: int
    sales: int
    refunds: int
    visits: int
    people: int

    @property
    def turnover(self) -> int:
        return self.sales - self.refunds


async def turnover_of(session: AsyncSession, *, spans: Sequence[tuple[Store, Span]]) -> list[StoreTurnover]:
    """Of each of these stores, in one statement, in this order."""
    asked = {
        "ids": [store.id for store, _ in spans],
        "since": [span.start for _, span in spans],
        "until": [span.end for _, span in spans],
        "currencies": [store.currency for store, _ in spans],
    }
    figures: dict[UUID, tuple[int, ...]] = {row[0]: tuple(row[1:]) for row in await session.execute(_FIGURES, asked)}
    return [StoreTurnover(store, *figures[store.id]) for store, _ in spans]
