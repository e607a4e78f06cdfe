"""Who may reserve a car: each reason why not has a code, and all that hold are told together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.members.freezes import current_freeze
from facepay.members.members import Member
from facepay.stores.stores import Store
from facepay.test_drives.cars import CarModel
from facepay.test_drives.drives import WITH_MEMBER, Drive, DriveState
from facepay.test_drives.licences import Licence, LicenceStatus
from facepay.test_drives.rules import Rules
from facepay.test_drives.windows import fits_window
from facepay.wallet.debts import owed


async def refusals(
    session: AsyncSession,
    *,
    member: Member,
    model: CarModel,
    store: Store,
    rules: Rules,
    starts_at: datetime,
    due_at: datetime,
    now: datetime,
) -> list[str]:
    """Codes, the gravest first; none where they may. Holds for whoever has locked the member's row."""
    found = await barred(session, member)
    if await owed(session, member_id=member.id, unit=store.currency):
        found.append("in_debt")
    zone = ZoneInfo(store.timezone)
    found += await papers(session, member=member, model=model, rules=rules, zone=zone, until=due_at, now=now)
    found += await habits(session, member=member, model=model, rules=rules, starts_at=starts_at, due_at=due_at)
    if starts_at < now:
        found.append("starts_in_the_past")
    elif starts_at > now + timedelta(days=rules.ahead_days_max):
        found.append("starts_too_far_ahead")
    return found


async def barred(session: AsyncSession, member: Member) -> list[str]:
    """Why they may have no car now, whatever their papers say."""
    found = [] if member.is_active else ["member_blocked"]
    if await current_freeze(session, member_id=member.id) is not None:
        found.append("wallet_frozen")
    return found


async def papers(
    session: AsyncSession,
    *,
    member: Member,
    model: CarModel,
    rules: Rules,
    zone: ZoneInfo,
    until: datetime,
    now: datetime,
) -> list[str]:
    """A birthday that staff saw, and a licence for the car until it's due: asked for again when the key is handed
    out.
    """
    found = []
    age = member.age_at(now.astimezone(zone).date())
    if age is None or member.age_checked_at is None:
        found.append("age_check_needed")
    elif age < rules.age_min:
        found.append("too_young")
    licence = await session.get(Licence, member.id, populate_existing=True)
    if licence is None:
        return [*found, "licence_missing"]
    status = licence.status_at(
        now, until=until.astimezone(zone).date(), check_lasts=timedelta(days=rules.licence_check_days)
    )
    if status != LicenceStatus.CHECKED:
        found.append(f"licence_{status}")
    elif model.licence_class not in licence.classes:
        found.append("licence_of_other_class")
    return found


async def habits(
    session: AsyncSession,
    *,
    member: Member,
    model: CarModel,
    rules: Rules,
    starts_at: datetime,
    due_at: datetime,
) -> list[str]:
    """What they have driven, and reserved: each model so often, so many in any two months. Of what nobody came for,
    that was one of so many, and no drive of the model.
    """
    window = timedelta(days=rules.window_days)
    every = (
        await session.scalars(select(Drive).where(Drive.member_id == member.id, Drive.state != DriveState.CANCELLED))
    ).all()
    found = []
    missed = [drive.starts_at for drive in every if drive.state == DriveState.NO_SHOW]
    of_model = [drive for drive in every if drive.model_id == model.id and drive.state != DriveState.NO_SHOW]
    if len(of_model) >= rules.drives_per_model_max:
        found.append("model_driven_before")
    if not fits_window([each.starts_at for each in every], starts_at, window=window, drives_max=rules.drives_max):
        found.append("too_many_drives")
    if sum(starts_at - window < each for each in missed) > rules.no_shows_max:
        found.append("too_many_no_shows")
    if _overlap(every, starts_at, due_at):
        found.append("already_driving")
    return found


def _overlap(drives: Sequence[Drive], starts_at: datetime, due_at: datetime) -> bool:
    """A car that is late comes back nobody knows when."""
    return any(
        drive.state == DriveState.LATE
        or (drive.state in WITH_MEMBER and drive.starts_at < due_at and starts_at < drive.due_at)
        for drive in drives
    )
