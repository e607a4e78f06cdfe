"""Money before oblivion: nobody is erased while the shop owes them something that nobody could claim afterwards."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.errors import Conflict
from facepay.members.freezes import hold_thawed
from facepay.rewards.expiry import lapse
from facepay.rewards.lots import GIFT, POINTS
from facepay.wallet.accounts import DEBT, REFUNDS_DUE, WALLET, Account, Balance, accounts_of, close_account, house
from facepay.wallet.ledger import Cause, Entry, Posting
from facepay.wallet.payments import post_opening
from facepay.wallet.top_up_refunds import TopUpRefund
from facepay.wallet.top_ups import TopUp


class WalletNotEmpty(Conflict):
    """The wallet holds money: give its top-ups back, or have the member give it up (`forfeit`)."""

    code = "wallet_not_empty"
    title = "Wallet not empty"


class DebtOutstanding(Conflict):
    """The member owes the shop, which only they can pay: have them top up, or write it off."""

    code = "debt_outstanding"
    title = "Debt outstanding"


class MoneyUnderway(Conflict):
    """Money of the member's is on hold, or a top-up or its refund is not settled yet: try again later."""

    code = "money_underway"
    title = "Money under way"


async def close_wallets(
    session: AsyncSession, *, member_id: UUID, receipt_id: UUID, forfeit: bool, actor: str, now: datetime
) -> dict[str, int]:
    """Close what the member has in the ledger; answers what they gave up, in minor units by currency.

    What is given up goes to `refunds_due`, under the receipt: whoever shows it can still be paid. Points and gift
    balance lapse. A debt is a claim that erasure doesn't end (GDPR art. 17(3)(e)), so that it's paid or written off
    first, by somebody's word. The caller holds the member's row lock. Raises MoneyUnderway, DebtOutstanding,
    WalletNotEmpty and WalletFrozen.
    """
    await _require_settled(session, member_id)
    accounts = await accounts_of(session, owner_id=member_id, kinds=(WALLET, GIFT, POINTS, DEBT))
    if held := {account.unit: balance.held for account, balance in accounts.items() if balance.held}:
        raise MoneyUnderway("Money of this member's is on hold.", held=held)
    if owed := {account.unit: -balance.posted for account, balance in accounts.items() if balance.posted < 0}:
        raise DebtOutstanding("This member owes the shop.", owed=owed)
    given_up = await _give_up(session, accounts, member_id, receipt_id, forfeit, actor, now)
    await lapse(session, member_id=member_id, now=now)
    for account in accounts:  # a refund that comes later is refused, rather than credited to nobody
        await close_account(session, account.id, now=now)
    return given_up


async def _require_settled(session: AsyncSession, member_id: UUID) -> None:
    pending = {
        name: await session.scalar(
            select(func.count()).select_from(table).where(table.member_id == member_id, table.status == "pending")
        )
        for name, table in (("top_ups", TopUp), ("top_up_refunds", TopUpRefund))
    }
    if any(pending.values()):
        raise MoneyUnderway("The payment provider has not settled everything yet.", pending=pending)


async def _give_up(
    session: AsyncSession,
    accounts: dict[Account, Balance],
    member_id: UUID,
    receipt_id: UUID,
    forfeit: bool,
    actor: str,
    now: datetime,
) -> dict[str, int]:
    full = {account: balance.posted for account, balance in accounts.items() if account.kind == WALLET}
    given_up = {account.unit: amount for account, amount in full.items() if amount}
    if not given_up:
        return {}
    if not forfeit:
        raise WalletNotEmpty("The wallet holds money, which nobody could claim afterwards.", balances=given_up)
    await hold_thawed(session, member_id=member_id)
    for account, amount in full.items():
        if amount:
            due = house(REFUNDS_DUE, account.unit)
            entries = (Entry(account.id, -amount, account.unit), Entry(due.id, amount, account.unit))
            key = f"erasure:{receipt_id}:{account.unit}"
            posting = Posting(key, "transfer", Cause("erasure", receipt_id), actor, now, entries)
            outcome = await post_opening(session, posting, accounts=[due])
            if not outcome.ok:
                raise RuntimeError(f"wallet {account.id} can't be emptied: {outcome.code}")
    return given_up
