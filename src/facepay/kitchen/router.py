"""Kitchen screens and boards over HTTP: devices of the store, which see what and never who."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, current_device, still_current
from facepay.kernel.clock import Clock, Now, get_clock
from facepay.kernel.database import Db, Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.hub import HubOf
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.watching import Watch
from facepay.kitchen.board import Board, board_of
from facepay.kitchen.moves import TicketElsewhere, advance, recall
from facepay.kitchen.schemas import BoardAnswer, Recall, Step, TicketAnswer
from facepay.kitchen.tickets import Ticket, TicketNotFound, TicketState, topic_of
from facepay.stores.devices import topic_of as topic_of_device

router = Router(prefix="/v1/stores/{store_id}", tags=["kitchen"])
BOARD = "board:read"
Kitchen = Annotated[Principal, Security(current_device, scopes=["kitchen:work"])]
Screen = Annotated[Principal, Security(current_device, scopes=[BOARD])]
REFUSALS = (Unauthenticated, InsufficientScope, WrongStore)
# Whoever cooks has to hear that they may stop.
STOPPED_SHOWN_FOR = timedelta(minutes=5)


def _stands_in(device: Principal, store_id: UUID) -> None:
    if device.store != store_id:
        raise WrongStore("This token belongs to a device of another store.")


@dataclass(frozen=True, slots=True)
class AtKitchen:
    """A kitchen screen at work. Raises WrongStore at another store's."""

    store_id: UUID
    device: Kitchen
    session: Session
    now: Now

    def __post_init__(self) -> None:
        _stands_in(self.device, self.store_id)


AtKitchenOf = Annotated[AtKitchen, Depends(made(AtKitchen))]


@router.get("/kitchen/tickets", summary="List what is to be prepared", responses=problems(*REFUSALS))
async def list_tickets(at: AtKitchenOf, paging: Paging) -> Page[TicketAnswer]:
    """The oldest first. One that was cancelled while somebody cooked it stays for five minutes, to be seen; a table's
    later courses come when they are due.
    """
    stopped = and_(
        Ticket.state == TicketState.CANCELLED,
        Ticket.started_at.is_not(None),
        Ticket.ended_at > at.now - STOPPED_SHOWN_FOR,
    )
    due = Ticket.ended_at.is_(None) & (Ticket.state != TicketState.HELD)
    query = select(Ticket).where(Ticket.store_id == at.store_id, or_(due, stopped))
    show = TicketAnswer.model_validate
    return await page(at.session, query, by=Ticket.id, paging=paging, show=show, oldest_first=True)


@router.post(
    "/kitchen/tickets/{ticket_id}/recall",
    summary="Take a step back that was pressed by mistake",
    responses=problems(*REFUSALS, TicketNotFound, TicketElsewhere),
)
async def recall_ticket(ticket_id: UUID, body: Recall, at: AtKitchenOf) -> TicketAnswer:
    """Pressed twice, it goes back once."""
    ticket = await recall(at.session, store_id=at.store_id, ticket_id=ticket_id, seen=body.state)
    return TicketAnswer.model_validate(ticket)


@router.post(
    "/kitchen/tickets/{ticket_id}/{step}",
    summary="Say that a ticket is begun, ready or collected",
    responses=problems(*REFUSALS, TicketNotFound, TicketElsewhere),
)
async def move_ticket(ticket_id: UUID, step: Step, at: AtKitchenOf) -> TicketAnswer:
    """One step at a time, and each once: repeating it, on whichever screen, changes nothing.

    Whoever ordered is told when it is ready.
    """
    ticket = await advance(
        at.session, store_id=at.store_id, ticket_id=ticket_id, to=step.leads_to, by=f"device:{at.device.id}", now=at.now
    )
    return TicketAnswer.model_validate(ticket)


async def _watch_board(
    store_id: UUID,
    request: Request,
    screen: Screen,
    database: Db,
    hub: HubOf,
    clock: Annotated[Clock, Depends(get_clock)],
) -> Watch[Board]:
    _stands_in(screen, store_id)

    async def look(session: AsyncSession) -> Board:
        return await board_of(session, store_id=store_id, now=clock())

    topics = topic_of(store_id), topic_of_device(screen.id)
    return Watch(database, hub, topics, look, partial(still_current, request, BOARD))


BoardWatch = Annotated[Watch[Board], Depends(_watch_board)]


@router.get("/board", summary="See which orders are ready", responses=problems(*REFUSALS))
async def see_board(watch: BoardWatch) -> BoardAnswer:
    return BoardAnswer.model_validate(await watch.see())


@router.get(
    "/board/events",
    summary="Follow which orders are ready",
    response_class=EventSourceResponse,
    responses=problems(*REFUSALS),
)
async def follow_board(watch: BoardWatch) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named `board`: the whole of it at first, at each change, and every ten seconds in any case,
    so that a screen knows when it is no longer told. The stream ends when the device is revoked or its token rotated.
    """
    async for board in watch.follow():
        yield ServerSentEvent(event="board", data=BoardAnswer.model_validate(board))
