"""What a mirror advises from: the garments that are here in the person's size, what they are worth to them, and what
they have bought before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import exp
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.catalog.stock import Stock
from facepay.checkout.benefits import member_tier, take_off
from facepay.checkout.orders import Order, OrderLine
from facepay.checkout.pricing import PricedBasket, Unpriceable, price_basket
from facepay.fitting.garments import Garment
from facepay.fitting.outfits import Candidate, Kind, Outfit, Owned, outfits
from facepay.fitting.sessions import FittingSession, Memory, profiled
from facepay.members.members import get_member
from facepay.recommender.recommending import scores
from facepay.recommender.verdicts import Verdict
from facepay.recommender.wanted import Wanted
from facepay.rewards.rules import Tier, read_rules
from facepay.settings import Settings
from facepay.stores.stores import Store, get_open_store
from facepay.vision.colours import Lab

GARMENTS_MAX = 5_000
OWNED_MAX = 100
ADVISED = 3
# In CIEDE2000: so far from what somebody likes, a garment of the same kind is worth a third as much as beside it.
LIKED_REACH = 20.0
LIKED_LIFTS = 0.8


@dataclass(frozen=True, slots=True)
class Wardrobe:
    """`garments` are the candidates' rows. `sizes` are those said, and of other kinds those bought last. `knows` is
    whether purchases and tastes were used, `tier` is the payer's.
    """

    store: Store
    garments: Mapping[UUID, Garment]
    candidates: Sequence[Candidate]
    owned: Sequence[Owned]
    sizes: Mapping[Kind, str]
    knows: bool
    tier: Tier | None

    @property
    def occasions(self) -> list[str]:
        return sorted({occasion for candidate in self.candidates for occasion in candidate.occasions})

    def price(self, outfit: Outfit) -> int:
        """What the outfit costs this person before coupons, in minor units."""
        products = [self.garments[piece.product_id].product for piece in outfit.pieces]
        priced = price_basket(
            dict.fromkeys((product.sku for product in products), 1),
            {product.sku: product for product in products},
            currency=self.store.currency,
        )
        assert not isinstance(priced, Unpriceable)  # they are on sale, by piece, in the store's currency
        basket: PricedBasket = take_off(priced, self.tier, ())
        return basket.total


async def wardrobe_of(session: AsyncSession, fitting: FittingSession, *, settings: Settings, now: datetime) -> Wardrobe:
    """Raises StoreClosed."""
    store = await get_open_store(session, fitting.store_id)
    memory = fitting.remembered
    knows = await profiled(session, member_id=fitting.member_id, settings=settings)
    bought = await _bought(session, fitting.member_id) if knows and fitting.member_id else []
    sizes = {garment.kind: garment.size for garment in reversed(bought) if garment.size} | memory.sizes
    here = await _here(session, store, sizes)
    liking = await scores(
        session,
        member_id=fitting.member_id,
        product_ids=list(here),
        store_id=store.id,
        settings=settings,
        now=now,
        wanted=Wanted(without=memory.products(Verdict.DISLIKED)),
    )
    candidates = [_candidate(here[product_id], score) for product_id, score in liking.items()]
    return Wardrobe(
        store=store,
        garments=here,
        candidates=_lifted(candidates, memory),
        owned=[_owned(garment) for garment in bought[:OWNED_MAX] if garment.colour],
        sizes=sizes,
        knows=knows,
        tier=await _tier(session, fitting.member_id, store, now),
    )


def advise(wardrobe: Wardrobe, memory: Memory, *, occasion: str | None, budget: int | None) -> list[Outfit]:
    """The best outfits but those they refused: CPU work for a thread."""
    found = outfits(
        wardrobe.candidates,
        occasion=occasion,
        appearance=memory.appearance,
        owned=wardrobe.owned,
        budget=budget,
        limit=ADVISED + len(memory.refused),
    )
    refused = set(memory.refused)
    return [each for each in found if products_of(each) not in refused][:ADVISED]


def products_of(outfit: Outfit) -> frozenset[UUID]:
    return frozenset(piece.product_id for piece in outfit.pieces)


async def _here(session: AsyncSession, store: Store, sizes: Mapping[Kind, str]) -> dict[UUID, Garment]:
    """Garments with a colour that the store has, one of each style and colour; of a kind whose size is known only those
    that fit, or come in one.
    """
    fits = or_(
        Garment.size.is_(None),
        Garment.kind.not_in(list(sizes)),
        *(and_(Garment.kind == kind, func.lower(Garment.size) == size.lower()) for kind, size in sizes.items()),
    )
    found = await session.scalars(
        select(Garment)
        .join(Product)
        .outerjoin(Stock, (Stock.product_id == Garment.product_id) & (Stock.store_id == store.id))
        .where(
            Product.active,
            Product.colour.is_not(None),
            Product.currency == store.currency,
            func.coalesce(Stock.quantity, 1) > 0,
            fits,
        )
        .ext(distinct_on(Garment.style, Product.colour))
        .order_by(Garment.style, Product.colour, Garment.product_id.desc())
        .limit(GARMENTS_MAX)
    )
    return {garment.product_id: garment for garment in found}


async def _bought(session: AsyncSession, member_id: UUID) -> list[Garment]:
    """What they bought themselves and kept, the last first; whoever paid."""
    by_them = or_(and_(Order.member_id == member_id, Order.buyer_id.is_(None)), Order.buyer_id == member_id)
    found = await session.scalars(
        select(Garment)
        .join(OrderLine, OrderLine.product_id == Garment.product_id)
        .join(Order, Order.id == OrderLine.order_id)
        .where(by_them, Order.cancelled_at.is_(None), OrderLine.returned < OrderLine.quantity)
        .order_by(Order.created_at.desc(), Garment.product_id)
        .limit(2 * OWNED_MAX)
    )
    return list(dict.fromkeys(found))


async def _tier(session: AsyncSession, member_id: UUID | None, store: Store, now: datetime) -> Tier | None:
    if member_id is None:
        return None
    member = await get_member(session, member_id)
    rules = await read_rules(session)
    payer_id = member.payer_id or member.id
    return await member_tier(session, rules, member_id=payer_id, currency=store.currency, now=now)


def _candidate(garment: Garment, score: float) -> Candidate:
    product = garment.product
    assert product.colour is not None  # asked for
    return Candidate(
        product_id=garment.product_id,
        style=garment.style,
        kind=Kind(garment.kind),
        name=product.name,
        colour=Lab.from_hex(product.colour),
        occasions=frozenset(garment.occasions),
        price=product.price,
        liking=score,
    )


def _owned(garment: Garment) -> Owned:
    assert garment.colour is not None
    return Owned(garment.style, Kind(garment.kind), garment.name, Lab.from_hex(garment.colour))


def _lifted(candidates: Sequence[Candidate], memory: Memory) -> list[Candidate]:
    """What is like something that they liked in this session is liked more: of the same kind, and near in colour."""
    said = set(memory.products(Verdict.LIKED))
    liked = [candidate for candidate in candidates if candidate.product_id in said]
    return [replace(each, liking=_lift(each, liked)) for each in candidates]


def _lift(candidate: Candidate, liked: Iterable[Candidate]) -> float:
    near = (
        exp(-candidate.colour.difference(other.colour) / LIKED_REACH) for other in liked if other.kind is candidate.kind
    )
    return candidate.liking + (1 - candidate.liking) * LIKED_LIFTS * max(near, default=0.0)
