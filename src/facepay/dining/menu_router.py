"""Menus over HTTP: set by staff, shown at a table to whoever sits there."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import NotSoldByPiece, Product, ProductNotFound
from facepay.dining import menu
from facepay.dining.calls import OF_TABLE, AtTableOf
from facepay.dining.menu import MenuItem, NotOnMenu
from facepay.dining.menu_schemas import DishAnswer, DishShown, MenuAnswer, NewDish
from facepay.dining.menus import menu_for
from facepay.dining.parties import Cover, CoverNotFound, PartyNotFound, cover_at, party_at
from facepay.dining.tables import SEATS_MAX, table_at
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.schedules.schedules import ScheduleNotFound
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["dining"])
Reader = Annotated[Principal, Security(current_staff, scopes=["dining:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["dining:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, StoreNotFound)


@router.put(
    "/stores/{store_id}/menu/{sku}",
    summary="Put a dish on the menu",
    responses=problems(*REFUSALS, StoreClosed, ProductNotFound, NotSoldByPiece, ScheduleNotFound),
)
async def set_dish(store_id: UUID, sku: str, body: NewDish, session: Session, _: Writer, now: Now) -> DishAnswer:
    """Any product that is sold by piece, the way that this store serves it; sent again, it is served another way."""
    item, product = await menu.set_dish(
        session,
        store_id=store_id,
        sku=sku,
        section=body.section,
        position=body.position,
        courses=body.courses,
        options=body.options,
        schedule_id=body.schedule_id,
        now=now,
    )
    return DishAnswer.of(item, product)


@router.get("/stores/{store_id}/menu", summary="List a store's menu", responses=problems(*REFUSALS))
async def list_menu(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[DishAnswer]:
    """Newest first, at whatever hour."""
    await get_store(session, store_id)
    query = select(MenuItem).where(MenuItem.store_id == store_id)
    found = await rows_of_page(session, query, by=MenuItem.id, paging=paging)
    ids = [item.product_id for item in found.rows]
    products = {each.id: each for each in await session.scalars(select(Product).where(Product.id.in_(ids)))}
    shown = [DishAnswer.of(item, products[item.product_id]) for item in found.rows]
    return found.shown(shown)


@router.delete(
    "/stores/{store_id}/menu/{sku}",
    status_code=204,
    summary="Take a dish off the menu",
    responses=problems(*REFUSALS, NotOnMenu),
)
async def take_off_menu(store_id: UUID, sku: str, session: Session, _: Writer) -> None:
    """What was ordered of it is still cooked."""
    await menu.take_off_menu(session, store_id=store_id, sku=sku)


@router.get(
    "/tables/{device_id}/menu",
    summary="Show the menu to somebody at a table",
    responses=problems(*OF_TABLE, PartyNotFound, CoverNotFound),
)
async def show_menu(
    at: AtTableOf,
    seat: Annotated[int | None, Query(ge=1, description=f"1 to {SEATS_MAX}; else it is nobody's own menu.")] = None,
) -> MenuAnswer:
    """For the person at this seat: what is recommended to them first, and nothing of that holds, or may hold, what they
    mustn't eat. Such dishes stay on the menu, marked with `fits: false`, and nothing says why.
    """
    async with at.database.begin() as session:
        table = await table_at(session, device_id=at.device_id)
        store = await get_store(session, table.store_id)
        cover = None if seat is None else await _cover(session, at, seat)
        entries = await menu_for(session, store_id=store.id, cover=cover, settings=at.settings, now=at.now)
    return MenuAnswer(currency=store.currency, dishes=[DishShown.of(each) for each in entries])


async def _cover(session: AsyncSession, at: AtTableOf, seat: int) -> Cover:
    party = await party_at(session, table=await table_at(session, device_id=at.device_id))
    return await cover_at(session, party_id=party.id, seat=seat)
