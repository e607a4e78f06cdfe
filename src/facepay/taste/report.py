"""What people looked at in a store, product by product, beside what they took and bought of it then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.errors import Problem
from facepay.stores.stores import Store

DAYS_MAX = 92


class PeriodTooLong(Problem):
    """A report covers at most 92 days, and ends after it begins."""

    status = 422
    code = "period_out_of_bounds"
    title = "Period out of bounds"


@dataclass(frozen=True, slots=True)
class Attention:
    """A product's closed cells in a period, summed. `takes` are times that something was taken from a shelf, `orders`
    those with the product in them, both of the cells' days.
    """

    sku: str
    name: str
    category: str | None
    since: date
    until: date
    looks: int
    smiles: int
    dwell_ms: int
    attention_ms: int
    takes: int
    orders: int

    @property
    def dwell_seconds(self) -> float:
        return self.dwell_ms / 1000

    @property
    def attention_seconds(self) -> float:
        return self.attention_ms / 1000

    @property
    def conversion(self) -> float:
        """Orders, or takes where there are more of them, over looks. More than 1 where people buy without a look."""
        return round(max(self.orders, self.takes) / self.looks, 3)


# What is taken and bought is counted on the days on which looks are, and on no others. `looks > 0`: a cell may hold
# nothing but the end of a stay, after midnight.
_REPORT = text(
    """
    with cell as (
        select * from attention_count
         where store_id = :store and closed and others >= :least and since >= :first and day <= :last
    ), taken as (
        select product_id, (event_at at time zone :zone)::date as day, count(*) as times
          from basket_change
         where store_id = :store and quantity > 0 and standing in ('sure', 'confirmed')
           and event_at >= cast(:first as timestamp) at time zone :zone
           and event_at < (cast(:last as timestamp) + interval '1 day') at time zone :zone
         group by 1, 2
    ), bought as (
        select line.product_id, (placed.created_at at time zone :zone)::date as day,
               count(distinct placed.id) as times
          from shop_order placed join order_line line on line.order_id = placed.id
         where placed.store_id = :store and placed.cancelled_at is null
           and placed.created_at >= cast(:first as timestamp) at time zone :zone
           and placed.created_at < (cast(:last as timestamp) + interval '1 day') at time zone :zone
         group by 1, 2
    )
    select product.sku, product.name, product.category, min(cell.since) as since, max(cell.day) as until,
           sum(looks)::bigint as looks, sum(smiles)::bigint as smiles, sum(dwell_ms)::bigint as dwell_ms,
           sum(attention_ms)::bigint as attention_ms,
           sum((select coalesce(sum(times), 0) from taken
                 where taken.product_id = cell.product_id and taken.day between cell.since and cell.day))::bigint
               as takes,
           sum((select coalesce(sum(times), 0) from bought
                 where bought.product_id = cell.product_id and bought.day between cell.since and cell.day))::bigint
               as orders
      from cell join product on product.id = cell.product_id
     group by product.id having sum(looks) > 0
     order by sum(attention_ms) desc, product.sku
    """
)


async def attention_in(
    session: AsyncSession, *, store: Store, first: date, last: date, group_min: int
) -> list[Attention]:
    """The most looked at first. A cell of several days counts where all of them are within. Raises PeriodTooLong."""
    if not 0 <= (last - first).days < DAYS_MAX:
        raise PeriodTooLong(f"A report covers 1 to {DAYS_MAX} days.", days_max=DAYS_MAX)
    values = {
        "store": store.id,
        "zone": store.timezone,
        "first": first,
        "last": last,
        "least": group_min,
    }
    rows = await session.execute(_REPORT, values)
    return [Attention(*row) for row in rows]
