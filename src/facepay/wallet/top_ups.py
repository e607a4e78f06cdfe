"""Top-ups: money that the payment provider collected for us becomes a member's balance."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.wallet.accounts import CLEARING, house, member_wallet, wallet_balance
from facepay.wallet.ledger import Cause, Entry, Posting
from facepay.wallet.payments import Payment, post_opening


async def top_up(
    session: AsyncSession, *, top_up_id: UUID, member_id: UUID, amount: int, currency: str, actor: str, now: datetime
) -> Payment:
    """Credit the wallet with what the provider has settled."""
    wallet, clearing = member_wallet(member_id, currency), house(CLEARING, currency)
    posting = Posting(
        key=f"top_up:{top_up_id}",
        kind="transfer",
        entries=(Entry(wallet.id, amount, currency), Entry(clearing.id, -amount, currency)),
        cause=Cause("top_up", top_up_id),
        actor=actor,
        event_at=now,
    )
    outcome = await post_opening(session, posting, accounts=[wallet, clearing])
    available = outcome.available
    if available is None:
        available = (await wallet_balance(session, member_id=member_id, unit=currency)).available
    return Payment(outcome.code, outcome.transfer_id, available)
