"""A passage's bill: what would be charged now, to whom, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.limits import NeedsStepUp
from facepay.checkout.pricing import PricedBasket, Unpriceable
from facepay.checkout.selling import NotSold
from facepay.entrance.visits import Visit
from facepay.kernel.auth import Principal
from facepay.lanes.goods import Goods, goods_in
from facepay.lanes.passages import Passage, let_go
from facepay.lanes.payers import payer_now
from facepay.lanes.payment import Authorised, reserve
from facepay.lanes.taking_up import Found
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.shelves.baskets import lock_visits


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is posted to a passage: by which device, and all that it is judged by."""

    found: Found
    device: Principal
    now: datetime
    settings: Settings

    @property
    def passage(self) -> Passage:
        return self.found.passage


@dataclass(frozen=True, slots=True)
class Bill:
    """What would be charged now, to whom, and how that stands."""

    goods: Goods
    payer: Member | None
    visits: list[Visit]
    priced: PricedBasket | Unpriceable | None
    money: Authorised | NotSold | NeedsStepUp | None

    @property
    def shown(self) -> PricedBasket | None:
        if isinstance(self.money, Authorised):
            return self.money.offer.basket
        return self.priced if isinstance(self.priced, PricedBasket) else None


async def draw_up(session: AsyncSession, step: Step, *, final: bool = False) -> Bill:
    """Members, then visits, then what they carry: nothing of a `final` one changes before the transaction ends."""
    passage = step.passage
    payer = await payer_now(session, passage=passage, held=step.found.held)
    visits = await lock_visits(session, visit_ids=passage.visit_ids) if final and passage.visit_ids else []
    goods = await goods_in(session, passage=passage, policy=step.found.policy, settings=step.settings)
    priced = goods.priced(passage.currency) if goods.quantities else None
    money = None
    if payer is not None and isinstance(priced, PricedBasket) and not passage.several_people:
        money = await reserve(
            session,
            passage=passage,
            payer=payer,
            basket=priced,
            policy=step.found.policy,
            now=step.now,
            settings=step.settings,
        )
    else:
        await let_go(session, passage=passage, now=step.now)
    bill = Bill(goods, payer, visits, priced, money)
    passage.basket, passage.unknown_tags = dict(goods.quantities), list(goods.unknown)
    passage.total = bill.shown.total if bill.shown else None if goods.quantities else 0
    return bill


def why_held(step: Step, bill: Bill) -> str | None:
    passage, goods = step.passage, bill.goods
    door = step.found.door
    if door.exits_locked or (door.locked and door.emergency is None):  # a lockdown keeps people out, and not in
        return "lane_locked"
    if goods.unknown:
        return "unknown_tag"
    by_shelves = step.found.policy.by_shelves
    if goods.verdict.review and not by_shelves and not passage.at_kiosk:
        return "tag_disputed"
    if not goods.quantities and (bill.payer or not by_shelves):
        return None
    if passage.several_people:
        return "several_people"
    if bill.payer is None:
        code = passage.authentication_code
        return "no_face" if code == "processing" else code
    if isinstance(bill.priced, Unpriceable):
        return bill.priced.code
    return bill.money.code if isinstance(bill.money, NotSold | NeedsStepUp) else None
