"""At the machine: whoever reserved a car shows their face, and the locker with its key opens.

The face is compared with the member of a reservation and with nobody else. The number typed at the machine names it;
where none was typed, those who are due in this store now are compared, and of strangers no more pass as any of them
than as one. Whoever shows no face shows a one-time pass, scanned: eight typed digits are too few for a car.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.decisions import answer, identify
from facepay.identity.passes import ShownPass
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import Recognised, Ruling, Shown, Verdict, means_of, settle, turn_away
from facepay.kernel.auth import PresentationCheck, Principal
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.stores.stores import get_store
from facepay.test_drives.cars import get_model
from facepay.test_drives.drives import Drive, DriveState, has_other_car
from facepay.test_drives.eligibility import barred, papers
from facepay.test_drives.keys import Handover, Opening, release_key
from facepay.test_drives.machines import get_machine
from facepay.test_drives.reservations import held

LIVENESS = frozenset({PresentationCheck.CHALLENGE, PresentationCheck.DEPTH, PresentationCheck.PASSIVE})
EXPECTED_MAX = 200
NOT_RESERVED = {
    DriveState.OPENING: "already_opening",
    DriveState.OUT: "already_out",
    DriveState.LATE: "already_out",
}


@dataclass(frozen=True, slots=True)
class HandoverRuling(Ruling):
    """What the machine shows now; the handover is its record."""

    record: Handover
    drive: Drive | None = None
    opening: Opening | None = None


async def expected(database: Database, *, store_id: UUID, number: str | None, now: datetime) -> list[UUID]:
    """The members that a face at this store's machines is compared with; nobody where the number is nobody's here."""
    query = select(Drive).where(Drive.store_id == store_id, Drive.member_id.is_not(None))
    if number is not None:
        query = query.where(Drive.number == number)
    else:
        query = query.where(Drive.state == DriveState.RESERVED, Drive.starts_at <= now + timedelta(days=1))
    async with database.read() as session:
        drives = await session.scalars(query.order_by(Drive.starts_at).limit(EXPECTED_MAX))
    return [drive.driver for drive in drives if number is not None or _time_fault(drive, now) is None]


async def hand_over(
    session: AsyncSession,
    *,
    machine: Principal,
    number: str | None,
    shown: Shown,
    now: datetime,
    settings: Settings,
) -> HandoverRuling:
    """Open the locker for the member that was expected; ask where it is unsure; refuse everybody else."""
    handover = _record(machine.id, machine.store, now)
    handover.identified_by = means_of(shown)
    named = await _named(session, machine.store, number) if number is not None else None
    if number is not None and named is None:
        return await settle(session, HandoverRuling(handover), "refused", "drive_unknown")
    handover.drive_id = named.id if named else None
    verdict = await identify(
        session, record=handover, device=machine, shown=shown, now=now, settings=settings, alone=True
    )
    return await _act(session, machine, handover, verdict, now, settings)


async def finish_step_up(
    session: AsyncSession,
    *,
    machine: Principal,
    attempt_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> HandoverRuling:
    """Check an answer; the right one opens. Raises AttemptNotFound and AttemptClosed."""
    handover = await session.get(Handover, attempt_id)
    if handover is None or handover.machine_id != machine.id:
        raise AttemptNotFound("No handover with this id waits at this machine.")
    verdict = await answer(
        session, record=handover, device=machine, given=given, now=now, settings=settings, hasher=hasher, alone=True
    )
    return await _act(session, machine, handover, verdict, now, settings)


async def release_by_staff(
    session: AsyncSession, *, drive_id: UUID, machine_id: UUID, why: str, by: str, now: datetime, settings: Settings
) -> HandoverRuling:
    """For whoever can't or won't be known by their face: staff saw a document, and say so. Raises DriveNotFound,
    DriveElsewhere, DeviceNotFound and NotAMachine.
    """
    machine = await get_machine(session, machine_id)
    member, drive = await held(session, drive_id)
    handover = _record(machine.id, machine.store_id, now)
    handover.identified_by, handover.released_by, handover.released_why = "staff", by, why
    handover.member_id, handover.drive_id = member.id, drive.id
    return await _open(session, handover, drive, member, by, now, settings)


async def _act(
    session: AsyncSession,
    machine: Principal,
    handover: Handover,
    verdict: Verdict,
    now: datetime,
    settings: Settings,
) -> HandoverRuling:
    if not isinstance(verdict, Recognised):
        return await turn_away(session, HandoverRuling(handover), verdict, "refused")
    member, by_face = verdict.member, handover.identified_by == "face"
    if not by_face and not verdict.proven:
        return await settle(session, HandoverRuling(handover, member), "refused", "pass_must_be_scanned")
    drive = await _drive_of(session, handover, member, now)
    if drive is None:
        return await settle(session, HandoverRuling(handover, member), "refused", "nothing_due_here")
    handover.drive_id = drive.id
    if by_face and drive.agreed.rules.liveness_required and not machine.presentation_checks & LIVENESS:
        return await settle(session, HandoverRuling(handover, member, drive=drive), "refused", "liveness_not_set_up")
    return await _open(session, handover, drive, member, f"device:{machine.id}", now, settings)


async def _open(
    session: AsyncSession,
    handover: Handover,
    drive: Drive,
    member: Member,
    by: str,
    now: datetime,
    settings: Settings,
) -> HandoverRuling:
    code = await _fault(session, handover, drive, member, now)
    if code is None:
        opened = await release_key(
            session, handover=handover, drive=drive, member=member, by=by, now=now, settings=settings
        )
        if isinstance(opened, Opening):
            ruling = HandoverRuling(handover, member, drive=drive, opening=opened)
            return await settle(session, ruling, "open", "opening")
        code = opened.code
    return await settle(session, HandoverRuling(handover, member, drive=drive), "refused", code)


async def _fault(session: AsyncSession, handover: Handover, drive: Drive, member: Member, now: datetime) -> str | None:
    """Why this member doesn't get this car here and now."""
    if drive.store_id != handover.store_id:
        return "other_store"
    if drive.state != DriveState.RESERVED:
        return NOT_RESERVED.get(DriveState(drive.state), "drive_ended")
    if time_fault := _time_fault(drive, now):
        return time_fault
    if await has_other_car(session, drive):
        return "already_driving"
    if found := await barred(session, member):
        return found[0]
    store = await get_store(session, drive.store_id)
    found = await papers(
        session,
        member=member,
        model=await get_model(session, drive.model_id),
        rules=drive.agreed.rules,
        zone=ZoneInfo(store.timezone),
        until=drive.due_at,
        now=now,
    )
    return next(iter(found), None)


