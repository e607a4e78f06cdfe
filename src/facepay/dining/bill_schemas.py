"""Bills, payments and policies as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from facepay.checkout.schemas import COUPONS_MAX, OrderAnswer
from facepay.dining.agreeing import Agreed
from facepay.dining.bills import Split, lines_of, total_of
from facepay.dining.departures import Departure
from facepay.dining.owing import BillWish
from facepay.dining.parties import Cover, PartyState
from facepay.dining.party_schemas import PartySeat
from facepay.dining.paying import TablePaid
from facepay.dining.policies import DiningPolicy, GuestsFallTo
from facepay.dining.tables import SEATS_MAX
from facepay.dining.tabs import Tab
from facepay.identity.schemas import DecisionAnswer, PassShown
from facepay.identity.sighting import Sighting
from facepay.kernel.schemas import AMOUNT_MAX, Amount, Answer, Code, Line, Request
from facepay.rewards.discounts import BASIS_POINTS
from facepay.rewards.schemas import CouponCode

PARTY_SEATS_MAX = 10 * SEATS_MAX
Seat = Annotated[int, Field(ge=1, le=PARTY_SEATS_MAX, strict=True)]
Seats = Annotated[list[Seat], Field(min_length=1, max_length=SEATS_MAX)]


class BillLine(Answer):
    name: Annotated[str, Field(examples=["Peking duck, 1 of 3"])]
    quantity: int
    unit_price: int
    total: int


class SeatBill(Answer):
    """What one place still owes. Whoever has `left` owes what they had themselves."""

    seat: PartySeat
    is_guest: bool
    has_left: bool
    due: int
    lines: list[BillLine]


class SuggestedTip(Answer):
    basis_points: int
    amount: Annotated[int, Field(description="On all that is left of the bill.")]


class BillAnswer(Answer):
    """In minor units. `seats` add up to what is `left`, to the cent; discounts are each payer's own, and come later."""

    party_id: UUID
    state: PartyState
    split: Split
    currency: str
    service: Annotated[int, Field(description="Of the total.")]
    total: int
    paid: int
    left: int
    seats: list[SeatBill]
    paid_seats: list[int]
    tips: list[SuggestedTip]

    @classmethod
    def of(cls, tab: Tab, split: Split) -> BillAnswer:
        shares = tab.shares(split)
        owing = [each for each in (*tab.present, *tab.gone) if each.id in shares]
        seats = [_seat(each, lines_of(shares[each.id]), total_of(shares[each.id])) for each in owing]
        return cls(
            party_id=tab.party.id,
            state=PartyState(tab.party.state),
            split=split,
            currency=tab.currency,
            service=tab.service.total if tab.service else 0,
            total=tab.total,
            paid=tab.total - tab.left,
            left=tab.left,
            seats=seats,
            paid_seats=sorted(each.seat for each in tab.covers if each.id in tab.settlements),
            tips=[
                SuggestedTip(basis_points=each, amount=tab.left * each // BASIS_POINTS)
                for each in tab.policy.tips_basis_points
            ],
        )


def _seat(cover: Cover, lines: tuple[object, ...], due: int) -> SeatBill:
    return SeatBill(
        seat=cover.seat,
        is_guest=cover.member_id is None,
        has_left=cover.left_at is not None,
        due=due,
        lines=[BillLine.model_validate(line) for line in lines],
    )


class BillPart(Request):
    """Without seats, the payer's own is paid for, and those of guests that they are the host of."""

    split: Split = "seat"
    seats: list[Seat] = Field(default=[], max_length=SEATS_MAX)
    tip: Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True, description="In minor units.")] = 0
    coupons: list[CouponCode] = Field(default=[], max_length=COUPONS_MAX)
    redeem_points: Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True)] = 0
    treat: Annotated[bool, Field(description="The payer doesn't sit there.")] = False

    def wish(self) -> BillWish:
        return BillWish(
            split=self.split,
            seats=tuple(self.seats),
            tip=self.tip,
            coupons=tuple(dict.fromkeys(self.coupons)),
            redeem_points=self.redeem_points,
            treat=self.treat,
        )


class PassPayment(PassShown):
    bill: BillPart = BillPart()


