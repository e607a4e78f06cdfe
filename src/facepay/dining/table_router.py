"""A restaurant's tables over HTTP, for staff."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Response, Security
from sqlalchemy import select

from facepay.dining import tables
from facepay.dining.table_schemas import NewTable, TableAnswer, TableChange
from facepay.dining.tables import DiningTable, NotATable, RegionsDontFit, TableNotFound, TableOccupied, TableTaken
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.stores.devices import DeviceNotFound
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1/stores/{store_id}/tables", tags=["dining"])
Reader = Annotated[Principal, Security(current_staff, scopes=["dining:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["dining:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
UNFIT = (DeviceNotFound, NotATable, RegionsDontFit, TableTaken)


@router.post(
    "",
    status_code=201,
    summary="Set up a table",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, *UNFIT),
)
async def add_table(
    store_id: UUID, body: NewTable, response: Response, session: Session, _: Writer, now: Now
) -> TableAnswer:
    """Its screen looks at the people around it: each seat has a region of the picture."""
    table = await tables.add_table(
        session,
        store_id=store_id,
        device_id=body.device_id,
        name=body.name,
        seats=body.seats,
        regions=body.regions,
        now=now,
    )
    response.headers["Location"] = f"/v1/stores/{store_id}/tables/{table.id}"
    return TableAnswer.model_validate(table)


@router.get("", summary="List a store's tables", responses=problems(*REFUSALS, StoreNotFound))
async def list_tables(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[TableAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(DiningTable).where(DiningTable.store_id == store_id, DiningTable.removed_at.is_(None))
    return await page(session, query, by=DiningTable.id, paging=paging, show=TableAnswer.model_validate)


@router.get("/{table_id}", summary="See a table", responses=problems(*REFUSALS, TableNotFound))
async def see_table(store_id: UUID, table_id: UUID, session: Session, _: Reader) -> TableAnswer:
    return TableAnswer.model_validate(await tables.get_table(session, table_id, store_id=store_id))


@router.patch(
    "/{table_id}",
    summary="Change a table",
    responses=problems(*REFUSALS, TableNotFound, TableOccupied, *UNFIT),
)
async def change_table(
    store_id: UUID, table_id: UUID, body: TableChange, session: Session, _: Writer, now: Now
) -> TableAnswer:
    """Only the fields that are sent. While somebody sits there, nothing but its name."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    table = await tables.change_table(session, store_id=store_id, table_id=table_id, changes=changes, now=now)
    return TableAnswer.model_validate(table)


@router.delete(
    "/{table_id}",
    status_code=204,
    summary="Take a table away",
    responses=problems(*REFUSALS, TableNotFound, TableOccupied),
)
async def remove_table(store_id: UUID, table_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """Its device is free for another, and so is its name. Who sat there stays on record."""
    await tables.remove_table(session, store_id=store_id, table_id=table_id, now=now)
