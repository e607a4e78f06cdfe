"""House rules: what a store asks of everybody who comes in, and what its night watch goes by while nobody is there.

Rules are about the store, never about who somebody is, and keep nobody in. Gates read them along with their door, in
the one statement, so that a store without rules asks for nothing more than before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import CheckConstraint, ForeignKey, String, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.identity.sighting import Advice, Sighting, Unusable
from facepay.identity.verdicts import Shown
from facepay.kernel.database import Base
from facepay.schedules.schedules import Schedule, ScheduleNotFound, covers, get_schedule, next_change
from facepay.stores.stores import get_open_store, get_store
from facepay.vision.feedback import feedback
from facepay.vision.quality import UNCOVERED, assess


class HouseRules(Base):
    """A store without a row has none; what is null or false isn't asked for."""

    __tablename__ = "house_rules"
    __table_args__ = (
        CheckConstraint("capacity_max > 0", name="capacity_counted"),
        CheckConstraint("stay_max_minutes > 0 and still_max_minutes > 0", name="minutes_counted"),
        CheckConstraint("silent_after_seconds > 0", name="seconds_counted"),
        CheckConstraint("refusals_max > 0 and refusals_within_minutes > 0", name="refusals_counted"),
        CheckConstraint("closing_grace_minutes >= 0 and closing_notice_minutes > 0", name="closing_in_minutes"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    capacity_max: Mapped[int | None]  # people: members and their guests
    one_party_at_a_time: Mapped[bool] = mapped_column(default=False)
    opening_schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("schedule.id"))
    closing_notice_minutes: Mapped[int | None]
    closing_grace_minutes: Mapped[int] = mapped_column(default=10)
    face_must_show: Mapped[bool] = mapped_column(default=False)
    entries_offline: Mapped[bool] = mapped_column(default=False)
    stay_max_minutes: Mapped[int | None]
    still_max_minutes: Mapped[int | None]
    silent_after_seconds: Mapped[int | None]
    tailgating_watched: Mapped[bool] = mapped_column(default=False)
    refusals_max: Mapped[int | None]
    refusals_within_minutes: Mapped[int] = mapped_column(default=10)
    changed_by: Mapped[str | None] = mapped_column(String(80))
    changed_at: Mapped[datetime | None]

    @property
    def counts_people(self) -> bool:
        """Whether entries have to wait for one another."""
        return self.capacity_max is not None or self.one_party_at_a_time


@dataclass(frozen=True, slots=True)
class House:
    """The rules in force at a gate. `opening` and the store's time zone say when it is open."""

    rules: HouseRules
    opening: Schedule | None
    timezone: str

    def is_open(self, at: datetime) -> bool:
        return self.opening is None or covers(self.opening.timetable, at, self.timezone)

    def opens_at(self, now: datetime) -> datetime | None:
        """When it opens next, asked while it is closed; None where it never does."""
        return next_change(self.opening.timetable, now, self.timezone) if self.opening else None

    def closes_within(self, lead: timedelta, now: datetime) -> bool:
        if self.opening is None or not self.is_open(now):
            return False
        closes_at = next_change(self.opening.timetable, now, self.timezone)
        return closes_at is not None and closes_at <= now + lead

    def was_closed_for(self, lasting: timedelta, now: datetime) -> bool:
        """All of that time, up to now."""
        if self.opening is None or self.is_open(now - lasting):
            return False
        opens_at = next_change(self.opening.timetable, now - lasting, self.timezone)
        return opens_at is None or opens_at > now

    def on_the_wall(self, at: datetime) -> datetime:
        """As the store's own clocks show it."""
        return at.astimezone(ZoneInfo(self.timezone))

    def wants_face(self, shown: Shown) -> bool:
        """Whether it isn't enough to come in by."""
        return self.rules.face_must_show and not isinstance(shown, Sighting)

    def look_at(self, shown: Shown) -> Shown:
        """What somebody who comes in shows: a covered face says nothing about who they are, where faces must show. Of
        one that is too poor to say so anyway, the cover may be why, and is what they can do something about.
        """
        if not self.rules.face_must_show or not isinstance(shown, Sighting):
            return shown
        match shown.outcome:
            case Unusable("low_quality"):
                faces, unmeasured = [seen.faces[0] for seen in shown.evidences if seen.faces], False
            case Unusable():
                return shown
            case _:
                faces = [shown.best_view[1]]
                unmeasured = faces[0].quality.mouth_detail is None or faces[0].quality.eyes_light is None
        refusals = [refusal for face in faces for refusal in assess(face, policy=UNCOVERED)]
        if refusals or unmeasured:
            advice = tuple(Advice(each.code, each.message) for each in feedback(refusals))
            return replace(shown, outcome=Unusable("face_covered", advice))
        return shown


async def rules_of(session: AsyncSession, *, store_id: UUID) -> HouseRules:
    """What staff set, or that there are none. Raises StoreNotFound."""
    await get_store(session, store_id)
    return await session.get(HouseRules, store_id) or HouseRules(
        store_id=store_id,
        one_party_at_a_time=False,
        closing_grace_minutes=10,
        face_must_show=False,
        entries_offline=False,
        tailgating_watched=False,
        refusals_within_minutes=10,
    )


async def set_rules(
    session: AsyncSession, *, store_id: UUID, values: Mapping[str, Any], actor: str, now: datetime
) -> HouseRules:
    """From the next entry on; whoever is inside stays. Raises StoreNotFound, StoreClosed and ScheduleNotFound."""
    await get_open_store(session, store_id)
    if schedule_id := values.get("opening_schedule_id"):
        schedule = await get_schedule(session, schedule_id)
        if schedule.store_id != store_id:
            raise ScheduleNotFound("This store has no schedule with this id.")
    kept = {**values, "changed_by": actor, "changed_at": now}
    rules = await session.scalars(
        insert(HouseRules)
        .values(store_id=store_id, **kept)
        .on_conflict_do_update(index_elements=["store_id"], set_=kept)
        .returning(HouseRules),
        execution_options={"populate_existing": True},
    )
    return rules.one()


async def hold_rules(session: AsyncSession, *, store_id: UUID) -> HouseRules:
    """As they are now. Entries that are counted come one after another: this holds until the transaction ends.

    Members are locked before, visits after.
    """
    held = select(HouseRules).where(HouseRules.store_id == store_id).with_for_update(key_share=True)
    rules = await session.scalars(held.execution_options(populate_existing=True))
    return rules.one()
