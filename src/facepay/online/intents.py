"""Payment intents: what a shop on the web asks a member to pay, and how far that has come.

    requires_confirmation -> requires_action <-> processing -> succeeded
              any of the three before the end                -> canceled

A succeeded one is paid by an order of its own, without lines, so that limits, statements, refunds and the books know
it as they know every other. It never pays twice: money moves only in the transaction that holds its row and ends it.

Whoever has to lock both locks the member first, then their intents, by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, column_property, mapped_column

from facepay.checkout.orders import Order
from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.kernel.ids import new_id
from facepay.members.members import Member, MemberNotFound, MemberStatus
from facepay.online.telling import CANCELED, CREATED, REQUIRES_ACTION, tell
from facepay.stores.stores import get_open_store

Status = Literal["requires_confirmation", "requires_action", "processing", "succeeded", "canceled"]
CancellationReason = Literal[
    "requested_by_customer", "abandoned", "duplicate", "fraudulent", "expired", "failed_verification"
]
Act = Literal["confirm", "cancel", "pay", "refund"]
# In which states an intent may be acted on so.
MAY: Mapping[Act, tuple[Status, ...]] = MappingProxyType(
    {
        "confirm": ("requires_confirmation", "requires_action"),
        "cancel": ("requires_confirmation", "requires_action", "processing"),
        "pay": ("requires_action",),
        "refund": ("succeeded",),
    }
)
_DONE: Mapping[Act, str] = MappingProxyType(
    {"confirm": "confirmed", "cancel": "canceled", "pay": "paid", "refund": "refunded"}
)
FAILURES_MAX = 3
# What was proven of the payer counts for so long: a face today is no half of a payment tomorrow.
PROOF_LASTS = timedelta(minutes=5)
SETTLED_AT_ONCE_MAX = 100


class PaymentIntent(Identified, Base):
    """`failures` counts proofs that failed; `challenge_steps` are those asked for until one more does.

    While frames are looked at, `examination_id` says by which request, until `examined_until` at the latest.
    """

    __tablename__ = "payment_intent"
    __table_args__ = (
        CheckConstraint(
            "status in ('requires_confirmation', 'requires_action', 'processing', 'succeeded', 'canceled')",
            name="status_known",
        ),
        CheckConstraint("amount > 0 and tax >= 0 and tax <= amount", name="amounts"),
        CheckConstraint("(status = 'succeeded') = (order_id is not null)", name="succeeded_is_paid"),
        CheckConstraint("(status = 'canceled') = (cancellation_reason is not null)", name="canceled_says_why"),
        CheckConstraint("(status in ('succeeded', 'canceled')) = (ended_at is not null)", name="ended_is_dated"),
        CheckConstraint(
            "num_nulls(examination_id, examined_until) = case when status = 'processing' then 0 else 2 end",
            name="processing_is_leased",
        ),
        CheckConstraint("ended_at is not null or member_id is not null", name="open_has_payer"),
        CheckConstraint("(error_code is null) = (error_message is null)", name="error_in_words"),
        Index("ix_payment_intent_device_id_id", "device_id", "id"),
        Index("ix_payment_intent_store_id_id", "store_id", "id"),
        Index("ix_payment_intent_open", "expires_at", postgresql_where=text("ended_at is null")),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"))
    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"), index=True)
    status: Mapped[Status] = mapped_column(String(24))
    amount: Mapped[int]
    tax: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    description: Mapped[str | None] = mapped_column(String(200))
    return_url: Mapped[str | None] = mapped_column(String(2000))
    intent_metadata: Mapped[dict[str, str] | None] = mapped_column("metadata", JSONB)
    failures: Mapped[int] = mapped_column(default=0)
    challenge_steps: Mapped[list[str] | None] = mapped_column(ARRAY(String(16)))
    face_proven_at: Mapped[datetime | None]
    pin_proven_at: Mapped[datetime | None]
    examination_id: Mapped[UUID | None]
    examined_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(String(200))
    cancellation_reason: Mapped[CancellationReason | None] = mapped_column(String(32))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("shop_order.id"), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    # Of what was captured, in minor units: the order knows.
    refunded: Mapped[int | None] = column_property(
        select(Order.refunded).where(Order.id == order_id.column).scalar_subquery()  # type: ignore[attr-defined]
    )

    @property
    def attempts_left(self) -> int:
        return FAILURES_MAX - self.failures

    @property
    def payer(self) -> UUID:
        """Whoever has to pay an open one. Raises ValueError where they were erased since it ended."""
        if self.member_id is None:
            raise ValueError(f"payment intent {self.id} names nobody any more")
        return self.member_id

    def has_lapsed(self, now: datetime) -> bool:
        """Whether its time is over, or that of whoever looked at frames, and its row doesn't say so yet."""
        if self.ended_at is not None:
            return False
        return self.expires_at <= now or (self.examined_until is not None and self.examined_until <= now)

    def has_proof(self, way: Literal["face", "pin"], now: datetime) -> bool:
        proven_at = self.face_proven_at if way == "face" else self.pin_proven_at
        return proven_at is not None and now < proven_at + PROOF_LASTS


class PaymentIntentNotFound(NotFound):
    """There is no payment intent with this id, or it is another shop's."""

    code = "payment_intent_not_found"
    title = "No such payment intent"


class PaymentIntentUnexpectedState(Conflict):
    """The payment intent's status allows no such thing; `payment_intent_status` says what it is."""

    code = "payment_intent_unexpected_state"
    title = "Unexpected state"