class PaymentAnswer(DecisionAnswer):
    payment_id: UUID
    decision: Literal["paid", "declined", "step_up"]
    code: Annotated[str, Field(description="`paid`, or why not: `not_of_party`, `guests_unpaid`, `price_changed`, …")]
    total: Annotated[int | None, Field(description="What was to be paid, without the tip.")] = None
    currency: str
    order: OrderAnswer | None = None
    balance: Annotated[int | None, Field(description="What the wallet may spend then.")] = None
    left: Annotated[int | None, Field(description="What the party still owes: at 0 the table is free.")] = None
    coupon: Annotated[str | None, Field(description="The coupon at fault, where one is.")] = None
    limit: int | None = None
    measured: Annotated[int | None, Field(description="What this payment would have brought it to.")] = None

    @classmethod
    def of(cls, paid: TablePaid, sighting: Sighting | None = None) -> PaymentAnswer:
        return cls(
            **cls.shared(paid, sighting),
            payment_id=paid.record.id,
            total=paid.record.total,
            currency=paid.record.currency,
            order=OrderAnswer.model_validate(paid.order) if paid.order else None,
            balance=paid.balance,
            left=paid.left,
            coupon=paid.coupon,
            limit=paid.over.limit if paid.over else None,
            measured=paid.over.measured if paid.over else None,
        )


class AgreementPart(Request):
    """`as_host`: for guests and for the table, too."""

    up_to: Amount
    as_host: bool = False


class PassAgreement(PassShown):
    guarantee: AgreementPart


class AgreementAnswer(DecisionAnswer):
    agreement_id: UUID
    decision: Literal["agreed", "declined", "step_up"]
    code: str
    held: Annotated[int, Field(description="On their wallet, for what was ordered so far.")] = 0
    limit: int | None = None
    measured: int | None = None

    @classmethod
    def of(cls, agreed: Agreed, sighting: Sighting | None = None) -> AgreementAnswer:
        return cls(
            **cls.shared(agreed, sighting),
            agreement_id=agreed.record.id,
            held=agreed.held,
            limit=agreed.over.limit if agreed.over else None,
            measured=agreed.over.measured if agreed.over else None,
        )


class EmptySeats(Request):
    seats: Seats


class DepartureAnswer(Answer):
    seat: PartySeat
    gone_at: datetime
    settles_at: Annotated[datetime, Field(description="From then on, what they had is paid.")]


class DeparturesAnswer(Answer):
    departures: list[DepartureAnswer]

    @classmethod
    def of(cls, departures: list[Departure], covers: list[Cover]) -> DeparturesAnswer:
        seats = {cover.id: cover.seat for cover in covers}
        return cls(
            departures=[
                DepartureAnswer(seat=seats[each.cover_id], gone_at=each.gone_at, settles_at=each.settles_at)
                for each in departures
                if each.cover_id in seats
            ]
        )


class ToTable(Request):
    table_id: UUID


class SplitOff(Request):
    """Who leaves, and for which table."""

    seats: Seats
    table_id: UUID


class GivenUp(Request):
    reason: Annotated[Line, Field(examples=["Paid in cash"])]


BasisPoints = Annotated[int, Field(ge=0, le=BASIS_POINTS, strict=True)]


class DiningPolicyRequest(Request):
    """The service charge is sold as a product of the shop (`service_sku`), and taxed as that is."""

    service_basis_points: Annotated[int, Field(ge=0, le=5000, strict=True)] = 0
    service_sku: Code | None = None
    service_from_covers: Annotated[int, Field(ge=1, le=PARTY_SEATS_MAX, strict=True)] = 1
    tips_basis_points: list[BasisPoints] = Field(default=[500, 1000, 1500], max_length=5)
    tip_max_basis_points: Annotated[int, Field(ge=0, le=20_000, strict=True)] = 5000
    margin_basis_points: Annotated[
        BasisPoints, Field(description="How much more is held than was ordered: for service and a tip.")
    ] = 1000
    unattended_minutes: Annotated[
        int, Field(ge=1, le=240, strict=True, description="How long a place may be empty before it has paid.")
    ] = 10
    guests_fall_to: Annotated[GuestsFallTo, Field(description="Who owes what a guest had who has left.")] = "host"
    unsecured_max: Annotated[
        int, Field(ge=0, le=AMOUNT_MAX, strict=True, description="What a party without a member may order, on trust.")
    ] = 0
    debt_max: Annotated[
        int | None, Field(ge=0, le=AMOUNT_MAX, strict=True, description="Null: as at the chain's lanes.")
    ] = None


class DiningPolicyAnswer(DiningPolicyRequest, Answer):
    @classmethod
    def of(cls, policy: DiningPolicy, service_sku: str | None) -> DiningPolicyAnswer:
        named = {name: getattr(policy, name) for name in cls.model_fields if name != "service_sku"}
        return cls(**named, service_sku=service_sku)
