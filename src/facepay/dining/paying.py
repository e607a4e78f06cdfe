"""Paying at the table: a face, or a pass, takes on shares of the bill, and the last share sets the table free.

Whoever sits there may pay for any seat; whoever doesn't, only where they say that they treat. From the first payment on
nothing more is ordered, until the last. A refusal charges nothing and leaves a record.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.checkout.benefits import Offer, Wish
from facepay.checkout.limits import Declined, NeedsStepUp
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket
from facepay.checkout.selling import NotSold, Sold, quote
from facepay.dining.bills import lines_of, total_of
from facepay.dining.ordering import party_to_charge
from facepay.dining.owing import BillWish, owed_for
from facepay.dining.parties import PartyState
from facepay.dining.settling import go_on, take_money
from facepay.dining.tabs import Tab, tab_of
from facepay.identity.decisions import answer, ask, identify
from facepay.identity.passes import ShownPass
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import (
    WORTH_REVIEW,
    DeviceDecision,
    Recognised,
    Ruling,
    Shown,
    means_of,
    settle,
    turn_away,
)
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import Member
from facepay.settings import Settings


class TablePayment(DeviceDecision, Base):
    """One decision of a table about who pays what."""

    __tablename__ = "dining_payment"
    __table_args__ = (
        CheckConstraint("decision in ('paid', 'declined', 'step_up')", name="decision_known"),
        CheckConstraint("identified_by in ('face', 'pass')", name="identified_by_known"),
        CheckConstraint("(decision = 'paid') = (order_id is not null)", name="paid_has_order"),
        Index("ix_dining_payment_worth_review", "id", postgresql_where=text(WORTH_REVIEW)),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    party_id: Mapped[UUID] = mapped_column(ForeignKey("dining_party.id"), index=True)
    wish: Mapped[dict[str, Any]] = mapped_column(JSONB)
    total: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"), index=True)

    def read_wish(self) -> BillWish:
        kept = self.wish | {"seats": tuple(self.wish["seats"]), "coupons": tuple(self.wish["coupons"])}
        return BillWish(**kept)


@dataclass(frozen=True, slots=True)
class TablePaid(Ruling):
    """What the table shows now: the payment is its record, `left` what the party still owes."""

    record: TablePayment
    order: Order | None = None
    balance: int | None = None
    left: int | None = None
    over: Declined | NeedsStepUp | None = None
    coupon: str | None = None


async def pay(
    session: AsyncSession, *, device: Principal, wish: BillWish, shown: Shown, now: datetime, settings: Settings
) -> TablePaid:
    """Charge the recognised payer for their part of the bill. Raises TableNotFound and PartyNotFound."""
    party = await party_to_charge(session, device_id=device.id)
    tab = await tab_of(session, party=party)
    payment = TablePayment(
        id=new_id(),
        device_id=device.id,
        party_id=party.id,
        wish=asdict(wish),
        currency=tab.currency,
        identified_by=means_of(shown),
        created_at=now,
        decided_at=now,
    )
    verdict = await identify(
        session, record=payment, device=device, shown=shown, now=now, settings=settings, alone=True
    )
    if not isinstance(verdict, Recognised):
        return await turn_away(session, TablePaid(payment), verdict, "declined")
    return await _charge(session, device, payment, tab, verdict, now, settings)


async def finish_step_up(
    session: AsyncSession,
    *,
    device: Principal,
    payment_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> TablePaid:
    """Check an answer; the right one charges its member what was asked for, where that is still owed.

    Raises AttemptNotFound, AttemptClosed, TableNotFound and PartyNotFound.
    """
    payment = await session.get(TablePayment, payment_id)
    if payment is None or payment.device_id != device.id:
        raise AttemptNotFound("No payment with this id waits at this table.")
    party = await party_to_charge(session, device_id=device.id)
    if party.id != payment.party_id:
        raise AttemptNotFound("The party that it was for has left this table.")
    verdict = await answer(
        session, record=payment, device=device, given=given, now=now, settings=settings, hasher=hasher, alone=True
    )
    if not isinstance(verdict, Recognised):
        return await turn_away(session, TablePaid(payment), verdict, "declined")
    tab = await tab_of(session, party=party)
    return await _charge(session, device, payment, tab, verdict, now, settings)


async def _charge(
    session: AsyncSession,
    device: Principal,
    payment: TablePayment,
    tab: Tab,
    payer: Recognised,
    now: datetime,
    settings: Settings,
) -> TablePaid:
    member, wish = payer.member, payment.read_wish()
    payment.member_id = member.id
    own = next((each for each in tab.covers if each.member_id == member.id and each.left_at is None), None)
    owed = owed_for(tab, wish, own)
    if isinstance(owed, str):
        return await settle(session, TablePaid(payment, member), "declined", owed)
    total = total_of(owed.shares)
    if payment.total not in (None, total):
        return await settle(session, TablePaid(payment, member), "declined", "price_changed")
    payment.total = total
    if wish.tip > tab.policy.tip_max(total):
        return await settle(session, TablePaid(payment, member), "declined", "tip_too_large")
    offered = await quote(
        session,
        member=member,
        basket=PricedBasket(lines_of(owed.shares), tab.currency),
        wish=Wish(wish.coupons, wish.redeem_points, wish.tip),
        store_id=tab.party.store_id,
        now=now,
        settings=settings,
        proven=payer.proven,
    )
    if isinstance(offered, NeedsStepUp):
        asked = await ask(session, payment, device, offered.code, (member.id,), now=now, settings=settings)
        return await turn_away(session, TablePaid(payment, member, over=offered), asked, "declined")
    outcome: Offer | NotSold | Sold = offered
    if isinstance(offered, Offer):
        outcome = await take_money(
            session,
            tab=tab,
            owed=owed,
            guarantor=own,
            offered=offered,
            member=member,
            device_id=device.id,
            by="payment",
            now=now,
            settings=settings,
        )
    if isinstance(outcome, Sold):
        return await _paid(session, payment, tab, outcome, member, now)
    assert isinstance(outcome, NotSold), "an offer was sold, or not"
    unsold = TablePaid(payment, member, over=outcome.over, coupon=outcome.coupon)
    return await settle(session, unsold, "declined", outcome.code)


async def _paid(
    session: AsyncSession, payment: TablePayment, tab: Tab, sold: Sold, member: Member, now: datetime
) -> TablePaid:
    payment.order_id, payment.total = sold.order.id, sold.order.total
    paid = TablePaid(payment, member, order=sold.order, balance=sold.balance)
    await settle(session, paid, "paid", "paid")
    tab.party.state = PartyState.PAYING
    return replace(paid, left=await go_on(session, party=tab.party, now=now))
