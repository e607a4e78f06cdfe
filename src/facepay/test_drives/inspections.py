"""Inspections: what staff find on a car that is back, what that costs, and what its driver says to it.

Damage is a claim first. It is charged when the driver accepts it, when their time to dispute it is over, or when staff
have decided a dispute: for what was claimed, or for less.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert, resolve_about
from facepay.kernel.errors import Conflict, Problem
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.test_drives import deposits
from facepay.test_drives.cars import CarState, get_car
from facepay.test_drives.drives import Drive, DriveState, require
from facepay.test_drives.kinds import DAMAGE_DISPUTED
from facepay.test_drives.photos import DrivePhoto
from facepay.test_drives.reservations import held
from facepay.test_drives.telling import CLAIMED, CLOSED, DISPUTED, tell


@dataclass(frozen=True, slots=True)
class Damage:
    amount: int
    why: str


class DamageUnshown(Conflict):
    """Damage is claimed with a picture that staff have taken of it."""

    code = "damage_unshown"
    title = "No picture of the damage"


class DamageNotChargeable(Conflict):
    """The drive's rules name no product that damage is charged as."""

    code = "damage_not_chargeable"
    title = "Not chargeable"


class ClaimExceeded(Problem):
    """No more than was claimed can come of a dispute."""

    status = 422
    code = "claim_exceeded"
    title = "More than was claimed"


async def inspect(
    session: AsyncSession,
    *,
    drive_id: UUID,
    damage: Damage | None,
    car_fit: bool,
    by: str,
    now: datetime,
    settings: Settings,
) -> Drive:
    """All is well, and the drive ends; or a claim. A car that isn't fit stays where nobody reserves it.

    Raises DriveNotFound, DriveElsewhere, DamageUnshown and DamageNotChargeable.
    """
    member, drive = await held(session, drive_id)
    require(drive, DriveState.RETURNED)
    if damage is not None:
        await _require_claimable(session, drive)
    car = await get_car(session, drive.car_id, lock=True)
    if car.state == CarState.INSPECTION and car_fit:
        car.state = CarState.AVAILABLE
    drive.inspected_at, drive.inspected_by = now, by
    if damage is None:
        return await _close(session, drive, member, 0, why=None, by=by, now=now, settings=settings)
    drive.state, drive.claim, drive.claim_why = DriveState.CLAIMED, damage.amount, damage.why
    drive.claim_due_at = now + timedelta(hours=drive.agreed.rules.dispute_hours)
    await deposits.renew(session, drive, now=now)
    await session.flush()
    await tell(session, drive, CLAIMED, amount=damage.amount, now=now)
    return drive


async def accept(session: AsyncSession, *, drive_id: UUID, by: str, now: datetime, settings: Settings) -> Drive:
    """The member says that it's so, or has said nothing for as long as they may. Raises DriveNotFound and
    DriveElsewhere.
    """
    member, drive = await held(session, drive_id)
    return await charge_claim(session, drive, member, by=by, now=now, settings=settings)


async def charge_claim(
    session: AsyncSession, drive: Drive, member: Member, *, by: str, now: datetime, settings: Settings
) -> Drive:
    """The same for whoever holds both. Raises DriveElsewhere."""
    require(drive, DriveState.CLAIMED)
    assert drive.claim is not None, "it was claimed"
    return await _close(session, drive, member, drive.claim, why=drive.claim_why, by=by, now=now, settings=settings)


async def dispute(session: AsyncSession, *, drive_id: UUID, why: str, now: datetime) -> Drive:
    """Nothing is charged until staff have looked at it again. Raises DriveNotFound and DriveElsewhere."""
    _, drive = await held(session, drive_id)
    require(drive, DriveState.CLAIMED)
    drive.state, drive.disputed_why = DriveState.DISPUTED, why
    await session.flush()
    await tell(session, drive, DISPUTED, amount=drive.claim, now=now)
    await raise_alert(
        session,
        DAMAGE_DISPUTED,
        store_id=drive.store_id,
        subject=drive.number,
        now=now,
        evidence=Evidence("test_drive", drive.id),
        claim=drive.claim,
    )
    return drive


async def resolve(
    session: AsyncSession, *, drive_id: UUID, amount: int, why: str, by: str, now: datetime, settings: Settings
) -> Drive:
    """What staff decide of a dispute: nothing, or up to what was claimed. Raises DriveNotFound, DriveElsewhere and
    ClaimExceeded.
    """
    member, drive = await held(session, drive_id)
    require(drive, DriveState.DISPUTED)
    assert drive.claim is not None, "it was claimed"
    if amount > drive.claim:
        raise ClaimExceeded("That is more than was claimed.", claim=drive.claim)
    closed = await _close(session, drive, member, amount, why=why, by=by, now=now, settings=settings)
    await resolve_about(
        session,
        DAMAGE_DISPUTED,
        store_id=drive.store_id,
        subject=drive.number,
        by=by,
        note="It was decided on the claim",
        now=now,
    )
    return closed


async def _require_claimable(session: AsyncSession, drive: Drive) -> None:
    if drive.agreed.rules.damage_sku is None:
        raise DamageNotChargeable("This drive's rules name no product for damage.")
    shown = select(DrivePhoto.id).where(DrivePhoto.drive_id == drive.id, DrivePhoto.taken == "inspection").limit(1)
    if await session.scalar(shown) is None:
        raise DamageUnshown("Take a picture of the damage first.")


async def _close(
    session: AsyncSession,
    drive: Drive,
    member: Member,
    amount: int,
    *,
    why: str | None,
    by: str,
    now: datetime,
    settings: Settings,
) -> Drive:
    """Charge the damage, and set the rest of the deposit free."""
    sku = drive.agreed.rules.damage_sku
    order = await deposits.charge(
        session, drive, "damage", member=member, sku=sku, unit_price=amount, now=now, settings=settings
    )
    await deposits.let_go(session, drive, actor=by, now=now)
    drive.end(DriveState.CLOSED, why=why, now=now)
    await session.flush()
    await tell(
        session, drive, CLOSED, amount=order.total if order else None, order_id=order.id if order else None, now=now
    )
    return drive
