"""Tickets for staff: all that there were, whose order they are of, and who moved them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kitchen.moves import TicketElsewhere, advance, recall
from facepay.kitchen.schemas import Recall, Step, TicketRecord
from facepay.kitchen.tickets import Ticket, TicketNotFound, TicketState
from facepay.stores.stores import StoreNotFound, get_store

router = Router(prefix="/v1/stores/{store_id}/tickets", tags=["kitchen"])
Reader = Annotated[Principal, Security(current_staff, scopes=["orders:read"])]
Mover = Annotated[Principal, Security(current_staff, scopes=["kitchen:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.get("", summary="List tickets", responses=problems(*REFUSALS, StoreNotFound))
async def list_tickets(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    state: Annotated[TicketState | None, Query(description="Else those that aren't ended.")] = None,
) -> Page[TicketRecord]:
    """The oldest first."""
    await get_store(session, store_id)
    wanted = Ticket.ended_at.is_(None) if state is None else Ticket.state == state
    query = select(Ticket).where(Ticket.store_id == store_id, wanted)
    return await page(session, query, by=Ticket.id, paging=paging, show=TicketRecord.model_validate, oldest_first=True)


@router.post(
    "/{ticket_id}/recall",
    summary="Take a step back for the kitchen",
    responses=problems(*REFUSALS, TicketNotFound, TicketElsewhere),
)
async def recall_ticket(store_id: UUID, ticket_id: UUID, body: Recall, session: Session, _: Mover) -> TicketRecord:
    """As a kitchen screen does."""
    return TicketRecord.model_validate(await recall(session, store_id=store_id, ticket_id=ticket_id, seen=body.state))


@router.post(
    "/{ticket_id}/{step}",
    summary="Move a ticket for the kitchen",
    responses=problems(*REFUSALS, TicketNotFound, TicketElsewhere),
)
async def move_ticket(
    store_id: UUID, ticket_id: UUID, step: Step, session: Session, staff: Mover, now: Now
) -> TicketRecord:
    """As a kitchen screen does."""
    ticket = await advance(
        session, store_id=store_id, ticket_id=ticket_id, to=step.leads_to, by=f"staff:{staff.id}", now=now
    )
    return TicketRecord.model_validate(ticket)
