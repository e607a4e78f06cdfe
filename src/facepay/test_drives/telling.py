"""What is told of a drive: to its member, to integrators, and to whoever watches the board."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.hub import notify
from facepay.notices.notices import NoticeKind, notify_member
from facepay.test_drives.drives import Drive, DriveState, topic_of
from facepay.webhooks.events import EventType, emit


class DriveTold(BaseModel):
    """`amount` is what this cost, in minor units, where it cost anything."""

    drive_id: UUID
    number: str
    store_id: UUID
    machine_id: UUID
    model_id: UUID
    car_id: UUID
    state: DriveState
    starts_at: datetime
    due_at: datetime
    amount: int | None
    currency: str


RESERVED = EventType("test_drive.reserved", "A car is reserved, and its deposit on hold.", DriveTold)
CANCELLED = EventType("test_drive.cancelled", "A reservation was given up.", DriveTold)
NO_SHOW = EventType("test_drive.missed", "Nobody came for a car that was reserved.", DriveTold)
PICKED_UP = EventType("test_drive.picked_up", "A key is out: the car is on its way.", DriveTold)
EXTENDED = EventType("test_drive.extended", "A car is due later than it was.", DriveTold)
DUE_SOON = EventType("test_drive.fell_due_soon", "A car is due within hours.", DriveTold)
LATE = EventType("test_drive.became_late", "A car isn't back in time.", DriveTold)
RETURNED = EventType("test_drive.returned", "A key is back, and the car is to be inspected.", DriveTold)
CLAIMED = EventType("test_drive.damage_claimed", "Staff found damage, which the member may dispute.", DriveTold)
DISPUTED = EventType("test_drive.damage_disputed", "The member says that the damage isn't theirs.", DriveTold)
CLOSED = EventType("test_drive.closed", "All is paid, and the deposit is free.", DriveTold)
EVENT_TYPES = (
    RESERVED,
    CANCELLED,
    NO_SHOW,
    PICKED_UP,
    EXTENDED,
    DUE_SOON,
    LATE,
    RETURNED,
    CLAIMED,
    DISPUTED,
    CLOSED,
)
NOTICES = {
    RESERVED.name: NoticeKind.DRIVE_RESERVED,
    CANCELLED.name: NoticeKind.DRIVE_CANCELLED,
    NO_SHOW.name: NoticeKind.DRIVE_MISSED,
    PICKED_UP.name: NoticeKind.DRIVE_PICKED_UP,
    EXTENDED.name: NoticeKind.DRIVE_EXTENDED,
    DUE_SOON.name: NoticeKind.DRIVE_DUE_SOON,
    LATE.name: NoticeKind.DRIVE_LATE,
    RETURNED.name: NoticeKind.DRIVE_RETURNED,
    CLAIMED.name: NoticeKind.DRIVE_DAMAGE_CLAIMED,
    CLOSED.name: NoticeKind.DRIVE_CLOSED,
}


async def tell(
    session: AsyncSession,
    drive: Drive,
    type: EventType[DriveTold],
    *,
    now: datetime,
    amount: int | None = None,
    order_id: UUID | None = None,
) -> None:
    """Everybody who has to know, once this transaction is committed. The caller holds the drive's row."""
    currency = drive.agreed.currency
    told = {name: getattr(drive, name) for name in DriveTold.model_fields.keys() - {"drive_id", "amount", "currency"}}
    data = DriveTold(drive_id=drive.id, amount=amount, currency=currency, **told)
    await emit(session, type=type, subject_id=drive.id, data=data, now=now)
    if kind := NOTICES.get(type.name):
        await notify_member(
            session,
            member_id=drive.driver,
            kind=kind,
            order_id=order_id,
            amount=amount,
            currency=None if amount is None else currency,
            now=now,
            drive_id=str(drive.id),
            number=drive.number,
            starts_at=drive.starts_at.isoformat(),
            due_at=drive.due_at.isoformat(),
        )
    await notify(session, topic_of(drive.store_id))
