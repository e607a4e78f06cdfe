"""Cameras that look at people before shelves and screens, over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security

from facepay.catalog.products import find_products
from facepay.channel.sequences import TooManyGaps
from facepay.identity.capture import FRAMES_MAX, UNREADABLE_FRAMES, burst_body, read_burst_form
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Overloaded, Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.uploads import open_form, read_fields
from facepay.shelves.planogram_router import UnknownSkus
from facepay.stores.devices import DeviceNotFound, get_device
from facepay.taste import views
from facepay.taste.lookers import FRAMES_MIN, Burst
from facepay.taste.looks import Audience
from facepay.taste.schemas import LooksAnswer, LooksFields, NewView, Suggestion, ViewAnswer, ViewProduct
from facepay.taste.views import NoCameraForLooks, ViewNotSet

router = Router(prefix="/v1/devices/{device_id}", tags=["taste"])
Reporting = Annotated[Principal, Security(current_device, scopes=["attention:report"])]
Reader = Annotated[Principal, Security(current_staff, scopes=["stores:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["stores:write"])]
OF_STAFF = (Unauthenticated, InsufficientScope, DeviceNotFound)


@router.put(
    "/view",
    summary="Set what is to be seen at a shelf or a display",
    responses=problems(*OF_STAFF, NoCameraForLooks, UnknownSkus),
)
async def set_view(device_id: UUID, body: NewView, session: Session, _: Writer) -> ViewAnswer:
    """The whole view; it takes the place of the one before. Of products within tolerance the nearest counts."""
    products = await find_products(session, skus={product.sku for product in body.products})
    if unknown := sorted({product.sku for product in body.products} - products.keys()):
        raise UnknownSkus("There is no product with one of these skus.", skus=unknown)
    directions = {products[product.sku].id: product.direction for product in body.products}
    await views.set_view(session, device_id=device_id, products=directions)
    return await _shown(session, device_id)


@router.get("/view", summary="See what is to be seen at a shelf or a display", responses=problems(*OF_STAFF))
async def see_view(device_id: UUID, session: Session, _: Reader) -> ViewAnswer:
    await get_device(session, device_id)
    return await _shown(session, device_id)


@router.post(
    "/looks",
    summary="Report a burst of people who look",
    responses=problems(
        Unauthenticated, InsufficientScope, WrongStore, ViewNotSet, TooManyGaps, *UNREADABLE_FRAMES, Overloaded
    ),
    openapi_extra=burst_body(LooksFields, frames_min=FRAMES_MIN, description="In order, at the interval."),
)
async def report_looks(
    device_id: UUID,
    request: Request,
    device: Reporting,
    audience: Annotated[Audience, Depends(made(Audience))],
    now: Now,
) -> LooksAnswer:
    """2 to 10 frames at an interval; bursts that follow each other at once leave no time out.

    The pictures aren't kept. Members who agreed to profiling are recognised, and get what they looked at as theirs; all
    others only raise counts that are nobody's. A number that comes again isn't counted again, so whatever got no answer
    is simply sent once more; what is more than an hour late isn't counted at all.
    """
    acts_as(device, device_id)
    seen = await audience.see(await _read_burst(request), device=device, now=now)
    return LooksAnswer(
        counted=seen.counted,
        lookers=seen.lookers,
        skus=list(seen.skus),
        shown=[Suggestion.model_validate(each) for each in seen.shown],
    )


async def _read_burst(request: Request) -> Burst:
    """Raises FrameMissing, TooManyFrames, BodyTooLarge, UnsupportedMediaType, invalid fields."""
    async with open_form(request, files_max=FRAMES_MAX + 1) as form:
        fields = read_fields(form, LooksFields)
        frames = await read_burst_form(form, frames_min=FRAMES_MIN)
    return Burst(frames, fields.run, fields.sequence, fields.captured_at, fields.interval_ms)


async def _shown(session: Session, device_id: UUID) -> ViewAnswer:
    products = [
        ViewProduct(
            sku=viewed.sku,
            yaw_degrees=viewed.direction.yaw_degrees,
            pitch_degrees=viewed.direction.pitch_degrees,
            tolerance_degrees=viewed.direction.tolerance_degrees,
        )
        for viewed in await views.view_of(session, device_id=device_id)
    ]
    return ViewAnswer(device_id=device_id, products=products)
