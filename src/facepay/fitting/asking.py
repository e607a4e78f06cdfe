"""Bring me size M: a piece is asked for once, and only where there is one that nobody else was promised."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.stock import hold_stock
from facepay.fitting.availability import Variant, elsewhere, variants
from facepay.fitting.garments import GarmentNotFound
from facepay.fitting.requests import OPEN, REQUESTED, FittingRequest, RequestNotFound, RequestState, cancel_open, tell
from facepay.fitting.sessions import FittingSession
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id

OPEN_MAX = 10


class NotHere(Conflict):
    """None is left here: `sizes_here` are the sizes of it that are, `stores` the chain's others that have it."""

    code = "not_here"
    title = "Not here"


class TooManyRequests(Conflict):
    """So many pieces are on their way to this mirror already."""

    code = "too_many_requests_open"
    title = "Too many requests"


async def variant_wanted(
    session: AsyncSession,
    fitting: FittingSession,
    *,
    sku: str | None,
    style: str | None,
    size: str | None,
    colour: str | None,
) -> Variant:
    """By its sku, or by style, size and colour; where several fit, one that is here. Raises GarmentNotFound and
    NotHere.
    """
    of_style = await variants(session, store_id=fitting.store_id, sku=sku, style=style)
    if sku is not None and of_style:
        return of_style[0]
    of_colour = [each for each in of_style if colour is None or each.garment.colour == colour]
    fitting_ones = [each for each in of_colour if size is None or (each.garment.size or "").lower() == size.lower()]
    if not of_colour:
        raise GarmentNotFound("There is no such garment.")
    if not fitting_ones:
        raise NotHere("It isn't made in this size.", sizes_here=_sizes(of_colour), stores=[])
    return max(fitting_ones, key=lambda each: (each.is_here, each.garment.product_id))


async def ask_for(session: AsyncSession, fitting: FittingSession, *, wanted: Variant, now: datetime) -> FittingRequest:
    """A new request, or the one that is on its way already. Raises NotHere and TooManyRequests.

    The caller uses the session; stock is locked, so that of two mirrors one gets the last piece.
    """
    garment = wanted.garment
    await hold_stock(session, store_id=fitting.store_id, product_ids=[garment.product_id])
    if known := await session.scalar(_open(fitting).where(FittingRequest.product_id == garment.product_id)):
        return known
    [variant] = await variants(session, store_id=fitting.store_id, sku=garment.sku)
    if not variant.is_here:
        style = await variants(session, store_id=fitting.store_id, style=garment.style)
        stores = await elsewhere(session, store_id=fitting.store_id, product_ids=[garment.product_id])
        raise NotHere(
            "None of it is left here.",
            sizes_here=_sizes([each for each in style if each.garment.colour == garment.colour]),
            stores=[{"id": str(each.store_id), "name": each.name, "address": each.address} for each in stores],
        )
    if (await session.scalar(select(func.count()).select_from(_open(fitting).subquery())) or 0) >= OPEN_MAX:
        raise TooManyRequests("Please wait until some of it is there.", open_max=OPEN_MAX)
    request = FittingRequest(
        id=new_id(),
        store_id=fitting.store_id,
        device_id=fitting.device_id,
        session_id=fitting.id,
        product_id=garment.product_id,
        state=RequestState.ASKED,
        asked_at=now,
    )
    session.add(request)
    await tell(session, request, REQUESTED, now=now)
    await session.refresh(request, ["garment", "mirror"])
    return request


async def take_back(
    session: AsyncSession, fitting: FittingSession, request: FittingRequest | None, *, now: datetime
) -> None:
    """Nobody wants it any more. Raises RequestNotFound where it isn't on its way. The caller uses the
    session."""
    if request is None or request.session_id != fitting.id or request.state not in OPEN:
        raise RequestNotFound("No request of this id is on its way to this mirror.")
    await cancel_open(session, session_id=fitting.id, only=request.id, now=now)


def _open(fitting: FittingSession) -> Select[FittingRequest]:
    return select(FittingRequest).where(FittingRequest.session_id == fitting.id, FittingRequest.state.in_(OPEN))


def _sizes(found: list[Variant]) -> list[str]:
    return [each.garment.size for each in found if each.is_here and each.garment.size]
