"""The payment itself: limits, order and money in the transaction that ends the intent, or none of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.checkout.buyers import Fit, Purchase, Unfit, may_buy, tell_family
from facepay.checkout.limits import Declined, judge
from facepay.checkout.orders import Order
from facepay.families.purses import Purse
from facepay.kernel.ids import new_id
from facepay.online.attempts import PaymentAttempt
from facepay.online.intents import PaymentIntent, cancel, release
from facepay.online.telling import PAYMENT_FAILED, REQUIRES_ACTION, SUCCEEDED, tell
from facepay.settings import Settings
from facepay.wallet.payments import pay

# What a payer is told of a refusal, by its code; those of the presentation checks bring their own words.
VERIFICATION_FAILED = AlertKind(
    "payment_verification_failed", Severity.WARNING, "Somebody who isn't the member tried to pay on the web."
)
MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        "member_blocked": "This account can't pay at present.",
        "payer_blocked": "Whoever pays for this account can't pay at present.",
        "family_limit": "This is more than your family lets you spend: ask whoever pays.",
        "family_rule": "Your family doesn't let you buy this, here or now: ask whoever pays.",
        "wallet_frozen": "This wallet is frozen: ask the shop's staff.",
        "insufficient_funds": "The wallet holds too little: top it up and try again.",
        "payment_limit": "The amount is above what may be paid at once.",
        "daily_limit": "The amount is above what may still be paid today.",
        "store_daily_limit": "The amount is above what may still be paid in this shop today.",
        "too_many_payments": "There were too many payments lately: try again in ten minutes.",
        "no_face": "No face could be seen.",
        "faces_disagree": "The frames show different people.",
        "face_not_verified": "This isn't the face of whoever is to pay.",
        "face_not_available": "The face can't be used for this account any more: use the PIN.",
        "wrong_pin": "The PIN is wrong.",
        "pin_locked": "Too many wrong PINs: none is taken for a while.",
    }
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt came to nothing. Only what may have been somebody else's attempt `counts` against the payer."""

    code: str
    message: str | None = None
    counts: bool = False

    @property
    def words(self) -> str:
        return self.message or MESSAGES.get(self.code, "The payment was refused.")


async def settle(
    session: AsyncSession,
    *,
    intent: PaymentIntent,
    purse: Purse,
    attempt: PaymentAttempt,
    now: datetime,
    settings: Settings,
) -> None:
    """Pay, where what was proven is enough for the amount; or wait for what is missing; or say why not.

    The caller holds the purse's rows alone, then the intent's. The buyer proves who they are, whoever pays.
    """
    release(intent)
    intent.error_code = intent.error_message = None
    verdict = await _verdict(session, intent, purse, now, settings)
    if isinstance(verdict, str):
        await _decline(session, intent, attempt, verdict, now)
    elif (step_up := verdict.step_up) and not all(intent.has_proof(way, now) for way in ("face", "pin")):
        attempt.code = step_up.code
        session.add(attempt)
        await tell(session, intent, REQUIRES_ACTION, now=now)
    else:
        await _pay(session, intent, purse, verdict, attempt, now)


async def _verdict(
    session: AsyncSession, intent: PaymentIntent, purse: Purse, now: datetime, settings: Settings
) -> Fit | str:
    """Or the code of what keeps them from paying. Which goods these are the shop doesn't say, so none is checked."""
    if not purse.buyer.is_active:
        return "member_blocked"
    if not purse.payer.is_active:
        return "payer_blocked"
    purchase = Purchase(purse, (), intent.amount, intent.currency, intent.store_id, now, on_web=True)
    fit = await may_buy(session, purchase, settings=settings)
    if isinstance(fit, Unfit):
        return fit.code
    verdict = await judge(
        session, member=purse.payer, store_id=intent.store_id, amount=intent.amount, now=now, settings=settings
    )
    return verdict.code if isinstance(verdict, Declined) else replace(fit, step_up=verdict or fit.step_up)


async def _pay(
    session: AsyncSession, intent: PaymentIntent, purse: Purse, fit: Fit, attempt: PaymentAttempt, now: datetime
) -> None:
    order = Order(
        id=new_id(),
        store_id=intent.store_id,
        device_id=intent.device_id,
        member_id=purse.payer.id,
        buyer_id=purse.buyer.id if purse.is_shared else None,
        currency=intent.currency,
        total=intent.amount,
        tax=intent.tax,
        description=intent.description,
        payment_intent_id=intent.id,
        gift=0,
        points_value=0,
        points=0,
        points_earned=0,
        advance=0,
        refunded=0,
        tax_refunded=0,
        created_at=now,
    )
    paid = await pay(
        session,
        order_id=order.id,
        member_id=purse.payer.id,
        store_id=intent.store_id,
        total=intent.amount,
        tax=intent.tax,
        currency=intent.currency,
        actor=f"device:{intent.device_id}",
        now=now,
    )
    if not paid.ok:
        await _decline(session, intent, attempt, paid.code, now)
        return
    order.transfer_id, attempt.code = paid.transfer_id, "succeeded"
    session.add_all((order, attempt))
    if fit.approval is not None:
        fit.approval.order_id = order.id
    await tell_family(session, order, purse, now=now)
    await session.flush()
    intent.status, intent.order_id, intent.ended_at = "succeeded", order.id, now
    await tell(session, intent, SUCCEEDED, now=now)


async def _decline(
    session: AsyncSession, intent: PaymentIntent, attempt: PaymentAttempt, code: str, now: datetime
) -> None:
    """It's the member, and they can't pay: what was proven is used up, and proven anew when they try again."""
    intent.face_proven_at = intent.pin_proven_at = None
    await refuse(session, intent=intent, attempt=attempt, refusal=Refusal(code), now=now)


async def refuse(
    session: AsyncSession, *, intent: PaymentIntent, attempt: PaymentAttempt, refusal: Refusal, now: datetime
) -> None:
    """Not so, and the payer may try again; the third time that a refusal `counts`, the intent is canceled."""
    release(intent)
    intent.error_code, intent.error_message = refusal.code, refusal.words
    attempt.code = refusal.code
    session.add(attempt)
    if refusal.counts:
        intent.failures += 1
        intent.challenge_steps = None
    await tell(session, intent, PAYMENT_FAILED, now=now)
    if intent.attempts_left == 0:
        await cancel(session, intent=intent, reason="failed_verification", now=now)
        await raise_alert(
            session,
            VERIFICATION_FAILED,
            store_id=intent.store_id,
            device_id=intent.device_id,
            subject=str(intent.id),
            now=now,
            evidence=Evidence("payment_intent", intent.id),
            code=refusal.code,
        )
