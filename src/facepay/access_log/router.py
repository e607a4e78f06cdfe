"""The access log over HTTP: who wanted to pass where, what was decided and why, to look through and to take along."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Security
from fastapi.responses import StreamingResponse
from pydantic import Field
from sqlalchemy.orm import selectinload

from facepay.access_log.export import FORMS, AccessEventAnswer, exported
from facepay.access_log.log import LOG, AccessEvent, NewEvent, Person, write
from facepay.access_log.search import Sought
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1", tags=["access"])
Reader = Annotated[Principal, Security(current_staff, scopes=["access:read"])]
Exporter = Annotated[Principal, Security(current_staff, scopes=["access:export"])]
SoughtEvents = Annotated[Sought, Depends(made(Sought))]
REFUSALS = (Unauthenticated, InsufficientScope, StoreNotFound)


class ChainAnswer(Answer):
    number: Annotated[int, Field(description="Of the last link; 0: nothing is sealed yet.")]
    hash: Annotated[str | None, Field(description="SHA-256, in hexadecimal.")]
    waiting: Annotated[int, Field(description="How many places of events aren't sealed yet: seconds of them.")]


@router.get("/stores/{store_id}/access-events", summary="Look through the access log", responses=problems(*REFUSALS))
async def list_access_events(
    store_id: UUID, session: Session, _: Reader, sought: SoughtEvents, paging: Paging
) -> Page[AccessEventAnswer]:
    """Newest first. Of somebody who was erased, it says that they took part, and no more."""
    await get_store(session, store_id)
    query = sought.query().options(selectinload(AccessEvent.persons))
    return await page(session, query, by=AccessEvent.id, paging=paging, show=AccessEventAnswer.model_validate)


@router.get(
    "/stores/{store_id}/access-events/export",
    summary="Export the access log",
    response_class=StreamingResponse,
    responses={
        200: {"content": {form: {"schema": {"type": "string"}} for form in FORMS.values()}},
        **problems(*REFUSALS),
    },
)
async def export_access_events(
    store_id: UUID,
    database: Db,
    exporter: Exporter,
    sought: SoughtEvents,
    now: Now,
    form: Annotated[Literal["ndjson", "csv"], Query(alias="format")] = "ndjson",
) -> StreamingResponse:
    """Oldest first, one event a line. That it was exported, by whom and what was asked for, is an event too."""
    # Whom it was asked about is of a person: it may not stand in a record that can't forget.
    about = [Person(sought.member)] if sought.member else []
    asked = sought.worded() | {"format": form}
    export = NewEvent("export", store_id, "exported", f"staff:{exporter.id}", persons=about, details=asked)
    async with database.begin() as session:
        await get_store(session, store_id)
        await write(session, export, now=now)
    return StreamingResponse(
        exported(database, sought=sought, form=form),
        media_type=FORMS[form],
        headers={
            "Content-Disposition": f'attachment; filename="access-events.{form}"',
            "Cache-Control": "no-store",
        },
    )


@router.get(
    "/access-events/chain",
    summary="See how far the access log is sealed",
    responses=problems(Unauthenticated, InsufficientScope),
)
async def see_chain(session: Session, _: Reader) -> ChainAnswer:
    """The head of the chain that every store's events are in. Kept elsewhere, it shows later whether the log was
    changed or cut short: `facepay access verify --head` proves it.
    """
    return ChainAnswer.model_validate(await LOG.state(session))
