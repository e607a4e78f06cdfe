"""Baskets over HTTP: what a visit holds, live, and staff who set it right."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from time import monotonic
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import NotSoldByPiece, ProductNotFound
from facepay.entrance.visits import Visit
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.settings import SettingsOf
from facepay.shelves import corrections
from facepay.shelves.baskets import BasketChange, Standing, live_basket, topic_of
from facepay.shelves.billing import NotCharged, NothingToReturn, Staff
from facepay.shelves.corrections import AlreadyDecided, ChangeNotFound, VisitNotFound
from facepay.shelves.schemas import BasketAnswer, ChangeAnswer, Correction, ReviewDecision
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1", tags=["shelves"])
Reader = Annotated[Principal, Security(current_staff, scopes=["members:read"])]
Reviewer = Annotated[Principal, Security(current_staff, scopes=["reviews:read"])]
Resolver = Annotated[Principal, Security(current_staff, scopes=["reviews:resolve"])]
REFUSALS = (Unauthenticated, InsufficientScope)
OF_MONEY = (*REFUSALS, VisitNotFound, ProductNotFound, NotSoldByPiece, NotCharged, NothingToReturn)
OF_KEY = (IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused)
# Whoever follows a basket comes back then, and shows that they still may.
STREAM_SECONDS = 300.0


async def _visit(visit_id: UUID, session: Session, _: Reader) -> UUID:
    if await session.get(Visit, visit_id) is None:
        raise VisitNotFound("There is no visit with this id.")
    return visit_id


VisitId = Annotated[UUID, Depends(_visit)]


@router.get("/visits/{visit_id}/basket", summary="See a visit's basket", responses=problems(*REFUSALS, VisitNotFound))
async def see_basket(visit_id: VisitId, session: Session) -> BasketAnswer:
    """What the shelves saw taken and not put back, as far as it isn't paid yet."""
    return BasketAnswer.of(visit_id, await live_basket(session, visit_ids=[visit_id]))


@router.get(
    "/visits/{visit_id}/basket/stream",
    summary="Follow a visit's basket",
    response_class=EventSourceResponse,
    responses=problems(*REFUSALS, VisitNotFound),
)
async def stream_basket(
    visit_id: VisitId, database: Db, hub: HubOf, last_event_id: Annotated[str, Header(max_length=64)] = ""
) -> AsyncIterator[ServerSentEvent]:
    """The basket as it is, whenever it changes, as `basket` events. An event's id is a digest of what it shows:
    `Last-Event-ID` leaves out what was seen already. After five minutes the stream ends, to be asked for again.
    """
    ends_at, shown = monotonic() + STREAM_SECONDS, last_event_id
    async with hub.subscribe(topic_of(visit_id)) as changed:
        while (left := ends_at - monotonic()) > 0 and not hub.closing:
            async with database.begin() as session:
                answer = BasketAnswer.of(visit_id, await live_basket(session, visit_ids=[visit_id]))
            digest = hashlib.sha256(answer.model_dump_json().encode()).hexdigest()[:32]
            if digest != shown:
                yield ServerSentEvent(event="basket", id=digest, data=answer)
                shown = digest
            await changed.wait(left)


@router.get(
    "/stores/{store_id}/shelf-reviews",
    summary="List what staff should decide",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_reviews(store_id: UUID, session: Session, _: Reviewer, paging: Paging) -> Page[ChangeAnswer]:
    """Takes and returns of some worth that are unsure, or nobody's, or that shelf and tags disagree about; the newest
    first. Nobody is charged for them until they are decided.
    """
    await get_store(session, store_id)
    in_doubt = BasketChange.for_review & (BasketChange.standing == Standing.DOUBTFUL)
    query = select(BasketChange).where(BasketChange.store_id == store_id, in_doubt)
    return await page(session, query, by=BasketChange.id, paging=paging, show=ChangeAnswer.model_validate)


@router.post(
    "/shelf-reviews/{change_id}",
    summary="Decide what it was",
    response_model=ChangeAnswer,
    responses=problems(*OF_MONEY, *OF_KEY, ChangeNotFound, AlreadyDecided),
)
async def decide_review(
    change_id: UUID,
    body: ReviewDecision,
    request: Request,
    key: RequiredKey,
    staff: Resolver,
    idempotency: IdempotencyOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """Which product, how many, and whose. The basket follows; where the visit has paid already, the difference is
    refunded or charged, and the member is told.
    """

    async def act(session: AsyncSession) -> ChangeAnswer:
        change = await corrections.decide(
            session,
            change_id=change_id,
            sku=body.sku,
            quantity=body.quantity,
            visit_id=body.visit_id,
            staff=Staff(f"staff:{staff.id}", body.note),
            now=now,
            settings=settings,
        )
        return ChangeAnswer.model_validate(change)

    return await idempotency.once(request, owner_id=staff.id, key=key, body=body, act=act)


@router.post(
    "/visits/{visit_id}/basket/corrections",
    summary="Set a basket right",
    status_code=201,
    response_model=ChangeAnswer,
    responses=problems(*OF_MONEY, *OF_KEY),
)
async def correct_basket(
    visit_id: UUID,
    body: Correction,
    request: Request,
    key: RequiredKey,
    staff: Resolver,
    idempotency: IdempotencyOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """Pieces that no shelf told of, or that were never taken: before the payment in the basket, after it as an extra
    charge or a refund.
    """

    async def act(session: AsyncSession) -> ChangeAnswer:
        change = await corrections.correct(
            session,
            visit_id=visit_id,
            sku=body.sku,
            quantity=body.quantity,
            staff=Staff(f"staff:{staff.id}", body.note),
            now=now,
            settings=settings,
        )
        return ChangeAnswer.model_validate(change)

    return await idempotency.once(request, owner_id=staff.id, key=key, body=body, act=act, status=201)
