"""A session at a mirror over HTTP: sizes, outfits and their cards, what is said, asked for, and what it would cost."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from fastapi import Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.fitting import asking, baskets, saying
from facepay.fitting.asking import NotHere, TooManyRequests
from facepay.fitting.baskets import CannotPrice
from facepay.fitting.calls import KEYED, OF_SESSION, AtMirrorOf
from facepay.fitting.cards import SIDE_PX_MAX, SIDE_PX_MIN, SIZE, outfit_card, palette_card
from facepay.fitting.garment_schemas import Occasion
from facepay.fitting.garments import GarmentNotFound
from facepay.fitting.requests import FittingRequest, RequestNotFound
from facepay.fitting.schemas import (
    BasketAnswer,
    BasketWanted,
    OutfitAnswer,
    OutfitsAnswer,
    PieceWanted,
    Said,
    SaidAnswer,
    Sizes,
)
from facepay.fitting.session_schemas import RequestAnswer
from facepay.fitting.sessions import OutfitNotFound
from facepay.fitting.wardrobe import advise, wardrobe_of
from facepay.kernel.errors import NotFound
from facepay.kernel.idempotency import RequiredKey
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import AMOUNT_MAX
from facepay.stores.stores import StoreClosed, get_store

router = Router(prefix="/v1/mirrors/{device_id}/sessions/{session_id}", tags=["fitting"])
Side = Annotated[int, Query(ge=SIDE_PX_MIN, le=SIDE_PX_MAX, description="In pixels.")]
PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}


class NothingRead(NotFound):
    """No colours were read in this session: by a pass, or from a picture that didn't do."""

    code = "no_colours_read"
    title = "No colours read"


@router.put("/sizes", status_code=204, summary="Say what somebody wears", responses=problems(*OF_SESSION))
async def say_sizes(session_id: UUID, body: Sizes, at: AtMirrorOf) -> None:
    """For this session alone; all that were said before are replaced."""
    async with at.database.begin() as session:
        fitting = await at.use(session, session_id)
        fitting.remember(replace(fitting.remembered, sizes=body.sizes))


@router.get("/outfits", summary="Advise outfits", responses=problems(*OF_SESSION, StoreClosed))
async def advise_outfits(
    session_id: UUID,
    at: AtMirrorOf,
    occasion: Annotated[Occasion | None, Query(description="Only what is worn for it.")] = None,
    budget: Annotated[int | None, Query(ge=1, le=AMOUNT_MAX, description="For all of it, in minor units.")] = None,
) -> OutfitsAnswer:
    """Up to three whole outfits of what is here, in the person's sizes where these are known, by harmony of colours,
    what suits theirs, and what they like. Their numbers count on: those of the outfits before name nothing any more.
    """
    async with at.database.read() as session:
        fitting = await at.session(session, session_id)
        wardrobe = await wardrobe_of(session, fitting, settings=at.settings, now=at.now)
    work = partial(advise, wardrobe, fitting.remembered, occasion=occasion, budget=budget)
    found = await to_thread.run_sync(work)
    async with at.database.begin() as session:
        fitting = await at.use(session, session_id)
        memory = fitting.remembered.advised(found)
        fitting.remember(memory)
    return OutfitsAnswer(
        outfits=[
            OutfitAnswer.of(outfit, number, wardrobe)
            for number, outfit in enumerate(memory.outfits, start=memory.first_number)
        ],
        currency=wardrobe.store.currency,
        tier=wardrobe.tier.name if wardrobe.tier else None,
        sizes=dict(wardrobe.sizes),
        occasions=wardrobe.occasions,
        profiled=wardrobe.knows,
    )


@router.get(
    "/outfits/{number}.png",
    summary="Show an outfit",
    response_class=Response,
    responses=PNG | problems(*OF_SESSION, OutfitNotFound),
)
async def show_outfit(
    session_id: UUID, number: int, at: AtMirrorOf, width: Side = SIZE[0], height: Side = SIZE[1]
) -> Response:
    """A picture for the screen, which nobody may keep."""
    async with at.database.read() as session:
        fitting = await at.session(session, session_id)
        outfit = fitting.remembered.outfit(number)
        currency = (await get_store(session, fitting.store_id)).currency
    return _png(await to_thread.run_sync(partial(outfit_card, outfit, currency=currency, size=(width, height))))


