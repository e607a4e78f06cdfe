"""Budgets of what the house gives away: accounts that promotions fill, and that can't go below zero."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.ids import new_id
from facepay.wallet.accounts import PROMOTIONS, Account, house, open_account
from facepay.wallet.ledger import Cause, Entry, Posting, post


async def open_budget(session: AsyncSession, *, budget: Account, cost: Account, now: datetime) -> None:
    """The account of what may still be given, and that of what was."""
    for account in (house(PROMOTIONS, budget.unit), budget, cost):
        await open_account(session, account, now=now)


async def fund(session: AsyncSession, *, budget: Account, amount: int, cause: Cause, actor: str, now: datetime) -> bool:
    """Put an amount into a budget, or take it out where negative: False where there is less than that in it."""
    if amount == 0:
        return True
    unit = budget.unit
    entries = (Entry(budget.id, amount, unit), Entry(house(PROMOTIONS, unit).id, -amount, unit))
    posting = Posting(f"{cause.kind}:{cause.id}:{new_id()}", "transfer", cause, actor, now, entries)
    (outcome,) = await post(session, [posting])
    assert outcome.ok or outcome.code == "insufficient_funds", outcome.code
    return outcome.ok
