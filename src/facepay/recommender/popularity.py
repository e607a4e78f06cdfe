"""What people buy in a store, by the part of the day and by the weather there: counts that are nobody's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.recommender.wanted import PartOfDay, Weather
from facepay.recommender.weather import HOLDS_FOR
from facepay.stores.stores import Store

BOUGHT_WITHIN = timedelta(days=60)
# As if so many more people had bought it then, and as many as ever do.
SHRINKAGE = 10
PARTS, WEATHERS = tuple(PartOfDay), tuple(Weather)

# By people, so that nobody makes a product popular alone. `part` and `weather` are null where the count is of all.
_BOUGHT = text("""
with bought as (
    select line.product_id, coalesce(o.buyer_id, o.member_id) as buyer,
        (cast(:parts as text[]))[extract(hour from o.created_at at time zone :time_zone)::int + 1] as part,
        coalesce((
            select report.weather from weather_report report
            where report.store_id = :store_id and report.reported_at <= o.created_at
                and report.reported_at > o.created_at - cast(:holds_for as interval)
            order by report.reported_at desc limit 1
        ), 'unknown') as weather
    from shop_order o join order_line line on line.order_id = o.id and line.returned < line.quantity
    where o.store_id = :store_id and o.created_at >= :since and o.created_at < :now and o.cancelled_at is null
)
select product_id, part, weather, count(distinct buyer) as people
from bought
group by grouping sets ((product_id), (product_id, part), (product_id, weather))
having count(distinct buyer) >= :group_min
""")


async def popularity_in_stores(session: AsyncSession, *, group_min: int, now: datetime) -> list[dict[str, Any]]:
    """The rows of `ProductPopularity`, of products that at least the minimum group bought in a store."""
    stores = await session.execute(select(Store.id, Store.timezone).where(Store.closed_at.is_(None)))
    found: list[dict[str, Any]] = []
    for store_id, time_zone in stores.all():
        values = {
            "store_id": store_id,
            "time_zone": time_zone,
            "parts": [PartOfDay.of(hour) for hour in range(24)],
            "holds_for": HOLDS_FOR,
            "since": now - BOUGHT_WITHIN,
            "now": now,
            "group_min": group_min,
        }
        rows = await session.execute(_BOUGHT, values)
        found += _rows(store_id, [tuple(row) for row in rows])
    return found


def _rows(store_id: UUID, counts: Sequence[tuple[UUID, str | None, str | None, int]]) -> list[dict[str, Any]]:
    people = {product_id: count for product_id, part, weather, count in counts if part is None and weather is None}
    parts = {(each[0], each[1]): each[3] for each in counts if each[1] is not None}
    weathers = {(each[0], each[2]): each[3] for each in counts if each[2] is not None}
    everybody = sum(people.values())
    by_part = _lifts(people, parts, PARTS)
    by_weather = _lifts(people, weathers, WEATHERS)
    return [
        {
            "store_id": store_id,
            "product_id": product_id,
            "share": count / everybody,
            "by_part": by_part[product_id],
            "by_weather": by_weather[product_id],
        }
        for product_id, count in people.items()
    ]


def _lifts(
    people: dict[UUID, int], counts: dict[tuple[UUID, str], int], when: Sequence[StrEnum]
) -> dict[UUID, list[float]]:
    """By product: how many buy it then, over how many would if it sold then as ever. Fewer than the minimum group
    count as nobody.
    """
    everybody = sum(people.values())
    then: defaultdict[str, int] = defaultdict(int)
    for (_, name), count in counts.items():
        then[name] += count
    return {
        product_id: [
            (counts.get((product_id, name), 0) + SHRINKAGE) / (ever * then[name] / everybody + SHRINKAGE)
            for name in when
        ]
        for product_id, ever in people.items()
    }
