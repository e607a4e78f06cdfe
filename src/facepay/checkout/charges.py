"""The charge of one order: out of a hold where there is one, and on credit where the wallet falls short.

All of it is one linked batch: what the hold reserved is taken or set free, what is missing is lent, the store is paid
and the points are earned, or nothing of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.batches import Moves, Part, linked, post_linked, refusal
from facepay.checkout.orders import Order
from facepay.wallet.accounts import balances, member_debt, member_wallet
from facepay.wallet.ledger import Cause, Outcome
from facepay.wallet.payments import Hold, find_hold

# As the ledger says that a hold was captured, voided or has expired since it was looked up.
HOLD_IS_OVER = frozenset({"hold_not_open", "hold_expired"})
# As asked for; then without a hold that is over; then with an advance.
ATTEMPTS_MAX = 3


@dataclass(frozen=True, slots=True)
class Charge:
    """What moves for an order, and the means besides the wallet: a hold of it, how much may be lent at most (None: any
    amount), and other parts of the batch.
    """

    order: Order
    sale: Moves
    earning: Moves
    hold_id: UUID | None
    advance_max: int | None
    actor: str
    now: datetime
    besides: Mapping[str, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Charged:
    """`refused` says why nothing was posted. The ids are of the transfers, those of the other parts by their names;
    `available` is the wallet's balance then, where it paid a part.
    """

    refused: Outcome | None = None
    payment_id: UUID | None = None
    points_id: UUID | None = None
    advance_id: UUID | None = None
    advance: int = 0
    available: int | None = None
    besides: Mapping[str, UUID] = field(default_factory=dict)


async def charge(session: AsyncSession, asked: Charge) -> Charged:
    """A refused batch leaves its accounts locked, so that what is looked up after it still holds for the next one."""
    hold = await _hold(session, asked)
    advance = 0
    for _ in range(ATTEMPTS_MAX):
        parts = _parts(asked, hold, advance)
        batch = linked(f"order:{asked.order.id}", Cause("order", asked.order.id), asked.actor, asked.now, parts)
        accounts = [account for part in parts.values() for account, _ in part.moves]
        outcomes = await post_linked(session, batch, accounts, asked.now)
        refused = refusal(outcomes)
        if refused is None:
            made = {name: posting.id for name, posting in batch.items()}
            last = outcomes.get("tip") or (outcomes["payment"] if asked.order.wallet else None)
            available = last.available if last else None
            besides = {name: made[name] for name in asked.besides if name in made}
            return Charged(
                None, made.get("payment"), made.get("points"), made.get("advance"), advance, available, besides
            )
        if hold is not None and refused.code in HOLD_IS_OVER:
            hold = None
        elif refused.code == "insufficient_funds" and not advance:
            advance = await _lendable(session, asked, hold)
            if not advance:
                break
        else:
            break
    return Charged(refused)


async def _hold(session: AsyncSession, asked: Charge) -> Hold | None:
    hold = await find_hold(session, asked.hold_id) if asked.hold_id is not None else None
    if hold is not None and hold.account_id != _wallet_id(asked.order):
        raise ValueError(f"hold {hold.id} isn't of the wallet that pays order {asked.order.id}")
    return hold


def _parts(asked: Charge, hold: Hold | None, advance: int) -> dict[str, Part]:
    order, parts = asked.order, dict[str, Part]()
    payment = Part("transfer", asked.sale)
    if hold is not None:
        has_expired = hold.expires_at is not None and hold.expires_at <= asked.now
        if 0 < order.wallet <= hold.remaining and not has_expired:
            payment = Part("capture", asked.sale, hold.id)
        else:
            parts["void"] = Part("void", target_id=hold.id)
    if advance:
        debt, wallet = member_debt(order.member_id, order.currency), member_wallet(order.member_id, order.currency)
        parts["advance"] = Part("transfer", [(debt, -advance), (wallet, advance)], cause=Cause("advance", order.id))
    return parts | {"payment": payment, "points": Part("transfer", asked.earning), **asked.besides}


async def _lendable(session: AsyncSession, asked: Charge, hold: Hold | None) -> int:
    """What the wallet is short of, where that may be lent; else nothing."""
    wallet_id = _wallet_id(asked.order)
    found = await balances(session, [wallet_id])
    available = found[wallet_id].available if wallet_id in found else 0
    short = asked.order.wallet - available - (hold.remaining if hold else 0)
    lent = asked.advance_max is None or short <= asked.advance_max
    return short if lent and short > 0 else 0


def _wallet_id(order: Order) -> UUID:
    return member_wallet(order.member_id, order.currency).id
