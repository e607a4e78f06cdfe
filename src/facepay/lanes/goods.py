"""Goods: what a passage carries, by its tags, by the shelves' baskets of its visits, or by both."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product, find_products
from facepay.checkout.pricing import PricedBasket, Unpriceable, price_basket
from facepay.checkout.sold_tags import goods_of, sold_among
from facepay.kernel.errors import Conflict
from facepay.lanes.passages import Passage, PassageTag
from facepay.lanes.policies import LanePolicy
from facepay.lanes.reads import JudgedTag, Signal, Standing, TagRead, judge_tags, signals_of
from facepay.settings import Settings
from facepay.shelves.baskets import Basket, live_basket
from facepay.shelves.rule import Claim, Count, Source, Verdict, reconcile

TAGS_MAX = 1000  # of one passage, strays too: a trolley full of socks beside a shelf


class TooManyTags(Conflict):
    """The portal reads more tags than a passage can have: the part isn't kept, and the passage can't be finished."""

    code = "too_many_tags"
    title = "Too many tags"


@dataclass(frozen=True, slots=True)
class Goods:
    """`quantities` are charged, by sku; `tags` are sold with them, product ids by EPC.

    `unknown` tags are here, and nothing that this store sells. `disputed` ones are here or in the neighbouring lane,
    `sold_before` ones were paid for earlier; neither is charged. `verdict` is what the written rule made of it all.
    """

    quantities: Mapping[str, int]
    products: Mapping[str, Product]
    tags: Mapping[str, UUID]
    unknown: tuple[str, ...]
    disputed: tuple[str, ...]
    sold_before: tuple[str, ...]
    verdict: Verdict

    def priced(self, currency: str) -> PricedBasket | Unpriceable:
        return price_basket(self.quantities, self.products, currency=currency)


async def note_reads(session: AsyncSession, *, passage: Passage, reads: Iterable[TagRead]) -> None:
    """Add a report to what is known of the passage's tags. The same one again changes nothing. Raises TooManyTags."""
    found = signals_of(reads, passage.window)
    if not found:
        return
    known = await session.execute(
        select(PassageTag.epc, PassageTag.levels).where(PassageTag.passage_id == passage.id, PassageTag.epc.in_(found))
    )
    before = {epc: Signal(levels) for epc, levels in known}
    count = await session.scalar(select(func.count()).where(PassageTag.passage_id == passage.id)) or 0
    if count + len(found) - len(before) > TAGS_MAX:
        # Strays among them or not: to drop any would let goods out for which nobody paid.
        raise TooManyTags(f"A passage has at most {TAGS_MAX} tags.", tags_max=TAGS_MAX)
    row = insert(PassageTag).values(
        [
            {"passage_id": passage.id, "epc": epc, "levels": (signal | before.get(epc, Signal())).levels}
            for epc, signal in sorted(found.items())
        ]
    )
    await session.execute(
        row.on_conflict_do_update(index_elements=["passage_id", "epc"], set_={"levels": row.excluded.levels})
    )


async def goods_in(session: AsyncSession, *, passage: Passage, policy: LanePolicy, settings: Settings) -> Goods:
    """What the passage carries, for all that is known by now."""
    judged = await _judged(session, passage, policy) if policy.by_tags else []
    basket = await live_basket(session, visit_ids=passage.visit_ids) if policy.by_shelves else {}
    tags = await _sorted_out(session, passage, judged)
    products = {product.sku: product for product in (tags.taken | tags.disputed).values()}
    products |= await find_products(session, skus=(basket.keys() | passage.named.keys()) - products.keys())
    claims = _claims(tags.taken, tags.disputed, basket, products, policy)
    verdict = reconcile(claims, favour_max=settings.shelf_favour_max)
    quantities, unknown = Counter(verdict.charged), tags.unknown
    if passage.named and sum(passage.named.values()) >= len(unknown):
        quantities, unknown = quantities + Counter(passage.named), ()
    return Goods(
        quantities=dict(quantities),
        products=products,
        tags=_charged_tags(tags.taken, verdict),
        unknown=unknown,
        disputed=tuple(sorted(tags.disputed)),
        sold_before=tags.sold_before,
        verdict=verdict,
    )


