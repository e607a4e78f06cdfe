"""Batches of linked postings, all of which are posted, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.wallet.accounts import Account, open_account
from facepay.wallet.ledger import Cause, Entry, Kind, Outcome, Posting, post

Moves = list[tuple[Account, int]]


@dataclass(frozen=True, slots=True)
class Part:
    """A posting to be; the void of a hold moves nothing by itself. `cause` is another one than the batch's."""

    kind: Kind
    moves: Moves = field(default_factory=list)
    target_id: UUID | None = None
    cause: Cause | None = None

    @property
    def is_needed(self) -> bool:
        return bool(self.moves) or self.kind == "void"


def linked(key: str, cause: Cause, actor: str, now: datetime, parts: Mapping[str, Part]) -> dict[str, Posting]:
    """A posting for each part that does anything, by the part's name, which ends its key too."""
    needed = {name: part for name, part in parts.items() if part.is_needed}
    last = next(reversed(needed), None)
    return {
        name: Posting(
            key=f"{key}:{name}",
            kind=part.kind,
            cause=part.cause or cause,
            actor=actor,
            event_at=now,
            entries=tuple(Entry(account.id, amount, account.unit) for account, amount in part.moves),
            target_id=part.target_id,
            linked=name != last,
        )
        for name, part in needed.items()
    }


async def post_linked(
    session: AsyncSession, batch: Mapping[str, Posting], accounts: Iterable[Account], now: datetime
) -> dict[str, Outcome]:
    """Post all or nothing, opening those of the accounts that aren't open yet; the outcomes by the parts' names."""
    if not batch:
        return {}
    outcomes = await post(session, list(batch.values()))
    if any(outcome.code == "account_not_found" for outcome in outcomes):
        # In one order, so that two who open the same accounts don't wait for each other.
        for account in sorted(accounts, key=lambda account: account.id):
            await open_account(session, account, now=now)
        outcomes = await post(session, list(batch.values()))
    return dict(zip(batch, outcomes, strict=True))


def refusal(outcomes: Mapping[str, Outcome]) -> Outcome | None:
    """The one that the others failed with, if there was one."""
    refused = (outcome for outcome in outcomes.values() if not outcome.ok)
    return min(refused, key=lambda outcome: outcome.code == "linked_failed", default=None)
