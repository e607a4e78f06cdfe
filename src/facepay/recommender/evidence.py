"""What members do with products, as evidence of what they like: of those who agreed to profiling, from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

# With a half-life of 30 days, what is older is worth less than a fiftieth.
REMEMBERED = timedelta(days=180)
# Of one member, the strongest: many more would only say the same again.
PRODUCTS_MAX = 40
# All that is learnt from at once: 2 million of a member and a product take 200 MB.
LEARNT_FROM_MAX = 2_000_000
READ_AT_ONCE = 20_000


class Sign(StrEnum):
    """How somebody shows that they like a product."""

    BOUGHT = "bought"
    LIKED = "liked"
    TRIED_ON = "tried_on"
    TOOK = "took"
    LOOKED_AT = "looked_at"


@dataclass(frozen=True, slots=True)
class Known:
    """What speaks for a product with a member, in purchases. `sign` is how they showed it, if not by buying it."""

    product_id: UUID
    bought: float
    interest: float
    sign: Sign

    @property
    def weight(self) -> float:
        return self.bought + self.interest


# In purchases. The weights are estimates: nothing of a shop's own was there to measure them by. What somebody took who
# had guests with them may be the guests'.
_EVIDENCE = """
with agreed as (
    select member_id, greatest(evidence_since, :oldest) as since
    from profiling_consent where withdrawn_at is null {whose}
), ordered as (
    select agreed.member_id, o.id, o.created_at as at
    from agreed join shop_order o on o.member_id = agreed.member_id and o.buyer_id is null
    where o.created_at >= agreed.since and o.created_at < :now and o.cancelled_at is null
    union all
    select agreed.member_id, o.id, o.created_at
    from agreed join shop_order o on o.buyer_id = agreed.member_id
    where o.created_at >= agreed.since and o.created_at < :now and o.cancelled_at is null
), sign (member_id, product_id, name, weight, at) as (
    select distinct ordered.member_id, line.product_id, 'bought', 1.0, ordered.at
    from ordered join order_line line on line.order_id = ordered.id and line.returned < line.quantity
    union all
    select agreed.member_id, said.product_id, said.verdict, case said.verdict when 'liked' then 1.0 else 0.5 end,
        said.given_at
    from agreed join product_feedback said on said.member_id = agreed.member_id
    where said.given_at < :now and said.verdict <> 'disliked'
    union all
    select agreed.member_id, change.product_id, 'took', 0.3, change.event_at
    from agreed join visit on visit.member_id = agreed.member_id and visit.guests = 0
    join basket_change change on change.visit_id = visit.id and change.quantity > 0
    where change.event_at >= agreed.since and change.event_at < :now and change.standing in ('sure', 'confirmed')
    union all
    select agreed.member_id, look.product_id, 'looked_at', least(0.5, look.score / 60), look.scored_at
    from agreed join preference look on look.member_id = agreed.member_id
    where look.scored_at < :now and not look.excluded
), faded as (
    select member_id, product_id, name,
        weight * power(0.5, least(50, extract(epoch from :now - at)::float8 / :half_life_seconds)) as weight
    from sign
)
select member_id, product_id,
    coalesce(sum(weight) filter (where name = 'bought'), 0) as bought,
    coalesce(sum(weight) filter (where name <> 'bought'), 0) as interest,
    coalesce((array_agg(name order by weight desc) filter (where name <> 'bought'))[1], 'bought') as sign
from faded
where not exists (
    select from preference wish
    where wish.member_id = faded.member_id and wish.product_id = faded.product_id and wish.excluded
) and not exists (
    select from product_feedback said
    where said.member_id = faded.member_id and said.product_id = faded.product_id and said.verdict = 'disliked'
)
group by member_id, product_id
"""
_OF_ONE = text(
    _EVIDENCE.format(whose="and member_id = :member_id") + " order by sum(weight) desc, product_id limit :products_max"
)
_OF_ALL = text(_EVIDENCE.format(whose="") + " limit :rows_max")


async def known_of(session: AsyncSession, *, member_id: UUID, half_life: timedelta, now: datetime) -> list[Known]:
    """What is known until now, the strongest first; nothing of a member who didn't agree to profiling."""
    values = _times(now) | {"half_life_seconds": half_life.total_seconds()}
    rows = await session.execute(_OF_ONE, values | {"member_id": member_id, "products_max": PRODUCTS_MAX})
    return [Known(row.product_id, row.bought, row.interest, Sign(row.sign)) for row in rows]


async def known_of_all(session: AsyncSession, *, now: datetime) -> AsyncIterator[Sequence[Row[Any]]]:
    """The same of everybody who agreed, in parts: (member_id, product_id, bought, interest, sign). Nothing has faded
    here, since what goes with what doesn't.
    """
    values = _times(now) | {"half_life_seconds": inf, "rows_max": LEARNT_FROM_MAX}
    found = await session.stream(_OF_ALL, values, execution_options={"yield_per": READ_AT_ONCE})
    async for part in found.partitions():
        yield part


def _times(now: datetime) -> dict[str, Any]:
    return {"now": now, "oldest": now - REMEMBERED}
