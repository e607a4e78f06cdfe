"""Extensions: a car for longer, where nobody else has it next."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.errors import Conflict
from facepay.stores.stores import get_store
from facepay.test_drives import deposits
from facepay.test_drives.cars import get_car, get_model
from facepay.test_drives.drives import Drive, DriveState, booked, require
from facepay.test_drives.eligibility import barred, papers
from facepay.test_drives.reservations import held
from facepay.test_drives.telling import EXTENDED, tell


class NotExtended(Conflict):
    """The drive can't last until then: `reason` says why."""

    code = "not_extended"
    title = "Not extended"


async def extend(session: AsyncSession, *, drive_id: UUID, until: datetime, now: datetime) -> Drive:
    """For nothing, before it is late, up to the hours that were agreed in all. The deposit is held for longer too.

    Raises DriveNotFound, DriveElsewhere, NotExtended, CarReserved and AlreadyDriving.
    """
    member, drive = await held(session, drive_id)
    require(drive, DriveState.OUT)
    terms = drive.agreed
    latest = drive.starts_at + terms.lasts + timedelta(hours=terms.rules.extension_hours_max)
    if now > drive.due_at:
        raise NotExtended("The car is due already.", reason="late")
    if not drive.due_at < until <= latest:
        raise NotExtended("It can be extended until then at most.", reason="too_long", latest=latest.isoformat())
    store, model = await get_store(session, drive.store_id), await get_model(session, drive.model_id)
    zone = ZoneInfo(store.timezone)
    found = await barred(session, member)
    found += await papers(session, member=member, model=model, rules=terms.rules, zone=zone, until=until, now=now)
    if found:
        raise NotExtended("This member may not have it for so long.", reason=found[0])
    await get_car(session, drive.car_id, lock=True)
    drive.due_at, drive.busy_until, drive.reminded_at = until, until + terms.turnaround, None
    await booked(session)
    await deposits.renew(session, drive, now=now)
    await tell(session, drive, EXTENDED, now=now)
    return drive
