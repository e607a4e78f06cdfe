"""Money for what a table orders: on hold on a wallet before the kitchen hears of it, and free again once it is paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.limits import Declined, NeedsStepUp
from facepay.dining.items import PartyItem
from facepay.dining.parties import Party
from facepay.settings import Settings


@dataclass(frozen=True, slots=True)
class Held:
    """All that is on hold now for whoever answers for the item, in minor units; nobody does where a store trusts."""

    cover_id: UUID | None
    amount: int


@dataclass(frozen=True, slots=True)
class NotHeld:
    """Why the item can't go to the kitchen: nothing has changed. `seat` is whose wallet it would have been.

    `amount_needs_step_up` asks for a face and a second factor at the table: see `guarantees`.
    """

    code: str
    seat: int | None = None
    over: Declined | NeedsStepUp | None = None


async def cover(
    session: AsyncSession, *, party: Party, item: PartyItem, now: datetime, settings: Settings
) -> Held | NotHeld:
    """Hold what the item costs, before it goes to the kitchen: on the wallet of whoever sits there, or of the host.

    The party is locked, the item new or changed in this session, flushed or not. After NotHeld take it out again.
    """
    raise NotImplementedError


async def lower(session: AsyncSession, *, party: Party, now: datetime) -> None:
    """Let go of what is held for more than the party has ordered: after an item was cancelled or made smaller.

    The party is locked, and the change flushed.
    """
    raise NotImplementedError