class CurrencyMismatch(Problem):
    """A shop is paid in the currency of its store."""

    status = 422
    code = "currency_mismatch"
    title = "Another currency"


def require_state(intent: PaymentIntent, act: Act) -> None:
    """Raises PaymentIntentUnexpectedState, in Stripe's words."""
    if intent.status not in MAY[act]:
        raise PaymentIntentUnexpectedState(
            f"You cannot {act} this PaymentIntent because it has a status of {intent.status}. Only a PaymentIntent with"
            f" one of the following statuses may be {_DONE[act]}: {', '.join(MAY[act])}.",
            payment_intent_status=intent.status,
        )


async def create(
    session: AsyncSession, *, store_id: UUID, device_id: UUID, asked: Mapping[str, Any], lasts: timedelta, now: datetime
) -> PaymentIntent:
    """`asked` are member_id, amount, currency, tax, description, return_url and intent_metadata.

    Raises StoreClosed, CurrencyMismatch and MemberNotFound.
    """
    store = await get_open_store(session, store_id)
    if asked["currency"] != store.currency:
        raise CurrencyMismatch(f"This shop is paid in {store.currency}.", currency=store.currency)
    member = await session.get(Member, asked["member_id"], with_for_update={"read": True})
    if member is None or member.status == MemberStatus.ERASED:
        raise MemberNotFound("There is no member with this id.")
    intent = PaymentIntent(
        id=new_id(),
        store_id=store_id,
        device_id=device_id,
        status="requires_confirmation",
        created_at=now,
        expires_at=now + lasts,
        **asked,
    )
    session.add(intent)
    await session.flush()
    await session.refresh(intent, ["refunded"])
    await tell(session, intent, CREATED, now=now)
    return intent


async def confirm(session: AsyncSession, *, intent: PaymentIntent, now: datetime) -> None:
    """From now on whoever has its secret may pay. Repeating it changes nothing. Raises PaymentIntentUnexpectedState.

    Here and below the caller holds the intent's row.
    """
    require_state(intent, "confirm")
    if intent.status == "requires_confirmation":
        intent.status = "requires_action"
        await tell(session, intent, REQUIRES_ACTION, now=now)


async def cancel(session: AsyncSession, *, intent: PaymentIntent, reason: CancellationReason, now: datetime) -> None:
    """Nobody can pay it any more: frames that are being looked at come to nothing.

    Raises PaymentIntentUnexpectedState.
    """
    require_state(intent, "cancel")
    intent.status, intent.cancellation_reason, intent.ended_at = "canceled", reason, now
    intent.examination_id = intent.examined_until = None
    await tell(session, intent, CANCELED, now=now)


async def see_intent(session: AsyncSession, *, intent_id: UUID, now: datetime) -> PaymentIntent:
    """As it stands now. Raises PaymentIntentNotFound."""
    intent = await session.get(PaymentIntent, intent_id)
    if intent is None:
        raise PaymentIntentNotFound("There is no payment intent with this id.")
    return await hold_intent(session, intent_id=intent_id, now=now) if intent.has_lapsed(now) else intent


async def hold_intent(session: AsyncSession, *, intent_id: UUID, now: datetime) -> PaymentIntent:
    """As it stands now, locked until the transaction ends. Raises PaymentIntentNotFound."""
    intent = await session.get(PaymentIntent, intent_id, with_for_update=True, populate_existing=True)
    if intent is None:
        raise PaymentIntentNotFound("There is no payment intent with this id.")
    await _settle_lapsed(session, intent, now)
    return intent


async def _settle_lapsed(session: AsyncSession, intent: PaymentIntent, now: datetime) -> None:
    if not intent.has_lapsed(now):
        return
    if intent.expires_at <= now:
        await cancel(session, intent=intent, reason="expired", now=now)
    else:  # whoever looked at the frames has died
        await give_back(session, intent, now)


def release(intent: PaymentIntent) -> None:
    """Nobody looks at frames for it any more: it waits for its payer again."""
    intent.status, intent.examination_id, intent.examined_until = "requires_action", None, None


async def give_back(session: AsyncSession, intent: PaymentIntent, now: datetime) -> None:
    """What was seen came to nothing, and its shop, which was told that frames are looked at, hears that too."""
    release(intent)
    await tell(session, intent, REQUIRES_ACTION, now=now)


async def settle_due(database: Database, *, now: datetime) -> None:
    """End those whose time is over, some at a time, and take back what was left in the middle."""
    due = (
        select(PaymentIntent)
        .where(
            PaymentIntent.ended_at.is_(None),
            (PaymentIntent.expires_at <= now) | (PaymentIntent.examined_until <= now),
        )
        .order_by(PaymentIntent.id)
        .limit(SETTLED_AT_ONCE_MAX)
        .with_for_update(skip_locked=True, of=PaymentIntent)
    )
    async with database.begin() as session:
        for intent in await session.scalars(due):
            await _settle_lapsed(session, intent, now)


async def cancel_open(session: AsyncSession, *, member_id: UUID, now: datetime) -> None:
    """All that a member was still to pay: they are about to be erased. The caller holds the member's row."""
    open_ones = (
        select(PaymentIntent)
        .where(PaymentIntent.member_id == member_id, PaymentIntent.ended_at.is_(None))
        .order_by(PaymentIntent.id)
        .with_for_update(of=PaymentIntent)
    )
    for intent in await session.scalars(open_ones):
        await cancel(session, intent=intent, reason="abandoned", now=now)
