"""Planograms over HTTP: set by staff, one for each shelf."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from pydantic import AwareDatetime

from facepay.catalog.products import NotSoldByPiece, find_products
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import NotFound, Problem, Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.shelves import planogram
from facepay.shelves.planogram import NotAShelf, Shelf
from facepay.shelves.planogram_schemas import NewPlanogram, PlanogramAnswer
from facepay.stores.devices import DeviceNotFound, get_device

router = Router(prefix="/v1/devices/{device_id}", tags=["shelves"])
Reader = Annotated[Principal, Security(current_staff, scopes=["stores:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["stores:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, DeviceNotFound)


class UnknownSkus(Problem):
    """No product has one of these skus: `skus` says which."""

    status = 422
    code = "unknown_skus"
    title = "Unknown skus"


class PlanogramNotFound(NotFound):
    """No planogram was in force at this shelf then."""

    code = "planogram_not_found"
    title = "No planogram"


@router.put(
    "/planogram",
    summary="Set what lies where on a shelf",
    responses=problems(*REFUSALS, NotAShelf, UnknownSkus, NotSoldByPiece),
)
async def set_planogram(
    device_id: UUID, body: NewPlanogram, session: Session, staff: Writer, now: Now
) -> PlanogramAnswer:
    """The whole shelf, slot by slot; it takes the place of the one before from now on.

    A product may lie in several slots, and several products in one slot. What happened before, and is told late, is
    judged by the planogram that was in force then. Repeating it changes nothing.
    """
    skus = {good.sku for slot in body.slots for good in slot.goods}
    products = await find_products(session, skus=skus)
    if unknown := sorted(skus - products.keys()):
        raise UnknownSkus("There is no product with one of these skus.", skus=unknown)
    if weighed := sorted(sku for sku, product in products.items() if product.sold_by == "weight"):
        raise NotSoldByPiece("A shelf counts pieces.", skus=weighed)
    slots = [slot.as_slot({sku: product.id for sku, product in products.items()}) for slot in body.slots]
    return _shown(
        await planogram.set_planogram(session, device_id=device_id, slots=slots, by=f"staff:{staff.id}", now=now)
    )


@router.get("/planogram", summary="See what lies where on a shelf", responses=problems(*REFUSALS, PlanogramNotFound))
async def see_planogram(
    device_id: UUID,
    session: Session,
    _: Reader,
    now: Now,
    at: Annotated[AwareDatetime | None, Query(description="The one that was in force then; else now.")] = None,
) -> PlanogramAnswer:
    await get_device(session, device_id)
    shelf = await planogram.planogram_of(session, device_id=device_id, at=at or now)
    if shelf is None:
        raise PlanogramNotFound("No planogram was in force at this shelf then.")
    return _shown(shelf)


def _shown(shelf: Shelf) -> PlanogramAnswer:
    return PlanogramAnswer.model_validate(shelf)