@router.get(
    "/palette.png",
    summary="Show somebody's colours",
    response_class=Response,
    responses=PNG | problems(*OF_SESSION, NothingRead),
)
async def show_palette(session_id: UUID, at: AtMirrorOf, width: Side = SIZE[0], height: Side = SIZE[1]) -> Response:
    """The colours that were read, and some that suit them."""
    async with at.database.read() as session:
        appearance = (await at.session(session, session_id)).remembered.appearance
    if appearance is None:
        raise NothingRead("No colours were read in this session.")
    return _png(await to_thread.run_sync(partial(palette_card, appearance, size=(width, height))))


@router.post(
    "/feedback",
    summary="Say what somebody thinks of a garment or an outfit",
    responses=problems(*OF_SESSION, GarmentNotFound, OutfitNotFound),
)
async def say(session_id: UUID, body: Said, at: AtMirrorOf) -> SaidAnswer:
    """A garment that is disliked doesn't come again in any size; an outfit that is, doesn't as a whole. What is liked,
    or tried on, has more like it come. Beyond this session only that of members is kept who agreed to profiling.
    """
    async with at.database.begin() as session:
        fitting = await at.use(session, session_id)
        told = (
            partial(saying.say_of_garment, sku=body.sku)
            if body.sku
            else partial(saying.say_of_outfit, number=body.outfit or 0)
        )
        return SaidAnswer(learnt=await told(session, fitting, verdict=body.verdict, now=at.now))


@router.post(
    "/requests",
    status_code=201,
    summary="Ask staff for a garment",
    response_model=RequestAnswer,
    responses=problems(*KEYED, *OF_SESSION, GarmentNotFound, NotHere, TooManyRequests),
)
async def ask_for(session_id: UUID, body: PieceWanted, at: AtMirrorOf, key: RequiredKey) -> Any:
    """By sku, or by style, size and colour. What is on its way already isn't asked for twice.

    Where none is left, `not_here` says which sizes are here, and which other stores have it. A piece is promised to one
    mirror; but nobody holds it for them, so it may be sold at a till before it is fetched.
    """

    async def act(session: AsyncSession) -> RequestAnswer:
        fitting = await at.use(session, session_id)
        wanted = await asking.variant_wanted(session, fitting, **body.model_dump())
        request = await asking.ask_for(session, fitting, wanted=wanted, now=at.now)
        return RequestAnswer.from_row(request, accepted_by=None)

    return await at.once(key, body, act, status=201)


@router.delete(
    "/requests/{request_id}",
    status_code=204,
    summary="Take a request back",
    responses=problems(*OF_SESSION, RequestNotFound),
)
async def take_back(session_id: UUID, request_id: UUID, at: AtMirrorOf) -> None:
    """While it isn't here yet; staff see at once that nobody waits for it."""
    async with at.database.begin() as session:
        fitting = await at.use(session, session_id)
        await asking.take_back(session, fitting, await session.get(FittingRequest, request_id), now=at.now)


@router.post("/basket", summary="See what it would cost", responses=problems(*OF_SESSION, CannotPrice, StoreClosed))
async def see_basket(session_id: UUID, body: BasketWanted, at: AtMirrorOf) -> BasketAnswer:
    """What was brought, or the lines that are sent, as the member would pay for it now: tier, coupons and points taken
    off. To pay, send the lines and a face to the kiosks' `/v1/kiosks/{device_id}/checkouts` with the mirror's token.
    """
    async with at.database.begin() as session:
        fitting = await at.use(session, session_id)
        quantities = body.quantities() or await baskets.suggested(session, fitting)
        quote = await baskets.quoted(
            session, fitting, quantities=quantities, wish=body.wish(), now=at.now, settings=at.settings
        )
    return BasketAnswer.of(quote)


def _png(picture: bytes) -> Response:
    return Response(picture, media_type="image/png", headers={"Cache-Control": "no-store"})
