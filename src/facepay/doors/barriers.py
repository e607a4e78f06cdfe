"""Why people may not pass although they are who they say. The first reason is the one that is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.credentials import Credential
from facepay.access.holders import Holder
from facepay.access.presence import Presence, count_inside
from facepay.access.profiles import NotAllowed, may_pass
from facepay.access.zones import Zone
from facepay.access_log.log import AccessEvent
from facepay.doors.kinds import SEEN_IN_TWO_STORES
from facepay.doors.places import Case, Place
from facepay.members.members import Member, MemberStatus

STORES_APART = timedelta(minutes=1)  # nobody gets from one store to another in less


@dataclass(frozen=True, slots=True)
class Against:
    """`barriers` refuse; `noted` is what somebody should look at though they pass."""

    barriers: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the doors of this store saw somebody last, and when; in no zone: outside, or in another store."""

    zone_id: UUID | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Passer:
    """Somebody who has proven who they are; `was` is None where no door has seen them yet."""

    holder: Holder
    is_active: bool
    was: Whereabouts | None
    let_in_by: UUID | None  # the store whose door saw them last


async def against(session: AsyncSession, case: Case) -> Against:
    """The holders' rows are locked, so that nobody is in two places; the zone's is here, where its room is counted.

    A QR code is copied easily, so that nobody comes in by an invitation whose visitor is in, whatever the zone says.
    """
    place = case.place
    passers = await _passers(session, place, case.named)
    barriers = await _taken_back(session, case)
    for passer in passers:
        if reason := await _standing_fault(session, place, passer):
            barriers.append(reason)
    alone = [case.needs_escort(each.holder) or not each.holder.may_escort for each in passers]
    if all(alone) and any(case.needs_escort(each.holder) for each in passers):
        barriers.append("escort_needed")
    noted = [SEEN_IN_TWO_STORES.name] if any(_was_just_elsewhere(each, place) for each in passers) else []
    if place.point.to_zone_id is None:
        return Against(tuple(barriers), tuple(noted))
    zone = await session.get_one(Zone, place.point.to_zone_id, populate_existing=True)
    invited = {each.holder_id for each in case.given if each.factor == "invitation"}
    for passer in passers:
        if fault := _passback(zone, place, passer):
            (noted if zone.anti_passback == "soft" else barriers).append(fault)
        elif passer.holder.id in invited and _is_in(passer, place):
            barriers.append("already_inside")
    if not barriers and await _is_full(session, zone, passers):
        barriers.append("zone_full")
    return Against(tuple(barriers), tuple(noted))


def passback_fault(zone: Zone, was: Whereabouts | None, *, from_zone_id: UUID | None, now: datetime) -> str | None:
    """Whether somebody comes in who is in already, or from where they aren't, by what the doors know of them. Timed, it
    is only that they were let in a moment ago. Whom no door has seen yet may be anywhere.
    """
    if zone.anti_passback == "none" or was is None:
        return None
    if zone.anti_passback == "timed":
        lasts = timedelta(minutes=zone.anti_passback_minutes or 0)
        return "too_soon" if was.zone_id == zone.id and now < was.since + lasts else None
    if was.zone_id == zone.id:
        return "already_inside"
    return "wrong_zone" if was.zone_id != from_zone_id else None


def _is_in(passer: Passer, place: Place) -> bool:
    """Where this way leads, or, coming from outside, anywhere in the store."""
    zone_id = passer.was.zone_id if passer.was else None
    return zone_id is not None and (zone_id == place.point.to_zone_id or place.point.from_zone_id is None)


def _was_just_elsewhere(passer: Passer, place: Place) -> bool:
    elsewhere = passer.let_in_by not in (None, place.point.store_id)
    return elsewhere and passer.was is not None and place.now < passer.was.since + STORES_APART


def _passback(zone: Zone, place: Place, passer: Passer) -> str | None:
    if passer.holder.anti_passback_exempt:
        return None
    return passback_fault(zone, passer.was, from_zone_id=place.point.from_zone_id, now=place.now)


async def _passers(session: AsyncSession, place: Place, holder_ids: Sequence[UUID]) -> list[Passer]:
    found = await session.execute(
        select(Holder, Member.status == MemberStatus.ACTIVE, Presence.since, Zone.id, AccessEvent.store_id)
        .join(Member, Member.id == Holder.member_id)
        .outerjoin(Presence, Presence.holder_id == Holder.id)
        .outerjoin(Zone, and_(Zone.id == Presence.zone_id, Zone.store_id == place.point.store_id))
        .outerjoin(AccessEvent, and_(AccessEvent.id == Presence.event_id, AccessEvent.kind == "attempt"))
        .where(Holder.id.in_(holder_ids))
        .order_by(Holder.id)
    )
    return [
        Passer(holder, is_active, None if since is None else Whereabouts(zone_id, since), let_in_by)
        for holder, is_active, since, zone_id, let_in_by in found
    ]


async def _taken_back(session: AsyncSession, case: Case) -> list[str]:
    """What has become of badges and the like that were shown a moment ago: since then they may have been revoked."""
    earlier = [each for each in case.given if each.fault is None and each.given_at < case.place.now]
    shown = [UUID(known) for each in earlier if (known := each.measured.get("credential_id"))]
    if not shown:
        return []
    now_so = select(Credential).where(Credential.id.in_(shown)).order_by(Credential.id)
    found = await session.scalars(now_so, execution_options={"populate_existing": True})
    faults = [each.fault(case.place.now) for each in found]
    return [fault for fault in faults if fault and not case.place.overlooks(fault)]


async def _standing_fault(session: AsyncSession, place: Place, passer: Passer) -> str | None:
    if not passer.is_active:
        return "member_blocked"
    fault = passer.holder.fault(place.now)
    if fault and not place.overlooks(fault):
        return fault
    if place.policy.rule_for(passer.holder) is None:
        return "no_rule"
    passes = await may_pass(session, passer.holder, place.point, place.now, place.timezone)
    return passes.code if isinstance(passes, NotAllowed) else None


async def _is_full(session: AsyncSession, zone: Zone, passers: Sequence[Passer]) -> bool:
    """Counted one after the other, so that the last place is one person's."""
    if zone.capacity_max is None:
        return False
    await session.refresh(zone, with_for_update=True)
    coming = sum(each.was is None or each.was.zone_id != zone.id for each in passers)
    return (
        coming > 0
        and zone.capacity_max is not None
        and await count_inside(session, zone.id) + coming > zone.capacity_max
    )
