"""Bills over HTTP, for those who wait on parties: policies, who has gone, and who sits at another table now."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.catalog.products import ProductNotFound, get_product, get_product_by_sku
from facepay.dining import departures, moving, settling
from facepay.dining.bill_schemas import (
    BillAnswer,
    DeparturesAnswer,
    DiningPolicyAnswer,
    DiningPolicyRequest,
    EmptySeats,
    GivenUp,
    SplitOff,
    ToTable,
)
from facepay.dining.bills import Split
from facepay.dining.departures import lock_party
from facepay.dining.moving import CannotSplitOff, TooFewSeats
from facepay.dining.parties import Cover, CoverNotFound, Party, PartyNotFound, PartyPaying, get_party
from facepay.dining.party_schemas import PartyAnswer
from facepay.dining.policies import DiningPolicy, keep_policy, policy_of
from facepay.dining.tables import TableNotFound, TableOccupied
from facepay.dining.tabs import tab_of
from facepay.dining.views import view_of
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Problem, Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreClosed, StoreNotFound, get_open_store, get_store

router = Router(prefix="/v1/stores/{store_id}", tags=["dining"])
Reader = Annotated[Principal, Security(current_staff, scopes=["dining:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["dining:write"])]
REFUSALS: tuple[type[Problem], ...] = (Unauthenticated, InsufficientScope)
OF_PARTY = (*REFUSALS, PartyNotFound)


class NoServiceProduct(Problem):
    """A service charge is sold as a product of the shop: name its sku."""

    status = 422
    code = "no_service_product"
    title = "No product for the service"


@router.get("/dining-policy", summary="See what bills go by", responses=problems(*REFUSALS, StoreNotFound))
async def see_policy(store_id: UUID, session: Session, _: Reader) -> DiningPolicyAnswer:
    await get_store(session, store_id)
    return await _shown(session, await policy_of(session, store_id=store_id))


@router.put(
    "/dining-policy",
    summary="Set what bills go by",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, ProductNotFound, NoServiceProduct),
)
async def set_policy(store_id: UUID, body: DiningPolicyRequest, session: Session, _: Writer) -> DiningPolicyAnswer:
    """As a whole, from the next order, bill or departure on."""
    await get_open_store(session, store_id)
    if body.service_basis_points and body.service_sku is None:
        raise NoServiceProduct("Name the product that the service is sold as.")
    product = await get_product_by_sku(session, body.service_sku) if body.service_sku else None
    values = body.model_dump(exclude={"service_sku"}) | {"service_product_id": product.id if product else None}
    return await _shown(session, await keep_policy(session, store_id=store_id, values=values))


@router.get("/parties/{party_id}/bill", summary="See a party's bill", responses=problems(*OF_PARTY))
async def see_bill(
    store_id: UUID, party_id: UUID, session: Session, _: Reader, split: Annotated[Split, Query()] = "seat"
) -> BillAnswer:
    party = await _of_store(session, store_id, party_id)
    return BillAnswer.of(await tab_of(session, party=party), split)


@router.post(
    "/parties/{party_id}/departures",
    summary="Say that some have left their places",
    responses=problems(*OF_PARTY, CoverNotFound),
)
async def depart(
    store_id: UUID, party_id: UUID, body: EmptySeats, session: Session, writer: Writer, now: Now
) -> DeparturesAnswer:
    """What they had is paid, out of what is held for it, unless they are back in the policy's time."""
    party = await _locked(session, store_id, party_id)
    told_by = f"staff:{writer.id}"
    gone = await departures.depart(session, party=party, seats=body.seats, told_by=told_by, now=now)
    return DeparturesAnswer.of(gone, await _covers(session, party))


@router.post(
    "/parties/{party_id}/returns",
    summary="Say that some are back at their places",
    responses=problems(*OF_PARTY, CoverNotFound),
)
async def come_back(store_id: UUID, party_id: UUID, body: EmptySeats, session: Session, _: Writer) -> DeparturesAnswer:
    party = await _locked(session, store_id, party_id)
    await departures.come_back(session, party=party, seats=body.seats)
    gone = await departures.departures_of(session, party_id=party.id)
    return DeparturesAnswer.of(gone, await _covers(session, party))


@router.post(
    "/parties/{party_id}/moves",
    summary="Move a party to a free table",
    responses=problems(*OF_PARTY, TableNotFound, TableOccupied, TooFewSeats),
)
async def move(store_id: UUID, party_id: UUID, body: ToTable, session: Session, _: Writer, now: Now) -> PartyAnswer:
    """Each to the seat of the same number, with all that they have ordered; the old table is free at once."""
    moved = await moving.move_party(session, store_id=store_id, party_id=party_id, table_id=body.table_id, now=now)
    return PartyAnswer.of(await view_of(session, moved))


@router.post(
    "/parties/{party_id}/merges",
    summary="Push another table to a party's",
    responses=problems(*OF_PARTY, PartyPaying, TableNotFound, TableOccupied),
)
async def merge(store_id: UUID, party_id: UUID, body: ToTable, session: Session, _: Writer, now: Now) -> PartyAnswer:
    """Whoever sits there joins it: one bill, and everybody keeps their seat, counted on. What is held stays with whose
    it is.
    """
    party = await moving.merge_table(session, store_id=store_id, party_id=party_id, table_id=body.table_id, now=now)
    return PartyAnswer.of(await view_of(session, party))


@router.post(
    "/parties/{party_id}/splits",
    summary="Give some of a party a table of their own",
    responses=problems(
        *OF_PARTY, PartyPaying, CoverNotFound, TableNotFound, TableOccupied, TooFewSeats, CannotSplitOff
    ),
)
async def split_off(
    store_id: UUID, party_id: UUID, body: SplitOff, session: Session, settings: SettingsOf, _: Writer, now: Now
) -> PartyAnswer:
    """With what they had themselves; what was for the whole table stays. Answers of the new party."""
    leaving = await moving.split_off(
        session,
        store_id=store_id,
        party_id=party_id,
        seats=body.seats,
        table_id=body.table_id,
        now=now,
        settings=settings,
    )
    return PartyAnswer.of(await view_of(session, leaving))


@router.post(
    "/parties/{party_id}/closing",
    status_code=204,
    summary="Close a party that won't pay",
    responses=problems(*OF_PARTY),
)
async def give_up(store_id: UUID, party_id: UUID, body: GivenUp, session: Session, writer: Writer, now: Now) -> None:
    """What is left is taken off, with the reason: it was paid in cash, or nobody will. Holds end, the table is free."""
    party = await _locked(session, store_id, party_id)
    await settling.give_up(session, party=party, reason=body.reason, by=f"staff:{writer.id}", now=now)


async def _shown(session: AsyncSession, policy: DiningPolicy) -> DiningPolicyAnswer:
    service_id = policy.service_product_id
    return DiningPolicyAnswer.of(policy, (await get_product(session, service_id)).sku if service_id else None)


async def _of_store(session: AsyncSession, store_id: UUID, party_id: UUID) -> Party:
    party = await get_party(session, party_id)
    if party.store_id != store_id:
        raise PartyNotFound("This store has no party with this id.")
    return party


async def _locked(session: AsyncSession, store_id: UUID, party_id: UUID) -> Party:
    """Open, its table locked before it."""
    await _of_store(session, store_id, party_id)
    party, _ = await lock_party(session, party_id)
    if not party.is_open:
        raise PartyNotFound("This party has left.")
    return party


async def _covers(session: AsyncSession, party: Party) -> list[Cover]:
    return list(await session.scalars(select(Cover).where(Cover.party_id == party.id)))
