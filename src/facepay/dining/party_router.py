"""Parties over HTTP, for those who wait on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining import changing, correcting, ordering
from facepay.dining.changing import ItemNotFound, ItemPaid
from facepay.dining.correcting import CoverHasOrdered, SeatTaken
from facepay.dining.order_router import AGES, CHANGED, SEATED, UNFIT
from facepay.dining.order_schemas import ItemChange, OrderedAnswer, StaffOrder, Voiding
from facepay.dining.parties import CoverNotFound, Party, PartyNotFound, get_party, tell
from facepay.dining.party_schemas import CoverChange, PartyAnswer, PartyChange
from facepay.dining.seating import NoSuchSeat
from facepay.dining.views import view_of, views_of
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Problem, Unauthenticated
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kitchen import courses
from facepay.members.members import MemberNotFound
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreNotFound, get_store

READ, WRITE = "dining:read", "dining:write"
Reader = Annotated[Principal, Security(current_staff, scopes=[READ])]
Writer = Annotated[Principal, Security(current_staff, scopes=[WRITE])]
REFUSALS: tuple[type[Problem], ...] = (Unauthenticated, InsufficientScope)
router = Router(prefix="/v1/stores/{store_id}", tags=["dining"])


@dataclass(frozen=True, slots=True)
class AtParty:
    """Staff who wait on a party."""

    store_id: UUID
    party_id: UUID
    staff: Writer
    session: Session
    settings: SettingsOf
    now: Now

    @property
    def by(self) -> str:
        return f"staff:{self.staff.id}"

    async def hold(self) -> Party:
        return await _party(self.session, self.store_id, self.party_id, lock=True)

    async def shown(self, party: Party) -> PartyAnswer:
        return PartyAnswer.of(await view_of(self.session, party))


AtPartyOf = Annotated[AtParty, Depends(made(AtParty))]


@router.get("/parties", summary="List parties", responses=problems(*REFUSALS, StoreNotFound))
async def list_parties(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    closed: Annotated[bool, Query(description="Those that have left, instead of those that sit there.")] = False,
) -> Page[PartyAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    over = Party.closed_at.is_not(None) if closed else Party.closed_at.is_(None)
    query = select(Party).where(Party.store_id == store_id, over)
    found = await rows_of_page(session, query, by=Party.id, paging=paging)
    shown = [PartyAnswer.of(view) for view in await views_of(session, found.rows)]
    return found.shown(shown)


@router.get("/parties/{party_id}", summary="See a party", responses=problems(*REFUSALS, PartyNotFound))
async def see_party(store_id: UUID, party_id: UUID, session: Session, _: Reader) -> PartyAnswer:
    return PartyAnswer.of(await view_of(session, await _party(session, store_id, party_id)))


@router.patch(
    "/parties/{party_id}", summary="Say who hosts a party", responses=problems(*REFUSALS, *SEATED, CoverNotFound)
)
async def change_party(body: PartyChange, at: AtPartyOf) -> PartyAnswer:
    """They answer for guests and for the table, from the next order on."""
    party = await at.hold()
    await correcting.name_host(at.session, party=party, seat=body.host_seat)
    return await at.shown(party)


@router.patch(
    "/parties/{party_id}/covers/{cover_id}",
    summary="Say who sits where",
    responses=problems(*REFUSALS, *SEATED, CoverNotFound, NoSuchSeat, SeatTaken, MemberNotFound, CoverHasOrdered),
)
async def correct_cover(cover_id: UUID, body: CoverChange, at: AtPartyOf) -> PartyAnswer:
    """Another seat at any time; another member, or a guest, only while they have ordered nothing."""
    party = await at.hold()
    await correcting.correct_cover(at.session, party=party, cover_id=cover_id, changes=body.sent())
    return await at.shown(party)


@router.delete(
    "/parties/{party_id}/covers/{cover_id}",
    summary="Say that nobody sits there",
    responses=problems(*REFUSALS, *SEATED, CoverNotFound, CoverHasOrdered),
)
async def remove_cover(cover_id: UUID, at: AtPartyOf) -> PartyAnswer:
    """Of somebody who only stood there when the camera looked."""
    party = await at.hold()
    await correcting.remove_cover(at.session, party=party, cover_id=cover_id, now=at.now)
    return await at.shown(party)


@router.post(
    "/parties/{party_id}/orders",
    summary="Take an order",
    response_model=OrderedAnswer,
    responses=problems(
        *REFUSALS,
        IdempotencyKeyMissing,
        IdempotencyKeyInUse,
        IdempotencyKeyReused,
        *SEATED,
        CoverNotFound,
        *UNFIT,
        *AGES,
    ),
)
async def take_order(
    store_id: UUID,
    party_id: UUID,
    body: StaffOrder,
    request: Request,
    staff: Writer,
    idempotency: IdempotencyOf,
    settings: SettingsOf,
    now: Now,
    key: RequiredKey,
) -> Any:
    """As the table's screen does, and for guests also what nobody too young may have."""

    async def act(session: AsyncSession) -> OrderedAnswer:
        party = await _party(session, store_id, party_id, lock=True)
        items = await ordering.order(
            session,
            party=party,
            seat=body.seat,
            wishes=body.wishes(),
            age_checked=body.age_checked,
            now=now,
            settings=settings,
        )
        return OrderedAnswer.of(await view_of(session, party), {item.id for item in items})

    return await idempotency.once(request, owner_id=staff.id, key=key, body=body, act=act)


@router.patch(
    "/parties/{party_id}/items/{item_id}",
    summary="Change what was ordered, for the party",
    responses=problems(*REFUSALS, *CHANGED, *UNFIT),
)
async def change_item(item_id: UUID, body: ItemChange, at: AtPartyOf) -> PartyAnswer:
    """Until the kitchen begins with it."""
    party = await at.hold()
    second = body.second()
    await changing.change_item(
        at.session, party=party, item_id=item_id, second=second, now=at.now, settings=at.settings
    )
    return await at.shown(party)


@router.post(
    "/parties/{party_id}/items/{item_id}/void",
    summary="Take something off the bill",
    responses=problems(*REFUSALS, *SEATED, ItemNotFound, ItemPaid),
)
async def void_item(item_id: UUID, body: Voiding, at: AtPartyOf) -> PartyAnswer:
    """However far it is. The kitchen is told to stop; who did it and why stays on record."""
    party = await at.hold()
    await changing.void_item(at.session, party=party, item_id=item_id, by=at.by, why=body.reason, now=at.now)
    return await at.shown(party)


@router.post(
    "/parties/{party_id}/courses/{course}/fire",
    summary="Have a course cooked now",
    responses=problems(*REFUSALS, PartyNotFound),
)
async def fire_course(course: int, at: AtPartyOf) -> PartyAnswer:
    """It doesn't wait any longer for the one before it. Repeating it changes nothing."""
    party = await at.hold()
    await courses.fire(at.session, party_id=party.id, course=course, now=at.now)
    await tell(at.session, party)
    return await at.shown(party)


async def _party(session: AsyncSession, store_id: UUID, party_id: UUID, *, lock: bool = False) -> Party:
    party = await get_party(session, party_id, lock=lock)
    if party.store_id != store_id:
        raise PartyNotFound("This store has no party with this id.")
    return party
