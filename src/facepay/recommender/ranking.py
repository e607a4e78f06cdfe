"""The statements that rank what may be suggested: filters first, then what speaks for each product."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

# Of what is popular in a store: more than anybody is ever shown, and than any filter leaves out as a rule.
POPULAR_MAX = 500
# A reason of their own is told, unless what many buy speaks so many times as loud.
OWN_REASON = 3


@dataclass(frozen=True, slots=True)
class Weights:
    """What each part counts for, in shares of all that a member buys next; 0 leaves it out. Measured by
    benchmarks/recommender.py on a made-up history.
    """

    again: float = 1.0
    together: float = 1.0
    alike: float = 0.02
    popular: float = 0.5
    context: bool = True


# What may be suggested. An allergen that nobody declared isn't safe, and an age that nobody checked is none.
_ELIGIBLE = """
    p.active and p.currency = :currency and coalesce(stock.quantity, 1) > 0
    and p.id <> all(cast(:without as uuid[]))
    and (cast(:among as uuid[]) is null or p.id = any(cast(:among as uuid[])))
    and (cast(:categories as text[]) is null or p.category = any(cast(:categories as text[])))
    and (p.age_min is null or p.age_min <= :age)
    and (cast(:allergens as text[]) is null
        or (p.allergens is not null and not p.allergens::text[] && cast(:allergens as text[])))
    and not exists (
        select from preference wish
        where wish.member_id = :member_id and wish.product_id = p.id and wish.excluded
    )
    and not exists (
        select from product_feedback said
        where said.member_id = :member_id and said.product_id = p.id and said.verdict = 'disliked'
    )
"""
_SHOWN = "p.id, p.sku, p.name, p.category, p.price, p.currency, p.allergens, p.ingredients, p.age_min"
_STOCKED = """left join lateral (
        select quantity from stock where stock.product_id = p.id and stock.store_id = :store_id offset 0
    ) stock on true"""

# `own` is what the member likes and what is at hand; each of it speaks for itself and for its neighbours. `offset 0`
# keeps the planner from joining whole tables: prepared, it knows neither how many there are nor which filters are in
# use, and took a hundred times as long. So the best are looked up one by one, until enough of them may be shown.
RANKED = text(f"""
with own as materialized (
    select * from unnest(
        cast(:products as uuid[]), cast(:weights as float8[]), cast(:bought as float8[]), cast(:interests as float8[])
    ) as own (product_id, weight, bought, interest)
), popular as materialized (
    select product_id, share, coalesce(by_part[cast(:part as int)], 1) as in_part,
        coalesce(by_weather[cast(:weather as int)], 1) as in_weather
    from product_popularity where store_id = :store_id order by share desc limit {POPULAR_MAX}
), speaks (product_id, source_id, part, share) as (
    select own.product_id, null::uuid, 'own', :again * (own.interest + own.bought * coalesce(near.bought_again, 0))
    from own left join product_neighbours near using (product_id)
    union all
    select other.id, own.product_id, 'together', :together * own.weight * other.share
    from own join product_neighbours near using (product_id)
    cross join unnest(near.together, near.together_shares) as other (id, share)
    union all
    select other.id, own.product_id, 'alike', :alike * own.weight * other.share
    from own join product_neighbours near using (product_id)
    cross join unnest(near.alike, near.alike_shares) as other (id, share)
    union all
    select product_id, null, case
            when in_part >= 1.2 and in_part >= in_weather then 'now'
            when in_weather >= 1.2 then 'weather' else 'here' end,
        :popular * share * in_part * in_weather
    from popular
), shown as materialized (
    select p.*, ranked.score, ranked.part, ranked.source_id
    from (
        select product_id, sum(share) as score, (array_agg(part order by loud desc))[1] as part,
            (array_agg(source_id order by loud desc))[1] as source_id
        from speaks cross join lateral (
            select share * case when part in ('own', 'together', 'alike') then {OWN_REASON} else 1 end as loud
        ) heard
        where share > 0 group by product_id order by score desc, product_id
    ) ranked cross join lateral (
        select {_SHOWN} from product p {_STOCKED} where p.id = ranked.product_id and {_ELIGIBLE} offset 0
    ) p
    order by ranked.score desc, ranked.product_id limit :page offset :after
)
select shown.*, source.name as because from shown left join product source on source.id = shown.source_id
order by shown.score desc, shown.id
""")  # noqa: S608 - our own text

# What else there is, the newest first.
REST = text(f"""
select {_SHOWN}, cast(0 as float8) as score, 'rest' as part, null as source_id, null as because
from product p {_STOCKED}
where {_ELIGIBLE} and p.id <> all(cast(:found as uuid[]))
order by p.id desc limit :page offset :after
""")  # noqa: S608
