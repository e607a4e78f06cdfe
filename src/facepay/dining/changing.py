"""Second thoughts: until the kitchen begins, a guest may change or cancel what they ordered; after that, staff may.

The ticket's row decides who was first, the kitchen or the guest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import get_product
from facepay.catalog.stock import return_stock
from facepay.dining import holds
from facepay.dining.items import PartyItem
from facepay.dining.ordering import Wish, hold_members, hold_money, pick_all, refuse_harm, take
from facepay.dining.parties import Party, covers_of, refuse_while_paying, tell
from facepay.dining.tabs import PaidShare
from facepay.kernel.errors import Conflict, NotFound
from facepay.kitchen.courses import UNTOUCHED, change_dish, take_off
from facepay.kitchen.tickets import Ticket, hold_ticket
from facepay.settings import Settings


class ItemNotFound(NotFound):
    """The party has ordered nothing with this id."""

    code = "item_not_found"
    title = "Not ordered"


class ItemPaid(Conflict):
    """It was paid, in whole or in part: a refund is what gives it back."""

    code = "item_paid"
    title = "Paid already"


@dataclass(frozen=True, slots=True)
class Second:
    """What is to be otherwise; None stays."""

    quantity: int | None = None
    options: Mapping[str, Sequence[str]] | None = None
    confirms_allergens: bool = False


async def change_item(
    session: AsyncSession, *, party: Party, item_id: UUID, second: Second, now: datetime, settings: Settings
) -> PartyItem:
    """The party is locked. Raises PartyPaying, ItemNotFound, ItemPaid, AlreadyCooking, and as `order` does."""
    item, ticket = await _hold(session, party, item_id)
    before, words = item.price, [f"{each['group']}: {each['choice']}" for each in item.options]
    if second.options is not None:
        words = await _choose_again(session, party, item, second.options, second.confirms_allergens, now)
    more = (second.quantity or item.quantity) - item.quantity
    item.quantity += more
    await change_dish(session, ticket=ticket, position=item.position or 0, quantity=item.quantity, options=words)
    await hold_members(session, party)
    if more > 0:
        sku = (await get_product(session, item.product_id)).sku
        await take(session, party.store_id, {item.product_id: more}, skus={item.product_id: sku})
    elif more < 0:
        await return_stock(session, store_id=party.store_id, quantities={item.product_id: -more})
    if item.price > before:
        await hold_money(session, party=party, item=item, now=now, settings=settings)
    else:
        await holds.lower(session, party=party, now=now)
    await tell(session, party)
    return item


async def cancel_item(session: AsyncSession, *, party: Party, item_id: UUID, by: str, now: datetime) -> None:
    """The party is locked. Raises PartyPaying, ItemNotFound, ItemPaid and AlreadyCooking."""
    item, ticket = await _hold(session, party, item_id)
    await _cancel(session, party, item, ticket, by, why=None, now=now)


async def void_item(session: AsyncSession, *, party: Party, item_id: UUID, by: str, why: str, now: datetime) -> None:
    """By staff, however far it is, also once it was eaten: nobody pays for it. What was begun isn't stock any more.

    The party is locked. Raises PartyPaying, ItemNotFound and ItemPaid.
    """
    item, ticket = await _hold(session, party, item_id)
    await _cancel(session, party, item, ticket, by, why=why, now=now)


async def _cancel(
    session: AsyncSession, party: Party, item: PartyItem, ticket: Ticket, by: str, *, why: str | None, now: datetime
) -> None:
    untouched = ticket.state in UNTOUCHED
    await take_off(session, ticket=ticket, position=item.position or 0, by=by, now=now, cooking=why is not None)
    item.cancelled_at, item.cancelled_by, item.cancelled_why = now, by, why
    await session.flush()
    await hold_members(session, party)
    if untouched:
        await return_stock(session, store_id=party.store_id, quantities={item.product_id: item.quantity})
    await holds.lower(session, party=party, now=now)
    await tell(session, party)


async def _hold(session: AsyncSession, party: Party, item_id: UUID) -> tuple[PartyItem, Ticket]:
    """The item, and its ticket, which is locked against the kitchen."""
    refuse_while_paying(party)
    item = await session.get(PartyItem, item_id, populate_existing=True)
    if item is None or item.party_id != party.id or item.cancelled_at is not None or item.ticket_id is None:
        raise ItemNotFound("The party has no such order.")
    if await session.scalar(select(PaidShare.id).where(PaidShare.item_id == item.id).limit(1)):
        raise ItemPaid("It was paid already.")
    return item, await hold_ticket(session, store_id=party.store_id, ticket_id=item.ticket_id)


async def _choose_again(
    session: AsyncSession,
    party: Party,
    item: PartyItem,
    options: Mapping[str, Sequence[str]],
    confirms: bool,
    now: datetime,
) -> list[str]:
    """As the menu has it now, at its price now. Answers of the kitchen's words."""
    sku = (await get_product(session, item.product_id)).sku
    [picked] = await pick_all(session, party, [Wish(sku, item.quantity, options, item.course, confirms)], now)
    eaters = await covers_of(session, party_id=party.id)
    own = [each for each in eaters if each.id == item.cover_id]
    await refuse_harm(session, eaters=own or eaters, picked=[picked])
    item.options, item.unit_price = picked.chosen.kept(), picked.unit_price
    return list(picked.chosen.words)
