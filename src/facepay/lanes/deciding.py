"""Deciding on a passage: release with a receipt, release of whoever took nothing, or hold and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import Severity
from facepay.channel.commands import issue
from facepay.channel.payloads import Open
from facepay.checkout.buyers import AGE_CHECK_NEEDED, call_for_age_check
from facepay.checkout.limits import Declined, NeedsStepUp
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket
from facepay.checkout.selling import NotSold, Sold
from facepay.checkout.sold_tags import alert_sold_before
from facepay.entrance.visits import close_visit
from facepay.identity.verdicts import Asked, Ruling, TurnedAway, Verdict
from facepay.lanes.bills import Bill, Step, draw_up, why_held
from facepay.lanes.goods import Goods
from facepay.lanes.kinds import GOODS_LEFT_BEHIND, TAGS_DISPUTED
from facepay.lanes.passages import Passage, let_go
from facepay.lanes.payers import ask_for_amount
from facepay.lanes.payment import Authorised, TagsSold, claim_all, sell_goods
from facepay.members.members import get_member
from facepay.shelves.baskets import close_basket, lock_visits

SALES_MAX = 3  # each try loses a tag to another lane
OPEN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class PassageDecision(Ruling):
    """What the lane does and shows now; the passage is its record. `money`: authorised, or why it is not."""

    record: Passage
    goods: Goods | None = None
    priced: PricedBasket | None = None
    money: str | None = None
    order: Order | None = None
    over: Declined | NeedsStepUp | None = None
    skus: tuple[str, ...] = ()
    command_number: int = 0


async def go_on(session: AsyncSession, step: Step, verdict: Verdict | None = None) -> PassageDecision:
    """After something new: another try where the exit is held, else hold the money and show how it stands."""
    if step.passage.decision == "hold":
        return await decide(session, step, verdict)
    bill = await draw_up(session, step)
    await session.flush()
    return await _show(session, step, bill, verdict)


async def decide(
    session: AsyncSession, step: Step, verdict: Verdict | None = None, *, finished_at: datetime | None = None
) -> PassageDecision:
    """Release or hold. The window closes at the first try: what is read later is no part of the passage."""
    passage = step.passage
    is_first = passage.finished_at is None
    if is_first:
        passage.finish(finished_at, step.now)
    if step.found.door.released:
        return await _let_out(session, step)
    for _ in range(SALES_MAX):
        bill = await draw_up(session, step, final=True)
        if is_first:
            await _alert_sold(session, step, bill.goods.sold_before)
            is_first = False
        if why := why_held(step, bill):
            return await _hold(session, step, bill, why, verdict)
        match sold := await _sell(session, step, bill):
            case None:
                return await _release(session, step, bill, "paid_before" if bill.goods.paid else "nothing_taken")
            case Sold(order):
                return await _release(session, step, bill, "paid", order)
            case NotSold(code):
                return await _hold(session, step, replace(bill, money=sold), code, verdict)
            case TagsSold(epcs):
                await _alert_sold(session, step, epcs)
    return await _hold(session, step, bill, "tag_disputed", verdict)


async def _sell(session: AsyncSession, step: Step, bill: Bill) -> Sold | NotSold | TagsSold | None:
    """None where there is nothing to charge."""
    if not bill.goods.quantities:
        return await claim_all(session, pieces=bill.goods.paid, now=step.now)
    assert isinstance(bill.money, Authorised), "nothing else is left"
    assert bill.payer is not None, "and somebody pays"
    return await sell_goods(
        session,
        passage=step.passage,
        payer=bill.payer,
        goods=bill.goods,
        authorised=bill.money,
        device_id=step.device.id,
        now=step.now,
        settings=step.settings,
    )


async def _hold(session: AsyncSession, step: Step, bill: Bill, code: str, verdict: Verdict | None) -> PassageDecision:
    """The exit stays closed, and what stands in the way can be put right for a while: here, by a pass, at a kiosk."""
    passage, now = step.passage, step.now
    if isinstance(bill.money, NeedsStepUp) and code == bill.money.code:
        asked = await ask_for_amount(
            session, passage=passage, device=step.device, code=code, now=now, settings=step.settings
        )
        verdict = verdict if isinstance(verdict, Asked) else asked
        code = asked.code
    if passage.decision != "hold":  # once: a camera that goes on must not keep the lane for ever
        passage.expires_at = max(passage.expires_at, now + timedelta(seconds=step.settings.passage_hold_seconds))
    passage.decision, passage.code, passage.decided_at = "hold", code, now
    for visit in bill.visits:
        visit.basket_unpaid = bool(bill.goods.quantities or bill.goods.unknown)
    await session.flush()
    if code == AGE_CHECK_NEEDED.name and isinstance(bill.money, NotSold):
        await call_for_age_check(
            session,
            store_id=passage.store_id,
            device_id=step.device.id,
            skus=bill.money.skus,
            evidence=Evidence("passage", passage.id),
            now=now,
        )
    return await _show(session, step, bill, verdict)


async def _release(
    session: AsyncSession, step: Step, bill: Bill, code: str, order: Order | None = None
) -> PassageDecision:
    """The exit opens, and whoever walks out has left. A visit that a gate has ended meanwhile is paid all the same."""
    passage, now = step.passage, step.now
    await let_go(session, passage=passage, now=now)
    passage.decision, passage.decided_at = "release", now
    passage.order_id = order.id if order else None
    passage.end(code, now=now)
    for visit in bill.visits:
        visit.basket_unpaid = False
        if visit.left_at is None:
            await close_visit(session, visit, gate_id=passage.device_id, now=now)
    await session.flush()
    if step.found.policy.by_shelves and bill.visits:
        own_first = sorted(bill.visits, key=lambda visit: visit.member_id != passage.member_id)
        await close_basket(
            session,
            visit_ids=[visit.id for visit in own_first],
            order_id=passage.order_id,
            now=now,
            verdict=bill.goods.verdict,
        )
    await _tell_staff(session, step, bill.goods)
    number = step.found.door.command_number
    if step.device.id != passage.device_id:
        number = await _open_lane(session, step)
    return replace(await _show(session, step, bill, None), order=order, command_number=number)


async def _let_out(session: AsyncSession, step: Step) -> PassageDecision:
    """The exit stands open for everybody: whoever is known has left, and nothing is charged."""
    passage, now = step.passage, step.now
    visits = await lock_visits(session, visit_ids=passage.visit_ids) if passage.visit_ids else []
    await let_go(session, passage=passage, now=now)
    passage.decision, passage.decided_at = "release", now
    passage.end(step.found.door.release_code, now=now)
    for visit in visits:
        if visit.left_at is None:
            await close_visit(session, visit, gate_id=passage.device_id, now=now)
    await session.flush()
    member = await get_member(session, passage.member_id) if passage.member_id else None
    return PassageDecision(passage, member, command_number=step.found.door.command_number)


async def _open_lane(session: AsyncSession, step: Step) -> int:
    """It was finished elsewhere: the lane is told at once."""
    command = await issue(
        session,
        device_id=step.passage.device_id,
        payload=Open(seconds=OPEN_SECONDS),
        by=f"device:{step.device.id}",
        reason=f"Passage {step.passage.id} is paid",
        now=step.now,
        has_sensor=step.found.policy.door_sensor,
    )
    return command.number


async def _tell_staff(session: AsyncSession, step: Step, goods: Goods) -> None:
    """Of goods that somebody has to fetch from the kiosk, and of some that may have walked out unpaid."""
    passage = step.passage
    disputed = Severity.WARNING if goods.verdict.review else None
    for kind, epcs, severity in (
        (GOODS_LEFT_BEHIND, passage.left_behind, None),
        (TAGS_DISPUTED, goods.disputed, disputed),
    ):
        if epcs:
            await raise_alert(
                session,
                kind,
                store_id=passage.store_id,
                device_id=step.device.id,
                severity=severity,
                subject=str(passage.id),
                now=step.now,
                evidence=Evidence("passage", passage.id),
                epcs=list(epcs),
            )


async def _alert_sold(session: AsyncSession, step: Step, epcs: frozenset[str] | tuple[str, ...]) -> None:
    passage = step.passage
    await alert_sold_before(
        session,
        epcs=epcs,
        store_id=passage.store_id,
        device_id=passage.device_id,
        evidence=Evidence("passage", passage.id),
        now=step.now,
    )


async def _show(session: AsyncSession, step: Step, bill: Bill, verdict: Verdict | None) -> PassageDecision:
    passage, money = step.passage, bill.money
    member = await get_member(session, passage.member_id) if bill.payer and passage.member_id else None
    over = money if isinstance(money, NeedsStepUp) else money.over if isinstance(money, NotSold) else None
    return PassageDecision(
        passage,
        member,
        step_up=verdict.step_up if isinstance(verdict, Asked) else None,
        answers_left=verdict.answers_left if isinstance(verdict, Asked | TurnedAway) else None,
        advice=verdict.advice if isinstance(verdict, TurnedAway) else (),
        goods=bill.goods,
        priced=bill.shown,
        money="authorised" if isinstance(money, Authorised) else money.code if money else None,
        over=over,
        skus=money.skus if isinstance(money, NotSold) else (),
        command_number=step.found.door.command_number,
    )
