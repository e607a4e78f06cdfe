"""Changing a family: all of it on the word of staff, or of the app that asks them, and with the members it is about
locked, so that no purchase goes on under what doesn't hold any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.families.approvals import FamilyApproval
from facepay.families.families import Family, FamilyMember, FamilyRole, dependants_of, get_dependant, get_family
from facepay.families.refusals import FamilyRefusal
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.members.members import Member, MemberNotFound, MemberStatus, holding
from facepay.notices.notices import NoticeKind, notify_member

DEPENDANTS_MAX = 20


class InFamily(Conflict):
    """A member is in one family at most, and whoever pays for one is nobody's dependant."""

    code = "in_family"
    title = "In a family already"


class FamilyFull(Conflict):
    """The family has as many dependants as it may."""

    code = "family_full"
    title = "Family full"


class FamilyChanged(Conflict):
    """The family was changed at this very moment: try again."""

    code = "family_changed"
    title = "Family changed"


class ConsentNotGiven(Conflict):
    """An adult belongs to a family only if they have agreed to it."""

    code = "family_consent_needed"
    title = "Consent needed"


@dataclass(frozen=True, slots=True)
class Terms:
    """On which a dependant belongs to a family: what they may spend, in minor units, and what a child may not do. An
    adult has `agreed`, as staff say.
    """

    role: FamilyRole
    agreed: bool
    payment_max: int | None
    daily_max: int | None
    blocked_categories: Collection[str]
    blocked_skus: Collection[str]
    hours: dict[str, Any] | None
    age_limited_goods: bool
    web_shops: bool


async def make(session: AsyncSession, *, payer_id: UUID, actor: str, now: datetime) -> Family:
    """A family that this member pays for, and nobody is in yet. Raises MemberNotFound and InFamily."""
    held = await _hold(session, {payer_id})
    await _must_be_free(session, held[payer_id])
    family = Family(id=new_id(), payer_id=payer_id, made_by=actor, created_at=now)
    session.add(family)
    await session.flush()
    return family


async def add(
    session: AsyncSession, *, family_id: UUID, member_id: UUID, terms: Terms, actor: str, now: datetime
) -> FamilyMember:
    """From their next purchase on, the payer pays. Raises FamilyNotFound, MemberNotFound, InFamily, FamilyFull and
    ConsentNotGiven.
    """
    family = await get_family(session, family_id)
    held = await _hold(session, {family.payer_id, member_id})
    family = await get_family(session, family_id)  # it may have been dissolved meanwhile
    await _must_be_free(session, held[member_id])
    if len(await dependants_of(session, family_id=family.id)) >= DEPENDANTS_MAX:
        raise FamilyFull(f"A family has at most {DEPENDANTS_MAX} dependants.", dependants_max=DEPENDANTS_MAX)
    dependant = FamilyMember(member_id=member_id, family_id=family.id, added_at=now)
    _set(dependant, terms, actor, now)
    session.add(dependant)
    held[member_id].payer_id, held[member_id].updated_at = family.payer_id, now
    await session.flush()
    return dependant


async def change(
    session: AsyncSession, *, family_id: UUID, member_id: UUID, terms: Terms, actor: str, now: datetime
) -> FamilyMember:
    """From their next purchase on. Raises FamilyNotFound, MemberNotFound, NotInFamily and ConsentNotGiven."""
    await get_family(session, family_id)
    await _hold(session, {member_id})
    dependant = await get_dependant(session, family_id=family_id, member_id=member_id)
    _set(dependant, terms, actor, now)
    await session.flush()
    return dependant


async def remove(session: AsyncSession, *, family_id: UUID, member_id: UUID, now: datetime) -> None:
    """They pay for themselves from now on. Raises FamilyNotFound, MemberNotFound and NotInFamily."""
    await get_family(session, family_id)
    held = await _hold(session, {member_id})
    await get_dependant(session, family_id=family_id, member_id=member_id)
    await _let_go(session, [held[member_id]], now)


async def dissolve(session: AsyncSession, *, family_id: UUID, now: datetime) -> None:
    """Everybody pays for themselves from now on. Raises FamilyNotFound and FamilyChanged."""
    family = await get_family(session, family_id)
    dependants = {each.member_id for each in await dependants_of(session, family_id=family_id)}
    held = await _hold(session, {family.payer_id, *dependants})
    await get_family(session, family_id)
    await _end(session, family_id, held, dependants, now)


async def leave(session: AsyncSession, *, member_id: UUID, now: datetime) -> Counter[str]:
    """Whoever is about to be erased has no family any more; how many rows went, by table. They, those they pay for and
    whoever pays for them are locked for it, before anything else is. Raises FamilyChanged.
    """
    family_id = await session.scalar(select(Family.id).where(Family.payer_id == member_id))
    dependants = {each.member_id for each in await dependants_of(session, family_id=family_id)} if family_id else set()
    found = await session.scalars(holding({member_id, *dependants}, to_erase=True))
    held = {member.id: member for member in found}
    gone = await _let_go(session, [held[member_id]], now) if member_id in held else Counter[str]()
    return gone + await _end(session, family_id, held, dependants, now) if family_id is not None else gone


async def _hold(session: AsyncSession, member_ids: set[UUID]) -> dict[UUID, Member]:
    """Raises MemberNotFound; an erased member is not found either."""
    held = {member.id: member for member in await session.scalars(holding(member_ids))}
    if any(each not in held or held[each].status == MemberStatus.ERASED for each in member_ids):
        raise MemberNotFound("There is no member with this id.")
    return held


async def _must_be_free(session: AsyncSession, member: Member) -> None:
    pays = await session.scalar(select(Family.id).where(Family.payer_id == member.id))
    if member.payer_id is not None or pays is not None:
        raise InFamily("This member is in a family already.")


def _set(dependant: FamilyMember, terms: Terms, actor: str, now: datetime) -> None:
    values = asdict(terms)
    agreed = values.pop("agreed")
    if terms.role == FamilyRole.ADULT and not (agreed or dependant.consent_noted_by):
        raise ConsentNotGiven("An adult has to agree to it.")
    for name, value in values.items():
        setattr(dependant, name, value)
    if agreed and dependant.consent_noted_by is None:
        dependant.consent_noted_by = actor
    dependant.changed_by, dependant.changed_at = actor, now


async def _end(
    session: AsyncSession, family_id: UUID, held: dict[UUID, Member], dependants: set[UUID], now: datetime
) -> Counter[str]:
    """The payer is locked, so nobody is added meanwhile; whoever was, before that, isn't locked."""
    if {each.member_id for each in await dependants_of(session, family_id=family_id)} - dependants:
        raise FamilyChanged("Somebody was added to this family at this very moment.")
    gone = await _let_go(session, [held[each] for each in sorted(dependants)], now)
    await session.execute(delete(Family).where(Family.id == family_id))
    return gone + Counter(family=1)


async def _let_go(session: AsyncSession, members: list[Member], now: datetime) -> Counter[str]:
    ids = [member.id for member in members]
    gone = Counter[str]()
    for table in (FamilyApproval, FamilyRefusal, FamilyMember):
        deleted = await session.scalars(delete(table).where(table.member_id.in_(ids)).returning(table.member_id))
        gone[table.__tablename__] = len(deleted.all())
    for member in (each for each in members if each.payer_id is not None):
        member.payer_id, member.updated_at = None, now
        await notify_member(session, member_id=member.id, kind=NoticeKind.FAMILY_LEFT, now=now)
    await session.flush()
    return +gone
