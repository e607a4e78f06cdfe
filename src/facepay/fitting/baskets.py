"""What somebody would pay for what they have tried on, before they pay it as at any kiosk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product, find_products
from facepay.checkout.benefits import Offer, Wish
from facepay.checkout.pricing import PricedBasket, Unpriceable, price_basket
from facepay.checkout.selling import NotSold, quote
from facepay.fitting.requests import FittingRequest, RequestState
from facepay.fitting.sessions import FittingSession
from facepay.kernel.errors import Problem
from facepay.members.members import get_member
from facepay.recommender.verdicts import Verdict
from facepay.settings import Settings
from facepay.stores.stores import get_open_store


class CannotPrice(Problem):
    """The basket can't be sold here: `reason` says why, `skus` which are at fault."""

    status = 422
    code = "cannot_price"
    title = "Can't be priced"


@dataclass(frozen=True, slots=True)
class Quote:
    """`offer` is what it costs the member; a guest has only `basket`, at list price. `refused` is why they may not buy
    it as it is, where they may not.
    """

    basket: PricedBasket
    offer: Offer | None = None
    refused: NotSold | None = None


async def suggested(session: AsyncSession, fitting: FittingSession) -> dict[str, int]:
    """One of each piece that was brought to them in this session, and that they didn't dislike."""
    disliked = fitting.remembered.products(Verdict.DISLIKED)
    skus = await session.scalars(
        select(Product.sku)
        .join(FittingRequest, FittingRequest.product_id == Product.id)
        .where(
            FittingRequest.session_id == fitting.id,
            FittingRequest.state == RequestState.BROUGHT,
            Product.id.not_in(disliked),
        )
        .order_by(FittingRequest.id)
    )
    return dict.fromkeys(skus, 1)


async def quoted(
    session: AsyncSession,
    fitting: FittingSession,
    *,
    quantities: Mapping[str, int],
    wish: Wish,
    now: datetime,
    settings: Settings,
) -> Quote:
    """As the kiosk's routes would charge it now. Raises CannotPrice and StoreClosed. The caller uses the
    session, and so holds the member's row.
    """
    store = await get_open_store(session, fitting.store_id)
    priced = price_basket(quantities, await find_products(session, skus=quantities.keys()), currency=store.currency)
    if isinstance(priced, Unpriceable):
        raise CannotPrice("These can't be sold here.", reason=priced.code, skus=list(priced.skus))
    if fitting.member_id is None:
        return Quote(priced)
    member = await get_member(session, fitting.member_id)
    offered = await quote(
        session,
        member=member,
        basket=priced,
        wish=wish,
        store_id=store.id,
        now=now,
        settings=settings,
        proven=True,  # what is asked for is asked when they pay
    )
    if isinstance(offered, Offer):
        return Quote(offered.basket, offer=offered)
    assert isinstance(offered, NotSold)  # whoever is proven is asked for nothing more
    return Quote(priced, refused=offered)
