"""Ordering at a table: what may be had, is there, is paid for and doesn't harm anybody unasked goes to the kitchen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import Product
from facepay.catalog.stock import take_stock
from facepay.dining import holds
from facepay.dining.diets import diet_at, harms, plate_of
from facepay.dining.items import PartyItem
from facepay.dining.menu import MenuItem, NotOnMenu, offered
from facepay.dining.options import Chosen, OptionsInvalid, choose
from facepay.dining.parties import Cover, Party, cover_at, covers_of, party_at, refuse_while_paying, tell
from facepay.dining.tables import get_table, table_at
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.kitchen.courses import open_course
from facepay.kitchen.tickets import Dish
from facepay.members.members import Member, holding
from facepay.settings import Settings
from facepay.stores.stores import get_store


class AllergenInDish(Conflict):
    """It holds, or may hold, what somebody it is for mustn't eat: only with `confirms_allergens` they get it still."""

    code = "allergen_in_dish"
    title = "Allergen in dish"


class SoldOut(Conflict):
    """There is less left of these dishes than was ordered."""

    code = "sold_out"
    title = "Sold out"


class AgeRestricted(Conflict):
    """Whoever it is for is too young for these dishes, by a birthday that staff have seen."""

    code = "age_restricted"
    title = "Too young"


class AgeCheckNeeded(Conflict):
    """Nobody has seen how old they are: staff look, and take the order for these dishes."""

    code = "age_check_needed"
    title = "Age check needed"


class NotCovered(Conflict):
    """The money for it isn't there, or may not be spent on it: `why` says what is in the way, and at which `seat`."""

    code = "order_not_covered"
    title = "Not covered"


@dataclass(frozen=True, slots=True)
class Wish:
    """A dish as somebody wants it; without a course, in its usual one."""

    sku: str
    quantity: int = 1
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    course: int | None = None
    confirms_allergens: bool = False


@dataclass(frozen=True, slots=True)
class Picked:
    """A wish that the menu can grant."""

    wish: Wish
    product: Product
    chosen: Chosen
    course: int

    @property
    def unit_price(self) -> int:
        return max(0, self.product.price + self.chosen.price)


async def order(
    session: AsyncSession,
    *,
    party: Party,
    seat: int | None,
    wishes: Sequence[Wish],
    age_checked: bool,
    now: datetime,
    settings: Settings,
) -> list[PartyItem]:
    """All of it, or nothing: for a seat, or for the whole table. The party is locked.

    Raises PartyPaying, CoverNotFound, NotOnMenu, OptionsInvalid, AllergenInDish, AgeRestricted, AgeCheckNeeded, SoldOut
    and NotCovered.
    """
    refuse_while_paying(party)
    covers = list(await covers_of(session, party_id=party.id))
    cover = None if seat is None else await cover_at(session, party_id=party.id, seat=seat)
    picked = await pick_all(session, party, wishes, now)
    eaters = covers if cover is None else [cover]
    await refuse_harm(session, eaters=eaters, picked=picked)
    await _refuse_too_young(session, party, eaters, picked, age_checked, now)
    await hold_members(session, party)
    quantities = Counter[UUID]()
    for each in picked:
        quantities[each.product.id] += each.wish.quantity
    await take(session, party.store_id, quantities, skus={each.product.id: each.product.sku for each in picked})
    items = [await _add(session, party, cover, each, now, settings) for each in picked]
    await _tell_kitchen(session, party, items, picked, seat, now)
    await tell(session, party)
    return items


async def pick_all(session: AsyncSession, party: Party, wishes: Sequence[Wish], now: datetime) -> list[Picked]:
    """Raises NotOnMenu and OptionsInvalid."""
    skus = {wish.sku for wish in wishes}
    there = {each.product.sku: each for each in await offered(session, store_id=party.store_id, now=now, skus=skus)}
    if missing := sorted(skus - there.keys()):
        raise NotOnMenu("The menu doesn't have it, or not at this hour.", skus=missing)
    return [_pick(wish, there[wish.sku].item, there[wish.sku].product) for wish in wishes]


async def refuse_harm(session: AsyncSession, *, eaters: Sequence[Cover], picked: Sequence[Picked]) -> None:
    """Raises AllergenInDish; whose allergen it is, and which, isn't said."""
    unconfirmed = [each for each in picked if not each.wish.confirms_allergens]
    diets = [await diet_at(session, each) for each in eaters] if unconfirmed else []
    harmful = {each.product.sku for each in unconfirmed if harms(plate_of(each.product, each.chosen), diets)}
    if harmful:
        raise AllergenInDish("It isn't, or may not be, for whoever ordered it.", skus=sorted(harmful))


