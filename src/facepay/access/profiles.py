"""Access profiles: which doors a group of holders may pass, and when. Deny beats grant, and nothing said is no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, String, and_, delete, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.holders import Holder, Validity, lock_holder, note
from facepay.access.points import AccessPoint, AccessPointNotFound
from facepay.access.policies import must_have_schedules
from facepay.access.setting_up import SetUp, note_setting
from facepay.access.zones import Zone, ZoneNotFound
from facepay.kernel.database import Base, Identified, saved
from facepay.kernel.errors import Conflict, NotFound
from facepay.schedules.schedules import Schedule, covers
from facepay.stores.stores import get_open_store

Effect = Literal["allow", "deny"]


class AccessProfile(SetUp, Base):
    __tablename__ = "access_profile"
    __table_args__ = (Index("uq_access_profile_name", "store_id", "name", unique=True),)


class ProfileRule(Identified, Base):
    """About one access point, all that lead into a zone, or all of the store; without a schedule, at any time."""

    __tablename__ = "profile_rule"
    __table_args__ = (
        CheckConstraint("effect in ('allow', 'deny')", name="effect_known"),
        CheckConstraint("access_point_id is null or zone_id is null", name="about_one_thing"),
    )

    profile_id: Mapped[UUID] = mapped_column(ForeignKey("access_profile.id"), index=True)
    effect: Mapped[Effect] = mapped_column(String(8))
    access_point_id: Mapped[UUID | None] = mapped_column(ForeignKey("access_point.id"))
    zone_id: Mapped[UUID | None] = mapped_column(ForeignKey("zone.id"))
    schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("schedule.id"))


class HolderProfile(Base):
    __tablename__ = "holder_profile"
    __table_args__ = (CheckConstraint("valid_until > valid_from", name="ends_after_it_begins"),)

    holder_id: Mapped[UUID] = mapped_column(ForeignKey("access_holder.id", ondelete="cascade"), primary_key=True)
    profile_id: Mapped[UUID] = mapped_column(ForeignKey("access_profile.id"), primary_key=True, index=True)
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]


class ProfileNotFound(NotFound):
    """There is no access profile with this id."""

    code = "profile_not_found"
    title = "No such profile"


class ProfileNameTaken(Conflict):
    """Another access profile of this store has this name."""

    code = "profile_name_taken"
    title = "Profile name taken"


@dataclass(frozen=True, slots=True)
class NewRule:
    """`access_point_id` or `zone_id`, or neither for the whole store."""

    effect: Effect
    access_point_id: UUID | None = None
    zone_id: UUID | None = None
    schedule_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    pass


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """`access_denied` where a profile says so, `not_now` where another hour would do, `no_access` where none would."""

    code: Literal["access_denied", "not_now", "no_access"]


async def may_pass(
    session: AsyncSession, holder: Holder, access_point: AccessPoint, at: datetime, tz: str
) -> Allowed | NotAllowed:
    """By all profiles that the holder has at this moment, and the wall clock of the zone `tz` (IANA).

    Nobody is locked in: whoever may come into a zone, or might until their profile ended, may leave it to the outside
    at whatever hour, and only a rule that names that very access point denies it.
    """
    has_ended = and_(HolderProfile.valid_until.is_not(None), HolderProfile.valid_until <= at)
    leaves = access_point.to_zone_id is None
    rules = await session.execute(
        select(ProfileRule, Schedule)
        .join(HolderProfile, HolderProfile.profile_id == ProfileRule.profile_id)
        .join(AccessProfile, AccessProfile.id == ProfileRule.profile_id)
        .outerjoin(Schedule, Schedule.id == ProfileRule.schedule_id)
        .where(
            HolderProfile.holder_id == holder.id,
            or_(HolderProfile.valid_from.is_(None), HolderProfile.valid_from <= at),
            or_(~has_ended, ProfileRule.effect == "allow") if leaves else ~has_ended,
            AccessProfile.store_id == access_point.store_id,
            _is_about(access_point),
        )
    )
    in_time, allowed_ever = set(), False
    for rule, schedule in rules:
        allows = rule.effect == "allow"
        allowed_ever |= allows
        if (leaves and allows) or schedule is None or covers(schedule.timetable, at, tz):
            in_time.add(rule.effect)
    if "deny" in in_time:
        return NotAllowed("access_denied")
    if "allow" in in_time:
        return Allowed()
    return NotAllowed("not_now" if allowed_ever else "no_access")


def _is_about(point: AccessPoint) -> ColumnElement[bool]:
    """Rules of zones are about what leads into them; on the way outside, an allowing one is about what leads out."""
    of_point = ProfileRule.access_point_id == point.id
    of_store = and_(ProfileRule.access_point_id.is_(None), ProfileRule.zone_id.is_(None))
    if point.to_zone_id is not None:
        return or_(of_point, of_store, ProfileRule.zone_id == point.to_zone_id)
    from_zone = ProfileRule.zone_id == point.from_zone_id if point.from_zone_id else false()
    return or_(of_point, and_(ProfileRule.effect == "allow", or_(of_store, from_zone)))


async def add_profile(
    session: AsyncSession, *, store_id: UUID, name: str, rules: Sequence[NewRule], actor: str, now: datetime
) -> AccessProfile:
    """Raises StoreNotFound, StoreClosed, ProfileNameTaken, AccessPointNotFound, ZoneNotFound and ScheduleNotFound."""
    store = await get_open_store(session, store_id)
    profile = AccessProfile(store_id=store.id, name=name, created_at=now)
    session.add(profile)
    await saved(session, ProfileNameTaken("Another profile of this store has this name."))
    await _set_rules(session, profile, rules)
    await note_setting(session, profile, "profile_added", actor=actor, now=now)
    return profile


async def change_profile(
    session: AsyncSession,
    *,
    profile_id: UUID,
    name: str | None,
    rules: Sequence[NewRule] | None,
    actor: str,
    now: datetime,
) -> AccessProfile:
    """What is None stays. Raises ProfileNotFound, and what adding does."""
    profile = await get_profile(session, profile_id, lock=True)
    fields = []
    if name is not None:
        profile.name, fields = name, ["name"]
        await saved(session, ProfileNameTaken("Another profile of this store has this name."))
    if rules is not None:
        await _set_rules(session, profile, rules)
        fields.append("rules")
    await note_setting(session, profile, "profile_changed", actor=actor, now=now, fields=fields)
    return profile


async def get_profile(session: AsyncSession, profile_id: UUID, *, lock: bool = False) -> AccessProfile:
    """Raises ProfileNotFound."""
    profile = await session.get(AccessProfile, profile_id, with_for_update=lock or None)
    if profile is None:
        raise ProfileNotFound("There is no access profile with this id.")
    return profile


async def rules_of_profiles(session: AsyncSession, *, profile_ids: Sequence[UUID]) -> dict[UUID, list[ProfileRule]]:
    """By profile, in the order in which they were given."""
    found: dict[UUID, list[ProfileRule]] = {each: [] for each in profile_ids}
    rules = select(ProfileRule).where(ProfileRule.profile_id.in_(profile_ids)).order_by(ProfileRule.id)
    for rule in await session.scalars(rules):
        found[rule.profile_id].append(rule)
    return found


async def give_profile(
    session: AsyncSession,
    *,
    holder_id: UUID,
    profile_id: UUID,
    validity: Validity,
    actor: str,
    now: datetime,
) -> HolderProfile:
    """Let a holder pass by a profile; giving it again sets its time anew. Raises HolderNotFound and ProfileNotFound."""
    profile = await get_profile(session, profile_id)
    holder = await lock_holder(session, holder_id)
    given = await session.merge(
        HolderProfile(
            holder_id=holder.id,
            profile_id=profile.id,
            valid_from=validity.valid_from,
            valid_until=validity.valid_until,
        )
    )
    await session.flush()
    await note(session, holder, "profile_given", actor=actor, now=now, details={"profile_id": str(profile.id)})
    return given


async def take_profile(session: AsyncSession, *, holder_id: UUID, profile_id: UUID, actor: str, now: datetime) -> None:
    """Raises HolderNotFound."""
    holder = await lock_holder(session, holder_id)
    theirs = (HolderProfile.holder_id == holder.id) & (HolderProfile.profile_id == profile_id)
    if await session.scalar(delete(HolderProfile).where(theirs).returning(HolderProfile.profile_id)):
        await note(session, holder, "profile_taken", actor=actor, now=now, details={"profile_id": str(profile_id)})


async def profiles_of(session: AsyncSession, *, holder_ids: Sequence[UUID]) -> dict[UUID, list[HolderProfile]]:
    """By holder."""
    found: dict[UUID, list[HolderProfile]] = {each: [] for each in holder_ids}
    theirs = select(HolderProfile).where(HolderProfile.holder_id.in_(holder_ids)).order_by(HolderProfile.profile_id)
    for given in await session.scalars(theirs):
        found[given.holder_id].append(given)
    return found


async def _set_rules(session: AsyncSession, profile: AccessProfile, rules: Sequence[NewRule]) -> None:
    store_id = profile.store_id
    await must_have_schedules(session, (each.schedule_id for each in rules), store_id=store_id)
    zone_ids = {each.zone_id for each in rules if each.zone_id}
    there = select(Zone.id).where(Zone.id.in_(zone_ids), Zone.store_id == store_id)
    if zone_ids and zone_ids != set(await session.scalars(there)):
        raise ZoneNotFound("There is no zone with this id in this store.")
    point_ids = {each.access_point_id for each in rules if each.access_point_id}
    there = select(AccessPoint.id).where(AccessPoint.id.in_(point_ids), AccessPoint.store_id == store_id)
    if point_ids and point_ids != set(await session.scalars(there)):
        raise AccessPointNotFound("There is no access point with this id in this store.")
    await session.execute(delete(ProfileRule).where(ProfileRule.profile_id == profile.id))
    session.add_all(ProfileRule(profile_id=profile.id, **_columns(each)) for each in rules)
    await session.flush()


def _columns(rule: NewRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in NewRule.__slots__}
