"""The muster list over HTTP, as a file, and as a page to print."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import Response, Security
from pydantic import Field

from facepay.access import muster
from facepay.access.muster import Kind
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.pages import page_router
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.stores.stores import StoreNotFound, get_store

router = Router()
Reader = Annotated[Principal, Security(current_staff, scopes=["access:read"])]
REFUSALS = (Unauthenticated, InsufficientScope, StoreNotFound)
NOT_KEPT = {"Cache-Control": "no-store"}


class PersonInsideAnswer(Answer):
    member_id: UUID
    name: str
    kind: Kind
    company: str | None
    guests: Annotated[int, Field(description="Who is with them, unnamed.")]
    since: datetime


class ZoneInsideAnswer(Answer):
    zone_id: Annotated[UUID | None, Field(description="None: the shop floor.")]
    name: str | None
    count: Annotated[int, Field(description="People, guests among them.")]
    people: list[PersonInsideAnswer]


class MusterAnswer(Answer):
    store_id: UUID
    store: str
    timezone: str
    at: datetime
    count: int
    zones: list[ZoneInsideAnswer]


@router.get("/v1/stores/{store_id}/muster", tags=["access"], summary="See who is inside", responses=problems(*REFUSALS))
async def see_muster(store_id: UUID, response: Response, session: Session, _: Reader, now: Now) -> MusterAnswer:
    """Per zone, and on the shop floor. To print it, open the page `/muster`."""
    store = await get_store(session, store_id)
    zones = await muster.muster(session, store_id=store_id)
    response.headers.update(NOT_KEPT)
    return MusterAnswer(
        store_id=store_id,
        store=store.name,
        timezone=store.timezone,
        at=now,
        count=sum(zone.count for zone in zones),
        zones=[ZoneInsideAnswer.model_validate(zone) for zone in zones],
    )


@router.get(
    "/v1/stores/{store_id}/muster/csv",
    tags=["access"],
    summary="See who is inside, as a file",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **problems(*REFUSALS)},
)
async def export_muster(store_id: UUID, session: Session, _: Reader) -> Response:
    await get_store(session, store_id)
    text = muster.as_csv(await muster.muster(session, store_id=store_id))
    headers = NOT_KEPT | {"Content-Disposition": 'attachment; filename="muster.csv"'}
    return Response(text, media_type="text/csv", headers=headers)


router.include_router(page_router("/muster", Path(__file__).parent / "pages" / "muster"))
