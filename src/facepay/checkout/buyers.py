"""Buyers: whether goods may be sold to whoever stands there. An age limit holds for everybody; what a family says, for
its dependants, and the payer may let that pass once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.checkout.limits import Declined, NeedsStepUp, judge_buyer
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedLine
from facepay.families.approvals import FamilyApproval, approval_for
from facepay.families.purses import Purse
from facepay.families.refusals import note_refusal
from facepay.members.members import Member
from facepay.notices.notices import NoticeKind, notify_member
from facepay.settings import Settings
from facepay.stores.stores import get_store

AGE_CHECK_NEEDED = AlertKind(
    "age_check_needed", Severity.INFO, "Somebody waits for staff to see how old they are, by a document."
)
SOLD_UNFIT = AlertKind(
    "sold_unfit", Severity.WARNING, "Goods have left with somebody to whom they may not be sold, and were charged."
)
ALERT_KINDS = (AGE_CHECK_NEEDED, SOLD_UNFIT)
UnfitCode = Literal["age_restricted", "family_rule", "family_limit", "age_check_needed", "wallet_frozen"]


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why this buyer may not have these goods: the skus or the limit at fault, where there is one."""

    code: UnfitCode
    skus: tuple[str, ...] = ()
    over: Declined | None = None

    @property
    def by_family(self) -> bool:
        """Whether the payer can let it pass."""
        return self.code in ("family_rule", "family_limit")


@dataclass(frozen=True, slots=True)
class Fit:
    """They may have them: by an approval, where it takes one, and where that is set, after a second factor."""

    approval: FamilyApproval | None = None
    step_up: NeedsStepUp | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is to be bought with a purse, where and when. In a shop on the web nobody says which goods (`on_web`)."""

    purse: Purse
    lines: Sequence[PricedLine]
    amount: int
    currency: str
    store_id: UUID
    at: datetime
    on_web: bool = False


async def may_buy(session: AsyncSession, purchase: Purchase, *, settings: Settings) -> Fit | Unfit:
    """Holds until the transaction ends, since the buyer is locked. A payer is told of what their family refuses."""
    faults, step_up = await faults_of(session, purchase, settings=settings)
    mine = [each for each in faults if each.by_family]
    lasting = [each for each in faults if not each.by_family]
    if not mine or (lasting and lasting[0].code != "age_check_needed"):
        return lasting[0] if lasting else Fit(None, step_up)
    buyer, skus = purchase.purse.buyer, [sku for each in mine for sku in each.skus]
    approval = await approval_for(session, member_id=buyer.id, skus=skus, amount=purchase.amount, now=purchase.at)
    if approval is not None:
        return lasting[0] if lasting else Fit(approval, step_up)
    await note_refusal(
        session,
        purse=purchase.purse,
        store_id=purchase.store_id,
        code=mine[0].code,
        skus=skus,
        amount=purchase.amount,
        currency=purchase.currency,
        now=purchase.at,
    )
    return mine[0]


async def faults_of(
    session: AsyncSession, purchase: Purchase, *, settings: Settings
) -> tuple[list[Unfit], NeedsStepUp | None]:
    """All that speaks against it, what nobody can let pass first, and what staff can put right last."""
    purse, faults = purchase.purse, list[Unfit]()
    limited = [line for line in purchase.lines if line.age_min is not None]
    by_clock = limited or (purse.rules is not None and purse.rules.hours is not None)
    zone = (await get_store(session, purchase.store_id)).timezone if by_clock else settings.time_zone
    faults += age_faults(limited, purse.buyer, purchase.at, zone)
    faults += _rule_faults(purchase, zone)
    step_up = None
    if purse.is_shared:
        verdict = await judge_buyer(
            session, purse=purse, store_id=purchase.store_id, amount=purchase.amount, now=purchase.at, settings=settings
        )
        if isinstance(verdict, NeedsStepUp):
            step_up = verdict
        elif verdict is not None:
            faults.append(Unfit("wallet_frozen" if verdict.code == "wallet_frozen" else "family_limit", over=verdict))
    weights = ("age_restricted", "wallet_frozen", "family_rule", "family_limit", "age_check_needed")
    return sorted(faults, key=lambda fault: weights.index(fault.code)), step_up


def age_faults(limited: Sequence[PricedLine], buyer: Member, at: datetime, time_zone: str) -> list[Unfit]:
    """By a birthday that staff saw on a document; what somebody says themselves shows nothing."""
    if not limited:
        return []
    if buyer.age_checked_at is None:
        return [Unfit("age_check_needed", _skus(limited))]
    age = buyer.age_at(at.astimezone(ZoneInfo(time_zone)).date())
    assert age is not None, "whoever was checked has a birthday"
    too_young = [line for line in limited if line.age_min is not None and line.age_min > age]
    return [Unfit("age_restricted", _skus(too_young))] if too_young else []


def _rule_faults(purchase: Purchase, time_zone: str) -> list[Unfit]:
    """Goods that a child may not have, or else an hour at which it may not buy, or a shop where nobody sees what."""
    rules = purchase.purse.rules
    if rules is None:
        return []
    blocked = [
        line for line in purchase.lines if rules.blocks(sku=line.sku, category=line.category, age_min=line.age_min)
    ]
    if blocked:
        return [Unfit("family_rule", _skus(blocked))]
    may = rules.lets(purchase.at, time_zone=time_zone) and (rules.web_shops or not purchase.on_web)
    return [] if may else [Unfit("family_rule")]


def _skus(lines: Iterable[PricedLine]) -> tuple[str, ...]:
    return tuple(sorted({line.sku for line in lines}))


async def call_for_age_check(
    session: AsyncSession,
    *,
    store_id: UUID,
    device_id: UUID,
    skus: Sequence[str],
    evidence: Evidence,
    now: datetime,
) -> None:
    """Staff are called to the device; once they have seen a document, the same purchase goes through."""
    await raise_alert(
        session,
        AGE_CHECK_NEEDED,
        store_id=store_id,
        device_id=device_id,
        subject=str(device_id),
        now=now,
        evidence=evidence,
        skus=list(skus),
    )


async def tell_family(session: AsyncSession, order: Order, purse: Purse, *, now: datetime) -> None:
    """The payer hears of whatever a child has bought."""
    if purse.rules is None:
        return
    await notify_member(
        session,
        member_id=purse.payer.id,
        kind=NoticeKind.FAMILY_PURCHASE,
        order_id=order.id,
        amount=order.total,
        currency=order.currency,
        now=now,
    )


async def tell_unfit(session: AsyncSession, order: Order, purse: Purse, faults: Sequence[Unfit], now: datetime) -> None:
    """Of goods that were taken before anybody could refuse them: they are paid, and staff and the payer hear of it."""
    if not faults:
        return
    skus = sorted({sku for fault in faults for sku in fault.skus})
    if any(fault.by_family for fault in faults):
        await notify_member(
            session,
            member_id=purse.payer.id,
            kind=NoticeKind.FAMILY_RULE_BROKEN,
            order_id=order.id,
            amount=order.total,
            currency=order.currency,
            code=faults[0].code,
            skus=skus,
            now=now,
        )
    await session.flush()
    await raise_alert(
        session,
        SOLD_UNFIT,
        store_id=order.store_id,
        device_id=order.device_id,
        subject=str(order.id),
        now=now,
        evidence=Evidence("order", order.id),
        code=faults[0].code,
        skus=skus,
    )
