"""Payments in the shop's words: pay, authorise and capture, give back. Refusals are returned, never raised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.wallet.accounts import Account, member_wallet, open_account, store_sales, store_tax, wallet_balance
from facepay.wallet.ledger import Cause, Code, Entry, Outcome, Posting, post


@dataclass(frozen=True, slots=True)
class Payment:
    """`code` says why not where it isn't `ok`; `balance_after` is what the member may spend then."""

    code: Code
    transfer_id: UUID
    balance_after: int | None

    @property
    def ok(self) -> bool:
        return self.code in ("ok", "replayed")


async def pay(
    session: AsyncSession,
    *,
    order_id: UUID,
    member_id: UUID,
    store_id: UUID,
    total: int,
    tax: int,
    currency: str,
    actor: str,
    now: datetime,
) -> Payment:
    """Charge an order: from the member's wallet to the store's sales, and the tax in it to the store's tax."""
    posting = Posting(
        key=f"order:{order_id}:payment",
        kind="transfer",
        entries=_sale(member_id, store_id, total, tax, currency),
        cause=Cause("order", order_id),
        actor=actor,
        event_at=now,
    )
    return await _paid(session, posting, member_id, store_id, currency)


async def authorise(
    session: AsyncSession,
    *,
    order_id: UUID,
    member_id: UUID,
    amount: int,
    currency: str,
    actor: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> Payment:
    """Put an amount of the member's wallet on hold, until it's captured, voided or expires."""
    posting = _authorisation(order_id, member_id, amount, currency, actor, now, expires_at)
    return await _paid(session, posting, member_id, None, currency)


async def reauthorise(
    session: AsyncSession,
    *,
    hold_id: UUID | None,
    order_id: UUID,
    member_id: UUID,
    amount: int,
    currency: str,
    actor: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> Payment:
    """Put another amount on hold in place of a hold, where there is one: both at once, or neither.

    So in between nobody can spend the money. A hold that is over stops nothing.
    """
    asked = _authorisation(order_id, member_id, amount, currency, actor, now, expires_at)
    old = await find_hold(session, hold_id) if hold_id is not None else None
    if old is None:
        return await _paid(session, asked, member_id, None, currency)
    key = f"hold:{old.id}:void"
    freeing = Posting(key, "void", asked.cause, actor, now, target_id=old.id, linked=True)
    freed, made = await post(session, [freeing, asked])
    if freed.code == "hold_not_open":  # it has expired since
        return await _paid(session, asked, member_id, None, currency)
    refused = freed if made.code == "linked_failed" else made
    return Payment(refused.code, made.transfer_id, made.available)


def _authorisation(
    order_id: UUID,
    member_id: UUID,
    amount: int,
    currency: str,
    actor: str,
    now: datetime,
    expires_at: datetime | None,
) -> Posting:
    return Posting(
        key=f"order:{order_id}:hold",
        kind="hold",
        entries=(Entry(member_wallet(member_id, currency).id, -amount, currency),),
        expires_at=expires_at,
        cause=Cause("order", order_id),
        actor=actor,
        event_at=now,
    )


async def capture(
    session: AsyncSession,
    *,
    capture_id: UUID,
    hold_id: UUID,
    order_id: UUID,
    member_id: UUID,
    store_id: UUID,
    total: int,
    tax: int,
    currency: str,
    actor: str,
    now: datetime,
    keep_open: bool = False,
) -> Payment:
    """Take all or a part of a hold; what isn't taken is released, unless `keep_open` awaits further parts."""
    posting = Posting(
        key=f"capture:{capture_id}",
        kind="capture",
        target_id=hold_id,
        entries=_sale(member_id, store_id, total, tax, currency),
        keep_open=keep_open,
        cause=Cause("order", order_id),
        actor=actor,
        event_at=now,
    )
    return await _paid(session, posting, member_id, store_id, currency)


@dataclass(frozen=True, slots=True)
class Hold:
    """What a hold still reserves, in minor units, and of which account."""

    id: UUID
    account_id: UUID
    remaining: int
    expires_at: datetime | None


async def find_hold(session: AsyncSession, hold_id: UUID) -> Hold | None:
    """None where there is none, or nothing left of it."""
    row = await session.execute(
        text(
            "select transfer_id, account_id, amount - captured - released, expires_at from ledger.holds"
            " where transfer_id = cast(:id as uuid) and captured + released < amount"
        ),
        {"id": hold_id},
    )
    found = row.one_or_none()
    return Hold(*found) if found else None


async def void(session: AsyncSession, *, hold_id: UUID, order_id: UUID, actor: str, now: datetime) -> Outcome:
    """Release what a hold still reserves."""
    cause = Cause("order", order_id)
    posting = Posting(
        key=f"hold:{hold_id}:void", kind="void", target_id=hold_id, cause=cause, actor=actor, event_at=now
    )
    return (await post(session, [posting]))[0]


async def expire_due_holds(session: AsyncSession, *, now: datetime, limit: int = 100) -> int:
    """Release up to `limit` holds whose time is over; answers how many."""
    due = await session.execute(
        text(
            "select h.transfer_id, t.cause, t.cause_id"
            " from ledger.holds h join ledger.transfers t on t.id = h.transfer_id"
            " where h.captured + h.released < h.amount and h.expires_at <= :now order by h.expires_at limit :limit"
        ),
        {"now": now, "limit": limit},
    )
    postings = [
        Posting(
            key=f"hold:{hold_id}:expiry",
            kind="expiry",
            target_id=hold_id,
            cause=Cause(cause, cause_id),
            actor="system:expiry",
            event_at=now,
        )
        for hold_id, cause, cause_id in due
    ]
    outcomes = await post(session, postings) if postings else []
    return sum(outcome.code == "ok" for outcome in outcomes)


async def refund(
    session: AsyncSession,
    *,
    refund_id: UUID,
    payment_id: UUID,
    member_id: UUID,
    store_id: UUID,
    total: int,
    tax: int,
    currency: str,
    actor: str,
    now: datetime,
) -> Payment:
    """Give back a part of a payment or capture: never more, over all refunds, than it took."""
    sale = _sale(member_id, store_id, total, tax, currency)
    posting = Posting(
        key=f"refund:{refund_id}",
        kind="refund",
        target_id=payment_id,
        entries=tuple(Entry(entry.account_id, -entry.amount, entry.unit) for entry in sale),
        cause=Cause("refund", refund_id),
        actor=actor,
        event_at=now,
    )
    return await _paid(session, posting, member_id, store_id, currency)


async def reverse(session: AsyncSession, *, reversal_id: UUID, transfer_id: UUID, actor: str, now: datetime) -> Outcome:
    """Undo a whole transfer, capture or refund by its opposite: an admin's act."""
    posting = Posting(
        key=f"reversal:{reversal_id}",
        kind="reversal",
        target_id=transfer_id,
        cause=Cause("admin", reversal_id),
        actor=actor,
        event_at=now,
    )
    return (await post(session, [posting]))[0]


async def post_opening(session: AsyncSession, posting: Posting, *, accounts: Sequence[Account]) -> Outcome:
    """Post; where one of its accounts isn't open yet, open them first."""
    (outcome,) = await post(session, [posting])
    if outcome.code != "account_not_found":
        return outcome
    for account in accounts:
        await open_account(session, account, now=posting.event_at)
    return (await post(session, [posting]))[0]


def _sale(member_id: UUID, store_id: UUID, total: int, tax: int, unit: str) -> tuple[Entry, ...]:
    if not 0 <= tax <= total or total == 0:
        raise ValueError(f"a sale has a positive total and no more tax than that: {total=}, {tax=}")
    entries = (
        Entry(member_wallet(member_id, unit).id, -total, unit),
        Entry(store_sales(store_id, unit).id, total - tax, unit),
        Entry(store_tax(store_id, unit).id, tax, unit),
    )
    return tuple(entry for entry in entries if entry.amount)


async def _paid(session: AsyncSession, posting: Posting, member_id: UUID, store_id: UUID | None, unit: str) -> Payment:
    accounts = [member_wallet(member_id, unit)]
    if store_id is not None:
        accounts += [store_sales(store_id, unit), store_tax(store_id, unit)]
    outcome = await post_opening(session, posting, accounts=accounts)
    available = outcome.available
    if available is None:
        available = (await wallet_balance(session, member_id=member_id, unit=unit)).available
    return Payment(outcome.code, outcome.transfer_id, available)