async def take(
    session: AsyncSession, store_id: UUID, quantities: Mapping[UUID, int], *, skus: Mapping[UUID, str]
) -> None:
    """Out of the stock, so that nobody else orders it. Raises SoldOut."""
    if gone := await take_stock(session, store_id=store_id, quantities=quantities):
        raise SoldOut("There is less left of it.", skus=sorted(skus[each] for each in gone))


async def hold_money(
    session: AsyncSession, *, party: Party, item: PartyItem, now: datetime, settings: Settings
) -> None:
    """Raises NotCovered."""
    held = await holds.cover(session, party=party, item=item, now=now, settings=settings)
    if isinstance(held, holds.NotHeld):
        raise NotCovered("It can't be put on hold.", why=held.code, seat=held.seat, item=item.name)


async def hold_members(session: AsyncSession, party: Party) -> None:
    """Whoever may be charged, in the order in which everybody locks them, and before the stock."""
    here = select(Cover.member_id).where(Cover.party_id == party.id, Cover.member_id.is_not(None))
    await session.execute(holding([each for each in await session.scalars(here) if each]))


async def party_to_charge(session: AsyncSession, *, device_id: UUID) -> Party:
    """At a device's table, locked with all who may be charged: what is held for others may end with a payment. Raises
    TableNotFound and PartyNotFound.
    """
    party = await party_at(session, table=await table_at(session, device_id=device_id, lock=True), lock=True)
    await hold_members(session, party)
    return party


def dish_of(item: PartyItem, chosen: Chosen, seat: int | None) -> Dish:
    return Dish(item.product_id, item.name, item.quantity, seat=seat, options=chosen.words)


def _pick(wish: Wish, item: MenuItem, product: Product) -> Picked:
    if wish.course is not None and wish.course not in item.courses:
        raise OptionsInvalid("It isn't served in that course.", sku=wish.sku, courses=item.courses)
    return Picked(wish, product, choose(item.groups, wish.options), wish.course or item.courses[0])


async def _refuse_too_young(
    session: AsyncSession, party: Party, eaters: Sequence[Cover], picked: Sequence[Picked], seen: bool, now: datetime
) -> None:
    """Judged when it is ordered, by whom it is for, whoever pays; what is for the table, by the oldest who sit there.

    `seen`: staff have just looked, which doesn't make anybody older than a document did.
    """
    limits = {each.product.sku: each.product.age_min for each in picked if each.product.age_min}
    if not limits:
        return
    zone = ZoneInfo((await get_store(session, party.store_id)).timezone)
    ids = [each.member_id for each in eaters if each.member_id]
    members = (await session.scalars(select(Member).where(Member.id.in_(ids)))).all()
    known = [each.age_at(now.astimezone(zone).date()) for each in members if each.age_checked_at]
    oldest = max((age for age in known if age is not None), default=None)
    too_young = sorted(sku for sku, least in limits.items() if oldest is None or oldest < least)
    if too_young and len(known) == len(eaters):
        raise AgeRestricted("Whoever it is for is too young.", skus=too_young)
    if too_young and not seen:
        raise AgeCheckNeeded("Staff have to see how old they are.", skus=too_young)


async def _add(
    session: AsyncSession, party: Party, cover: Cover | None, picked: Picked, now: datetime, settings: Settings
) -> PartyItem:
    item = PartyItem(
        id=new_id(),
        party_id=party.id,
        cover_id=cover.id if cover else None,
        product_id=picked.product.id,
        name=picked.product.name,
        quantity=picked.wish.quantity,
        options=picked.chosen.kept(),
        unit_price=picked.unit_price,
        currency=picked.product.currency,
        course=picked.course,
        ordered_at=now,
    )
    session.add(item)
    await session.flush()
    await hold_money(session, party=party, item=item, now=now, settings=settings)
    return item


async def _tell_kitchen(
    session: AsyncSession,
    party: Party,
    items: Sequence[PartyItem],
    picked: Sequence[Picked],
    seat: int | None,
    now: datetime,
) -> None:
    """A ticket for each course, the first first, so that a later one of the same order waits for it."""
    store, table = await get_store(session, party.store_id), await get_table(session, party.table_id)
    ordered = sorted(zip(items, picked, strict=True), key=lambda pair: pair[0].course)
    for course, pairs in groupby(ordered, key=lambda pair: pair[0].course):
        together = list(pairs)
        ticket = await open_course(
            session,
            store=store,
            party_id=party.id,
            place=table.name,
            course=course,
            dishes=[dish_of(item, each.chosen, seat) for item, each in together],
            now=now,
        )
        for position, (item, _) in enumerate(together, start=1):
            item.ticket_id, item.position = ticket.id, position
    await session.flush()
