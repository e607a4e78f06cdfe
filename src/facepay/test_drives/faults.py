"""Whose fault it is that nobody drives: where the shop had no key to give, nobody pays for not taking one."""

from __future__ import annotations

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.test_drives.drives import Drive
from facepay.test_drives.keys import Handover

# Codes of refusals at the machine of the reservation; at another one they may only have gone astray.
_REFUSED = ("car_not_ready", "key_in_other_machine", "liveness_not_set_up")


async def was_let_down(session: AsyncSession, drive: Drive) -> bool:
    """Whether the member came and got no key, or none was there for them when the drive was to start."""
    if drive.unready_at is not None:
        return True
    refused = and_(Handover.machine_id == drive.machine_id, Handover.code.in_(_REFUSED))
    in_vain = select(Handover.id).where(Handover.drive_id == drive.id, or_(Handover.outcome == "failed", refused))
    return await session.scalar(in_vain.limit(1)) is not None
