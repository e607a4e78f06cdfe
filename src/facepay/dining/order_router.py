"""Orders over HTTP, from a table's screen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining import changing, ordering
from facepay.dining.calls import OF_TABLE, ONCE, AtTableOf
from facepay.dining.changing import ItemNotFound, ItemPaid
from facepay.dining.menu import NotOnMenu
from facepay.dining.options import OptionsInvalid
from facepay.dining.order_schemas import ItemChange, NewTableOrder, OrderedAnswer
from facepay.dining.ordering import AgeCheckNeeded, AgeRestricted, AllergenInDish, NotCovered, SoldOut
from facepay.dining.parties import CoverNotFound, Party, PartyNotFound, PartyPaying, party_at
from facepay.dining.party_schemas import PartyAnswer
from facepay.dining.tables import table_at
from facepay.dining.views import view_of
from facepay.kernel.errors import Problem
from facepay.kernel.idempotency import IdempotencyKeyMissing, RequiredKey
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kitchen.courses import AlreadyCooking

router = Router(prefix="/v1/tables/{device_id}", tags=["dining"])
SEATED: tuple[type[Problem], ...] = (PartyNotFound, PartyPaying)
UNFIT: tuple[type[Problem], ...] = (NotOnMenu, OptionsInvalid, AllergenInDish, SoldOut, NotCovered)
AGES: tuple[type[Problem], ...] = (AgeRestricted, AgeCheckNeeded)
CHANGED: tuple[type[Problem], ...] = (*SEATED, ItemNotFound, ItemPaid, AlreadyCooking)


@router.post(
    "/orders",
    summary="Order for a seat, or for the whole table",
    response_model=OrderedAnswer,
    responses=problems(IdempotencyKeyMissing, *ONCE, *SEATED, CoverNotFound, *UNFIT, *AGES),
)
async def order(body: NewTableOrder, at: AtTableOf, key: RequiredKey) -> Any:
    """All of it goes to the kitchen, or nothing does: the money is put on hold first, on the wallet of whoever answers
    for the seat. A later course waits there until the one before it is eaten, or until staff call for it.
    """

    async def act(session: AsyncSession) -> OrderedAnswer:
        party = await _party(session, at)
        items = await ordering.order(
            session,
            party=party,
            seat=body.seat,
            wishes=body.wishes(),
            age_checked=False,
            now=at.now,
            settings=at.settings,
        )
        return OrderedAnswer.of(await view_of(session, party), {item.id for item in items})

    return await at.once(key, body, act)


@router.patch(
    "/items/{item_id}",
    summary="Change what was ordered",
    responses=problems(*OF_TABLE, *CHANGED, *UNFIT),
)
async def change_item(item_id: UUID, body: ItemChange, at: AtTableOf) -> PartyAnswer:
    """Until the kitchen begins with it."""
    async with at.database.begin() as session:
        party = await _party(session, at)
        await changing.change_item(
            session, party=party, item_id=item_id, second=body.second(), now=at.now, settings=at.settings
        )
        return PartyAnswer.of(await view_of(session, party))


@router.delete("/items/{item_id}", summary="Cancel what was ordered", responses=problems(*OF_TABLE, *CHANGED))
async def cancel_item(item_id: UUID, at: AtTableOf) -> PartyAnswer:
    """Until the kitchen begins with it; its money is free again."""
    async with at.database.begin() as session:
        party = await _party(session, at)
        by = f"device:{at.device.id}"
        await changing.cancel_item(session, party=party, item_id=item_id, by=by, now=at.now)
        return PartyAnswer.of(await view_of(session, party))


async def _party(session: AsyncSession, at: AtTableOf) -> Party:
    return await party_at(session, table=await table_at(session, device_id=at.device_id), lock=True)
