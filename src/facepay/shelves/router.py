"""Shelves over HTTP: what their devices report, and staff who fill them up."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Security
from fastapi import Request as FrameRequest
from sqlalchemy import select

from facepay.catalog.products import Product, find_products
from facepay.channel.sequences import TooManyGaps
from facepay.identity.capture import UNREADABLE, frame_body, read_frame
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import NotFound, Overloaded, Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Code, DeviceClock
from facepay.settings import SettingsOf
from facepay.shelves import readings, reports, restock
from facepay.shelves.events import ShelfEvent
from facepay.shelves.fusion import Finding
from facepay.shelves.planogram import NotAShelf
from facepay.shelves.planogram_router import UnknownSkus
from facepay.shelves.restock import Restock, SlotStock
from facepay.shelves.scene import KnownPlanograms
from facepay.shelves.schemas import (
    FindingAnswer,
    MotionAnswer,
    NewRestock,
    ReadingBatch,
    ReadingsAnswer,
    ReportAnswer,
    RestockAnswer,
    SettledAnswer,
    ShelfEventAnswer,
    ShelfReport,
    SlotCount,
    SlotStockAnswer,
)
from facepay.shelves.sightings import Lookout
from facepay.stores.devices import DeviceNotFound, DeviceRole, get_device
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1", tags=["shelves"])
Reporting = Annotated[Principal, Security(current_device, scopes=["shelf:report"])]
Reader = Annotated[Principal, Security(current_staff, scopes=["stores:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["catalog:write"])]
OF_DEVICE = (Unauthenticated, InsufficientScope, WrongStore)
OF_STAFF = (Unauthenticated, InsufficientScope, DeviceNotFound, NotAShelf)


class RestockNotFound(NotFound):
    """Nobody fills, or filled, this shelf under this id."""

    code = "restock_not_found"
    title = "No such restock"


@router.post(
    "/shelves/{shelf_id}/events", summary="Report changes of weight", responses=problems(*OF_DEVICE, TooManyGaps)
)
async def report_events(
    shelf_id: UUID,
    body: ShelfReport,
    device: Reporting,
    database: Db,
    known: KnownPlanograms,
    settings: SettingsOf,
    now: Now,
) -> ReportAnswer:
    """Up to 200 settled changes at once, in any order, however late: each is judged by what lay there, and by who was
    inside, when it happened.

    A change that was reported before isn't counted again, so whatever got no answer is simply sent once more. `at` is
    set right by how far the device's clock was ahead at its last heartbeat; nothing happens later than it is told.
    """
    acts_as(device, shelf_id)
    receipt = await reports.report(
        database,
        device=device,
        run=body.run,
        changes=[event.change() for event in body.events],
        known=known,
        now=now,
        settings=settings,
    )
    findings = [FindingAnswer(sequence=number, finding=found) for number, found in sorted(receipt.findings.items())]
    return ReportAnswer(accepted=receipt.accepted, repeated=receipt.repeated, findings=findings)


@router.post(
    "/shelves/{shelf_id}/readings",
    summary="Report what the scales read",
    responses=problems(*OF_DEVICE, TooManyGaps, Overloaded),
)
async def report_readings(
    shelf_id: UUID,
    body: ReadingBatch,
    device: Reporting,
    database: Db,
    known: KnownPlanograms,
    settings: SettingsOf,
    now: Now,
) -> ReadingsAnswer:
    """For scales that don't settle their changes themselves: up to 2000 raw readings at once, several a second of each
    slot while it moves. What creeps is drift; each step is reported as a change is, as soon as it has stood for a
    second, and the answer says what it was found to be.

    Readings count in the order of their numbers. Whatever got no answer is sent again and weighed once. What comes
    after a later one changes nothing: the later one weighed all that lies there. With another `run` the scales may have
    been tared: what lay in a slot still does.
    """
    acts_as(device, shelf_id)
    weighed = await readings.weigh(
        database,
        device=device,
        run=body.run,
        numbers=body.numbers,
        samples=body.samples(),
        known=known,
        now=now,
        settings=settings,
    )
    changes = [
        SettledAnswer(slot=each.change.slot, at=each.at, delta_grams=each.change.delta_grams, finding=each.finding)
        for each in weighed.changes
    ]
    return ReadingsAnswer(
        accepted=weighed.accepted,
        repeated=weighed.repeated,
        changes=changes,
        unknown_slots=sorted(weighed.unknown_slots),
    )


@router.post(
    "/shelves/{shelf_id}/frames",
    summary="Show what the camera sees",
    responses=problems(*OF_DEVICE, *UNREADABLE, Overloaded),
    openapi_extra=frame_body(),
)
async def show_frame(
    shelf_id: UUID,
    request: FrameRequest,
    device: Reporting,
    lookout: Annotated[Lookout, Depends(made(Lookout))],
    now: Now,
    at: Annotated[DeviceClock | None, Query(description="When it was taken, by the device's clock; else now.")] = None,
) -> MotionAnswer:
    """A frame as the body, one to ten a second, in the order in which they were taken. Says in which zones of the
    planogram something moves; a hand there and a face before the shelf say whether, and by whom, something was taken.

    Faces are compared with those of members as at the gate, and only those inside are of use. The picture isn't kept.
    """
    acts_as(device, shelf_id)
    frame = await read_frame(request)
    seen = await lookout.look(frame, device=device, said_at=at or now, now=now)
    return MotionAnswer(slots=list(seen.slots), hands=list(seen.hands), people=seen.people)


@router.get(
    "/stores/{store_id}/shelf-events",
    summary="List what shelves reported",
    responses=problems(Unauthenticated, InsufficientScope, StoreNotFound),
)
async def list_events(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    finding: Annotated[Finding | None, Query()] = None,
) -> Page[ShelfEventAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(ShelfEvent).where(ShelfEvent.store_id == store_id)
    if finding is not None:
        query = query.where(ShelfEvent.finding == finding)
    return await page(session, query, by=ShelfEvent.id, paging=paging, show=ShelfEventAnswer.model_validate)


@router.post(
    "/shelves/{shelf_id}/restocks", status_code=201, summary="Begin to fill a shelf", responses=problems(*OF_STAFF)
)
async def begin_restock(shelf_id: UUID, body: NewRestock, session: Session, staff: Writer, now: Now) -> RestockAnswer:
    """Until it ends, what these slots weigh more or less is staff's doing: it goes to no basket, and to what lies in
    the slots.
    """
    await _shelf(session, shelf_id)
    begun = await restock.begin_restock(
        session,
        device_id=shelf_id,
        slots=body.slots,
        ends_at=now + timedelta(minutes=body.minutes),
        by=f"staff:{staff.id}",
        now=now,
    )
    return RestockAnswer.model_validate(begun)


@router.delete(
    "/shelves/{shelf_id}/restocks/{restock_id}",
    status_code=204,
    summary="The shelf is filled",
    responses=problems(*OF_STAFF, RestockNotFound),
)
async def end_restock(shelf_id: UUID, restock_id: UUID, session: Session, _: Writer, now: Now) -> None:
    """Sooner than was said. Repeating it changes nothing."""
    begun = await session.get(Restock, restock_id, with_for_update=True)
    if begun is None or begun.device_id != shelf_id:
        raise RestockNotFound("No restock of this shelf has this id.")
    await restock.end_restock(session, restock=begun, now=now)


@router.put(
    "/shelves/{shelf_id}/slots/{slot}/pieces",
    status_code=204,
    summary="Count what lies in a slot",
    responses=problems(*OF_STAFF, UnknownSkus),
)
async def count_slot(
    shelf_id: UUID, slot: Annotated[Code, Path()], body: SlotCount, session: Session, _: Writer, now: Now
) -> None:
    """From here on the shelf's reports are counted on. The store's stock stays: it follows sales and deliveries."""
    await _shelf(session, shelf_id)
    products = await find_products(session, skus=body.pieces)
    if unknown := sorted(body.pieces.keys() - products.keys()):
        raise UnknownSkus("There is no product with one of these skus.", skus=unknown)
    pieces = {products[sku].id: counted for sku, counted in body.pieces.items()}
    await restock.count_slot(session, device_id=shelf_id, slot=slot, pieces=pieces, now=now)


@router.get("/shelves/{shelf_id}/slots", summary="See what lies in a shelf's slots", responses=problems(*OF_STAFF))
async def list_slots(shelf_id: UUID, session: Session, _: Reader) -> list[SlotStockAnswer]:
    """Slots that were never counted are left out."""
    await _shelf(session, shelf_id)
    rows = await session.execute(
        select(SlotStock.slot, Product.sku, SlotStock.pieces, SlotStock.updated_at)
        .join(Product, Product.id == SlotStock.product_id)
        .where(SlotStock.device_id == shelf_id)
        .order_by(SlotStock.slot, Product.sku)
    )
    return [SlotStockAnswer.model_validate(row) for row in rows]


async def _shelf(session: Session, shelf_id: UUID) -> None:
    device = await get_device(session, shelf_id)
    if device.role != DeviceRole.SHELF:
        raise NotAShelf(f"This device is a {device.role}.", role=device.role)