@dataclass(frozen=True, slots=True)
class _Tags:
    taken: dict[str, Product]
    disputed: dict[str, Product]
    unknown: tuple[str, ...]
    sold_before: tuple[str, ...]


async def _sorted_out(session: AsyncSession, passage: Passage, judged: Iterable[JudgedTag]) -> _Tags:
    """The tags that are here, by what can be done with them: sold now, or not, and why."""
    here = {tag.epc: tag for tag in judged if tag.standing is not Standing.STRAY and tag.epc not in passage.left_behind}
    tagged = await goods_of(session, sgtins={epc: tag.sgtin for epc, tag in here.items() if tag.sgtin})
    sold = await sold_among(session, epcs=here)
    sellable = {
        epc: product
        for epc, product in tagged.products.items()
        if epc not in sold and product.active and product.currency == passage.currency
    }
    taken = {epc: product for epc, product in sellable.items() if here[epc].standing is Standing.TAKEN}
    return _Tags(
        taken=taken,
        disputed={epc: product for epc, product in sellable.items() if epc not in taken},
        unknown=tuple(sorted(here.keys() - sellable.keys() - sold)),
        sold_before=tuple(sorted(epc for epc in sold if here[epc].standing is Standing.TAKEN)),
    )


def _charged_tags(taken: Mapping[str, Product], verdict: Verdict) -> dict[str, UUID]:
    """As many tags of each product as it is charged for: the rest is nobody's yet."""
    left = dict(verdict.charged)
    tags = {}
    for epc, product in sorted(taken.items()):
        if left.get(product.sku, 0):
            left[product.sku] -= 1
            tags[epc] = product.id
    return tags


def _claims(
    taken: Mapping[str, Product],
    disputed: Mapping[str, Product],
    basket: Basket,
    products: Mapping[str, Product],
    policy: LanePolicy,
) -> list[Claim]:
    """What tags and shelves say of each product. Goods without a GTIN bear no tag that could be missed, and goods that
    lie in no basket may come from where no shelf weighs: there the other source is believed.
    """
    sure = Counter(product.sku for product in taken.values())
    unsure = Counter(product.sku for product in disputed.values())
    claims = []
    for sku, product in sorted(products.items()):
        counts: dict[Source, Count] = {}
        if policy.by_tags and (product.gtin or sure[sku]):
            counts["rfid"] = Count(sure[sku], sure[sku] + unsure[sku])
        if policy.by_shelves and sku in basket:
            counts["shelf"] = basket[sku].count
        claims.append(Claim(sku, product.price, counts))
    return claims


async def _judged(session: AsyncSession, passage: Passage, policy: LanePolicy) -> list[JudgedTag]:
    rows = await session.execute(select(PassageTag.epc, PassageTag.levels).where(PassageTag.passage_id == passage.id))
    signals = {epc: Signal(levels) for epc, levels in rows}
    reads = policy.reads
    neighbours = await _seen_elsewhere(session, passage, policy) if signals else {}
    return judge_tags(signals, window=passage.window, policy=reads, neighbours=neighbours)


async def _seen_elsewhere(session: AsyncSession, passage: Passage, policy: LanePolicy) -> dict[str, list[Signal]]:
    """How well other lanes of the store saw the same tags, in passages that were open while this one is."""
    mine = select(PassageTag.epc).where(PassageTag.passage_id == passage.id)
    until = passage.expires_at
    if passage.finished_at is not None:
        until = passage.started_at + (passage.finished_at - passage.opened_at) + policy.reads.slack
    rows = await session.execute(
        select(PassageTag.epc, PassageTag.levels, Passage)
        .join(Passage, Passage.id == PassageTag.passage_id)
        .where(
            PassageTag.epc.in_(mine),
            Passage.store_id == passage.store_id,
            Passage.device_id != passage.device_id,
            Passage.started_at <= until,
            func.coalesce(Passage.ended_at, passage.started_at) >= passage.started_at,
        )
    )
    elsewhere: dict[str, list[Signal]] = defaultdict(list)
    for epc, levels, other in rows:
        elsewhere[epc].append(other.window.cut(Signal(levels), policy.reads.slack))
    return elsewhere
