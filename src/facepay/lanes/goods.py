"""Goods: what a passage carries, by its tags, by the shelves' baskets of its visits, or by both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, String, Uuid, and_, bindparam, column, func, join, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from facepay.catalog.products import Product, find_products
from facepay.checkout.pricing import PricedBasket, Unpriceable, price_basket
from facepay.checkout.sold_tags import Piece, goods_of, is_sold
from facepay.kernel.errors import Conflict, Problem
from facepay.lanes.paid_before import PAID_BEFORE, Paid, tags_paid
from facepay.lanes.passages import Passage, PassageTag
from facepay.lanes.policies import LanePolicy
from facepay.lanes.reads import Signal, Standing, TagRead, Window, judge_tags, signals_of
from facepay.settings import Settings
from facepay.shelves.baskets import Basket, live_basket
from facepay.shelves.rule import Claim, Count, Source, Verdict, reconcile

APART_MAX = timedelta(minutes=30)  # a read and its passage's start
TAGS_MAX = 1000  # of one passage, strays too: a trolley full of socks beside a shelf


class TooManyTags(Conflict):
    """The portal reads more tags than a passage can have: the part isn't kept, so that a lane that says how many parts
    there were can't finish.
    """

    code = "too_many_tags"
    title = "Too many tags"


@dataclass(frozen=True, slots=True)
class Goods:
    """`quantities` are charged, by sku; `tags` are sold with them, product ids by EPC.

    `unknown` tags are here, and nothing that this store sells. `disputed` ones are here or in the neighbouring lane,
    `sold_before` ones were sold earlier, `paid` ones are of goods that were paid for at a kiosk; none of these is
    charged. `verdict` is what the written rule made of it all.
    """

    quantities: Mapping[str, int]
    products: Mapping[str, Product]
    tags: Mapping[str, UUID]
    unknown: tuple[str, ...]
    disputed: tuple[str, ...]
    sold_before: tuple[str, ...]
    paid: Mapping[str, Piece]
    verdict: Verdict

    def priced(self, currency: str) -> PricedBasket | Unpriceable:
        return price_basket(self.quantities, self.products, currency=currency)


class ReadsOffClock(Problem):
    """These times are more than half an hour from the passage's start, so that it was started by another clock. The
    part isn't kept: by these times, nothing would be in the lane.
    """

    status = 422
    code = "reads_off_clock"
    title = "Reads by another clock"


# Composed once, as _SEEN is: it took longer than the database's answer.
_NOTED = (
    func.unnest(bindparam("epcs", type_=ARRAY(String())), bindparam("levels_of", type_=ARRAY(LargeBinary())))
    .table_valued(column("epc", String()), column("levels", LargeBinary()))
    .render_derived()
)
_NOTE = insert(PassageTag).from_select(
    ["passage_id", "epc", "levels"], select(bindparam("of_passage", type_=Uuid()), *_NOTED.c)
)
_KEEP = _NOTE.on_conflict_do_update(
    index_elements=["passage_id", "epc"], set_={"levels": _NOTE.excluded.levels}
).execution_options(dml_strategy="raw")


async def note_reads(session: AsyncSession, *, passage: Passage, reads: Collection[TagRead]) -> None:
    """Add a report to what is known of the passage's tags. The same one again changes nothing.

    Raises TooManyTags and ReadsOffClock.
    """
    apart = max((abs(read.read_at - passage.opened_at) for read in reads), default=timedelta())
    if apart > APART_MAX:
        raise ReadsOffClock("The reads' times are by another clock.", apart_seconds=int(apart.total_seconds()))
    found = signals_of(reads, passage.window)
    if not found:
        return
    known = select(PassageTag.epc, PassageTag.levels).where(PassageTag.passage_id == passage.id)
    before = {epc: Signal(levels) for epc, levels in await session.execute(known)}
    bounded(before.keys() | found.keys())
    levels = {epc: (signal | before.get(epc, Signal())).levels for epc, signal in sorted(found.items())}
    kept = {"of_passage": passage.id, "epcs": list(levels), "levels_of": list(levels.values())}
    await session.execute(_KEEP, kept)


def bounded(epcs: Set[str]) -> list[str]:
    """Tags, in order. Strays among them or not: to drop any would let goods out for which nobody paid.

    Raises TooManyTags.
    """
    if len(epcs) > TAGS_MAX:
        raise TooManyTags(f"A passage has at most {TAGS_MAX} tags.", tags_max=TAGS_MAX)
    return sorted(epcs)


async def goods_in(session: AsyncSession, *, passage: Passage, policy: LanePolicy, settings: Settings) -> Goods:
    """What the passage carries, for all that is known by now."""
    seen = await _seen(session, passage, policy) if policy.by_tags else _Seen()
    basket = await live_basket(session, visit_ids=passage.visit_ids) if policy.by_shelves else {}
    tags = await _sorted_out(session, passage, seen, policy)
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
        paid=tags.paid,
        verdict=verdict,
    )


@dataclass(frozen=True, slots=True)
class _Tags:
    taken: dict[str, Product]
    disputed: dict[str, Product]
    unknown: tuple[str, ...]
    sold_before: tuple[str, ...]
    paid: dict[str, Piece]


async def _sorted_out(session: AsyncSession, passage: Passage, seen: _Seen, policy: LanePolicy) -> _Tags:
    """The tags that are here, by what can be done with them: sold now, or not, and why."""
    judged = judge_tags(seen.here, window=passage.window, policy=policy.reads, neighbours=seen.elsewhere)
    here = {tag.epc: tag for tag in judged if tag.standing is not Standing.STRAY and tag.epc not in passage.left_behind}
    tagged = await goods_of(session, sgtins={epc: tag.sgtin for epc, tag in here.items() if tag.sgtin})
    sold = seen.sold & here.keys()
    sellable = {
        epc: product
        for epc, product in tagged.products.items()
        if epc not in sold and product.active and product.currency == passage.currency
    }
    taken = {epc: product for epc, product in sellable.items() if here[epc].standing is Standing.TAKEN}
    paid = tags_paid(taken, seen.paid)
    return _Tags(
        taken={epc: product for epc, product in taken.items() if epc not in paid},
        disputed={epc: product for epc, product in sellable.items() if epc not in taken},
        unknown=tuple(sorted(here.keys() - sellable.keys() - sold)),
        sold_before=tuple(sorted(epc for epc in sold if here[epc].standing is Standing.TAKEN)),
        paid=paid,
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


_THEIRS, _OTHER = aliased(PassageTag), aliased(Passage)
_SINCE = bindparam("since", type_=DateTime(timezone=True))
_SIDE_BY_SIDE = and_(
    _OTHER.id == _THEIRS.passage_id,
    _OTHER.store_id == bindparam("store_id"),
    _OTHER.device_id != bindparam("device_id"),
    _OTHER.started_at <= bindparam("until"),
    func.coalesce(_OTHER.ended_at, _SINCE) >= _SINCE,
)
_SEEN = (
    select(PassageTag.epc, PassageTag.levels, is_sold(PassageTag.epc))
    .add_columns(_THEIRS.levels, _OTHER.opened_at, _OTHER.finished_at, PAID_BEFORE)
    .outerjoin(join(_THEIRS, _OTHER, _SIDE_BY_SIDE), _THEIRS.epc == PassageTag.epc)
    .where(PassageTag.passage_id == bindparam("passage_id"))
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """How well tags were seen, here and by other lanes, by EPC; which of them are sold already, and what was paid for
    at kiosks.
    """

    here: dict[str, Signal] = field(default_factory=dict)
    elsewhere: dict[str, list[Signal]] = field(default_factory=dict)
    sold: set[str] = field(default_factory=set)
    paid: list[Paid] = field(default_factory=list)


async def _seen(session: AsyncSession, passage: Passage, policy: LanePolicy) -> _Seen:
    """Elsewhere is in other lanes of the store, in passages that were open while this one is."""
    slack = policy.reads.slack
    until = passage.expires_at
    if passage.finished_at is not None:
        until = passage.started_at + (passage.finished_at - passage.opened_at) + slack
    of_passage = {
        "passage_id": passage.id,
        "store_id": passage.store_id,
        "device_id": passage.device_id,
        "since": passage.started_at,
        "until": until,
        "visit_ids": passage.visit_ids,
        "payer_id": passage.payer_id,
    }
    seen = _Seen()
    for epc, levels, sold, levels_there, opened_at, finished_at, paid in await session.execute(_SEEN, of_passage):
        seen.here[epc] = Signal(levels)
        seen.paid[:] = paid  # the same in each row
        if sold:
            seen.sold.add(epc)
        if opened_at is not None:
            there = Window(opened_at, finished_at).cut(Signal(levels_there), slack)
            seen.elsewhere.setdefault(epc, []).append(there)
    return seen