def _time_fault(drive: Drive, now: datetime) -> str | None:
    if now < drive.starts_at - timedelta(minutes=drive.agreed.rules.early_minutes):
        return "too_early"
    return "too_late" if now >= drive.no_show_at else None


async def _named(session: AsyncSession, store_id: UUID, number: str) -> Drive | None:
    return await session.scalar(select(Drive).where(Drive.number == number, Drive.store_id == store_id))


async def _drive_of(session: AsyncSession, handover: Handover, member: Member, now: datetime) -> Drive | None:
    """Of the member, locked: the one that was named, or else the first that is due in this store."""
    query = select(Drive).where(Drive.member_id == member.id, Drive.store_id == handover.store_id)
    if handover.drive_id is not None:
        query = query.where(Drive.id == handover.drive_id)
    else:
        query = query.where(Drive.state.in_((DriveState.RESERVED, DriveState.OPENING)))
    query = query.order_by(Drive.starts_at).with_for_update().execution_options(populate_existing=True)
    drives: Sequence[Drive] = (await session.scalars(query.limit(EXPECTED_MAX))).all()
    return next((each for each in drives if handover.drive_id or _time_fault(each, now) is None), None)


def _record(machine_id: UUID, store_id: UUID, now: datetime) -> Handover:
    return Handover(
        id=new_id(), machine_id=machine_id, store_id=store_id, identified_by="face", created_at=now, decided_at=now
    )
