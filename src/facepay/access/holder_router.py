"""Holders over HTTP: who may pass doors, until when, by which profiles, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access import holders, presence, profiles
from facepay.access.holder_schemas import (
    GivenProfile,
    HolderAnswer,
    HolderChange,
    NewHolder,
    PresenceAnswer,
    ValidTime,
    WhereTheyAre,
    Why,
)
from facepay.access.holders import Holder, HolderExists, HolderKind, HolderNotFound, HolderUnclear
from facepay.access.profiles import ProfileNotFound
from facepay.access.zones import ZoneNotFound
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.members.members import Member, MemberNotFound
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["access"])
Reader = Annotated[Principal, Security(current_staff, scopes=["access:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["access:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post(
    "/stores/{store_id}/holders",
    status_code=201,
    summary="Make a member a holder",
    responses=problems(
        *REFUSALS, StoreNotFound, StoreClosed, MemberNotFound, HolderNotFound, HolderExists, HolderUnclear
    ),
)
async def add_holder(
    store_id: UUID, body: NewHolder, response: Response, session: Session, by: Writer, now: Now
) -> HolderAnswer:
    """Somebody who may pass doors, once they have a profile that lets them. A contractor's or a visitor's time ends at
    `valid_until`, and with it, unless `face_ends` is false, the consent to face recognition: their face is erased.
    """
    fields = body.model_dump(exclude={"member_id"})
    holder = await holders.add_holder(
        session, store_id=store_id, member_id=body.member_id, fields=fields, actor=f"staff:{by.id}", now=now
    )
    response.headers["Location"] = f"/v1/holders/{holder.id}"
    return await shown(session, holder)


@router.get(
    "/stores/{store_id}/holders", summary="List a store's holders", responses=problems(*REFUSALS, StoreNotFound)
)
async def list_holders(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    kind: Annotated[HolderKind | None, Query()] = None,
    member: Annotated[UUID | None, Query(description="Whose.")] = None,
) -> Page[HolderAnswer]:
    """Newest first, those whose time is over too."""
    await get_store(session, store_id)
    query = select(Holder).where(Holder.store_id == store_id)
    if kind is not None:
        query = query.where(Holder.kind == kind)
    if member is not None:
        query = query.where(Holder.member_id == member)
    found = await rows_of_page(session, query, by=Holder.id, paging=paging)
    return found.shown(await _all_shown(session, found.rows))


@router.get("/holders/{holder_id}", summary="See a holder", responses=problems(*REFUSALS, HolderNotFound))
async def see_holder(holder_id: UUID, session: Session, _: Reader) -> HolderAnswer:
    return await shown(session, await holders.get_holder(session, holder_id))


@router.patch(
    "/holders/{holder_id}", summary="Change a holder", responses=problems(*REFUSALS, HolderNotFound, HolderUnclear)
)
async def change_holder(holder_id: UUID, body: HolderChange, session: Session, by: Writer, now: Now) -> HolderAnswer:
    """Only the fields that are sent change. A later end doesn't prolong the consent: the member is asked anew."""
    holder = await holders.change_holder(
        session, holder_id=holder_id, changes=body.sent(), actor=f"staff:{by.id}", now=now
    )
    return await shown(session, holder)


@router.put("/holders/{holder_id}/block", summary="Block a holder", responses=problems(*REFUSALS, HolderNotFound))
async def block_holder(holder_id: UUID, body: Why, session: Session, by: Writer, now: Now) -> HolderAnswer:
    """No door opens for them from now on, whatever they show. Blocking them twice changes nothing."""
    holder = await holders.block_holder(session, holder_id=holder_id, why=body.why, actor=f"staff:{by.id}", now=now)
    return await shown(session, holder)


@router.delete("/holders/{holder_id}/block", summary="Unblock a holder", responses=problems(*REFUSALS, HolderNotFound))
async def unblock_holder(holder_id: UUID, session: Session, by: Writer, now: Now) -> HolderAnswer:
    holder = await holders.unblock_holder(session, holder_id=holder_id, actor=f"staff:{by.id}", now=now)
    return await shown(session, holder)


@router.put(
    "/holders/{holder_id}/profiles/{profile_id}",
    summary="Give a holder an access profile",
    responses=problems(*REFUSALS, HolderNotFound, ProfileNotFound),
)
async def give_profile(
    holder_id: UUID, profile_id: UUID, body: ValidTime, session: Session, by: Writer, now: Now
) -> GivenProfile:
    """It may be another store's. Giving it again sets its time anew."""
    given = await profiles.give_profile(
        session,
        holder_id=holder_id,
        profile_id=profile_id,
        validity=body.validity,
        actor=f"staff:{by.id}",
        now=now,
    )
    return GivenProfile.model_validate(given)


@router.delete(
    "/holders/{holder_id}/profiles/{profile_id}",
    status_code=204,
    summary="Take an access profile from a holder",
    responses=problems(*REFUSALS, HolderNotFound),
)
async def take_profile(holder_id: UUID, profile_id: UUID, session: Session, by: Writer, now: Now) -> None:
    await profiles.take_profile(session, holder_id=holder_id, profile_id=profile_id, actor=f"staff:{by.id}", now=now)


@router.get(
    "/holders/{holder_id}/presence", summary="See where a holder is", responses=problems(*REFUSALS, HolderNotFound)
)
async def see_presence(holder_id: UUID, session: Session, _: Reader) -> PresenceAnswer:
    holder = await holders.get_holder(session, holder_id)
    there = await presence.presence_of(session, holder_id=holder.id)
    return PresenceAnswer.model_validate(there) if there else PresenceAnswer(zone_id=None, since=None, event_id=None)


@router.put(
    "/holders/{holder_id}/presence",
    summary="Say where a holder is",
    responses=problems(*REFUSALS, HolderNotFound, ZoneNotFound),
)
async def place_holder(holder_id: UUID, body: WhereTheyAre, session: Session, by: Writer, now: Now) -> PresenceAnswer:
    """For somebody whom no door saw come or go, and whom anti-passback would hold up: it is in the access log."""
    there = await presence.place(
        session, holder_id=holder_id, zone_id=body.zone_id, why=body.why, actor=f"staff:{by.id}", now=now
    )
    return PresenceAnswer.model_validate(there)


async def shown(session: AsyncSession, holder: Holder) -> HolderAnswer:
    return (await _all_shown(session, [holder]))[0]


async def _all_shown(session: AsyncSession, found: Sequence[Holder]) -> list[HolderAnswer]:
    given = await profiles.profiles_of(session, holder_ids=[holder.id for holder in found])
    member_ids = [holder.member_id for holder in found]
    names_of = dict(
        (await session.execute(select(Member.id, Member.display_name).where(Member.id.in_(member_ids)))).all()
    )
    fields = HolderAnswer.model_fields.keys() - {"name", "profiles"}
    return [
        HolderAnswer.model_validate(
            {
                **{field: getattr(holder, field) for field in fields},
                "name": names_of[holder.member_id],
                "profiles": [GivenProfile.model_validate(each) for each in given[holder.id]],
            }
        )
        for holder in found
    ]
