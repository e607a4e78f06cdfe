"""Paying at the table: a face, or a pass, takes on shares of the bill, and the last share sets the table free.

Whoever sits there may pay for any seat; whoever doesn't, only where they say that they treat. From the first payment on
nothing more is ordered, until the last. A refusal charges nothing and leaves a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.checkout.benefits import Offer, Wish
from facepay.checkout.limits import Declined, NeedsStepUp
from facepay.checkout.orders import Order
from facepay.checkout.pricing import PricedBasket
from facepay.checkout.selling import NotSold, Sold, quote, sell
from facepay.dining.bills import Share, Split, lines_of, together, total_of
from facepay.dining.holds import Guarantee, captured, lower
from facepay.dining.items import items_of
from facepay.dining.parties import Cover, Party, PartyState, close_party, party_at, tell
from facepay.dining.tables import table_at
from facepay.dining.tabs import SettledBy, Tab, note_paid, tab_of
from facepay.identity.decisions import answer, ask, identify
from facepay.identity.passes import ShownPass
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import (
    WORTH_REVIEW,
    Asked,
    DeviceDecision,
    Recognised,
    Ruling,
    Shown,
    TurnedAway,
    means_of,
)
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import Member
from facepay.settings import Settings


@dataclass(frozen=True, slots=True)
class BillWish:
    """Which seats are paid for (none named: the payer's own, and those of guests that they are the host of), and with
    what beside the wallet. `treat`: the payer needn't sit there.
    """

    split: Split = "seat"
    seats: tuple[int, ...] = ()
    tip: int = 0
    coupons: tuple[str, ...] = ()
    redeem_points: int = 0
    treat: bool = False


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


@dataclass(frozen=True, slots=True)
class Owed:
    """What one payer takes on, and for which covers."""

    shares: list[Share]
    covers: list[Cover]
    split: Split


async def pay(
    session: AsyncSession, *, device: Principal, wish: BillWish, shown: Shown, now: datetime, settings: Settings
) -> TablePaid:
    """Charge the recognised payer for their part of the bill. Raises TableNotFound and PartyNotFound."""
    table = await table_at(session, device_id=device.id, lock=True)
    party = await party_at(session, table=table, lock=True)
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
        return await _turn_away(session, payment, verdict)
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
    table = await table_at(session, device_id=device.id, lock=True)
    party = await party_at(session, table=table, lock=True)
    if party.id != payment.party_id:
        raise AttemptNotFound("The party that it was for has left this table.")
    verdict = await answer(
        session, record=payment, device=device, given=given, now=now, settings=settings, hasher=hasher, alone=True
    )
    if not isinstance(verdict, Recognised):
        return await _turn_away(session, payment, verdict)
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
    owed = _owed(tab, wish, own)
    if isinstance(owed, str):
        return await _settle(session, payment, "declined", owed, member)
    total = total_of(owed.shares)
    if payment.total not in (None, total):
        return await _settle(session, payment, "declined", "price_changed", member)
    payment.total = total
    if wish.tip > tab.policy.tip_max(total):
        return await _settle(session, payment, "declined", "tip_too_large", member)
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
        return replace(await _turn_away(session, payment, asked, member), over=offered)
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
    decision = await _settle(session, payment, "declined", outcome.code, member)
    return replace(decision, over=outcome.over, coupon=outcome.coupon)


def _owed(tab: Tab, wish: BillWish, own: Cover | None) -> Owed | str:
    """What is to be paid, or the code of why not."""
    if own is None and not wish.treat:
        return "not_of_party"
    if tab.courses_wait:
        return "courses_waiting"
    if wish.split == "seat" and any(each.split == "person" for each in tab.settlements.values()):
        return "split_begun"
    shares, open_covers = tab.shares(wish.split), [*tab.present, *tab.gone]
    covers = _meant(tab, wish, own)
    if isinstance(covers, str):
        return covers
    rest = [each for each in open_covers if each not in covers]
    if own is not None and own in covers and _strands_guests(shares, rest):
        return "guests_unpaid"
    taken = together(share for cover in covers for share in shares.get(cover.id, ()))
    return Owed(taken, covers, wish.split) if taken else "nothing_owed"


def _meant(tab: Tab, wish: BillWish, own: Cover | None) -> list[Cover] | str:
    """The covers that are to be paid for."""
    open_covers = [*tab.present, *tab.gone]
    if wish.split == "one":
        return open_covers
    if wish.seats:
        seats = {each.seat: each for each in reversed(open_covers)}  # whoever sits there, before whoever did
        if not set(wish.seats) <= seats.keys():
            return "seat_not_owing"
        return [seats[seat] for seat in dict.fromkeys(wish.seats)]
    if own not in open_covers:
        return "nothing_owed"
    guests = [each for each in open_covers if each.member_id is None] if own is tab.host else []
    return [own, *guests]


def _strands_guests(shares: dict[UUID, list[Share]], rest: Sequence[Cover]) -> bool:
    """Whether what guests had would be left to nobody."""
    return any(total_of(shares.get(each.id, ())) for each in rest) and not any(each.member_id for each in rest)


async def take_money(
    session: AsyncSession,
    *,
    tab: Tab,
    owed: Owed,
    guarantor: Cover | None,
    offered: Offer,
    member: Member,
    device_id: UUID,
    by: SettledBy,
    now: datetime,
    settings: Settings,
    advance_max: int | None = 0,
) -> Sold | NotSold:
    """Out of what is held for the guarantor, where that is of the wallet that pays. What was cooked, and counted out of
    the stock, stays so.
    """
    guarantee = await session.get(Guarantee, guarantor.id, with_for_update=True) if guarantor else None
    if guarantee is not None and guarantee.payer_id != offered.payer_id:
        guarantee = None
    sold = await sell(
        session,
        offered=offered,
        member=member,
        store_id=tab.party.store_id,
        device_id=device_id,
        now=now,
        settings=settings,
        hold_id=guarantee.hold_id if guarantee else None,
        advance_max=advance_max,
        served=True,
        counted_out=True,
    )
    if isinstance(sold, Sold):
        if guarantee is not None:
            captured(guarantee)
        await note_paid(
            session,
            tab=tab,
            shares=owed.shares,
            covers=owed.covers,
            order=sold.order,
            split=owed.split,
            by=by,
            now=now,
        )
    return sold


async def _paid(
    session: AsyncSession, payment: TablePayment, tab: Tab, sold: Sold, member: Member, now: datetime
) -> TablePaid:
    payment.order_id, payment.total = sold.order.id, sold.order.total
    decision = await _settle(session, payment, "paid", "paid", member)
    tab.party.state = PartyState.PAYING
    left = await go_on(session, party=tab.party, now=now)
    return replace(decision, order=sold.order, balance=sold.balance, left=left)


async def go_on(session: AsyncSession, *, party: Party, now: datetime) -> int:
    """After somebody has paid: holds for what is paid are let go, and once all of it is, the table is free; answers of
    what is left to pay.
    """
    await session.flush()
    left = (await tab_of(session, party=party)).left
    await lower(session, party=party, now=now)
    if left == 0:
        await close_party(session, party=party, now=now)
    else:
        await tell(session, party)
    return left


async def give_up(session: AsyncSession, *, party: Party, reason: str, by: str, now: datetime) -> None:
    """Take off the tab what nobody pays any more, or has paid in another way; holds are let go and the table is free.

    The party is locked.
    """
    left = {charge.item_id for charge in (await tab_of(session, party=party)).charges if charge.left}
    for item in await items_of(session, party_id=party.id):
        if item.id in left:
            item.cancelled_at, item.cancelled_by, item.cancelled_why = now, by, reason
    await session.flush()
    await lower(session, party=party, now=now)
    await close_party(session, party=party, now=now)


async def _turn_away(
    session: AsyncSession, payment: TablePayment, verdict: Asked | TurnedAway, member: Member | None = None
) -> TablePaid:
    if isinstance(verdict, Asked):
        decision = await _settle(session, payment, "step_up", verdict.code, member)
        return replace(decision, step_up=verdict.step_up, answers_left=verdict.answers_left)
    decision = await _settle(session, payment, "declined", verdict.code, member)
    return replace(decision, advice=verdict.advice, answers_left=verdict.answers_left)


async def _settle(
    session: AsyncSession,
    payment: TablePayment,
    decision: Literal["paid", "declined", "step_up"],
    code: str,
    member: Member | None = None,
) -> TablePaid:
    payment.decision, payment.code = decision, code
    session.add(payment)
    await session.flush()
    return TablePaid(payment, member)
