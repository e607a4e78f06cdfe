"""Whether a device has just recognised a member: only then may it ask who they are to the shop."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Exists, Table, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.verdicts import DeviceDecision
from facepay.kernel.database import Base
from facepay.kernel.errors import NotFound
from facepay.members.biometric_uses import BiometricUse, Use

RECOGNISED_WITHIN = timedelta(minutes=5)
RECOGNITIONS = (Use.RECOGNISED, Use.VERIFIED, Use.STEPPED_UP)


class NotRecognisedHere(NotFound):
    """This device has recognised no member of this id lately, whether there is one or not."""

    code = "not_recognised_here"
    title = "Not recognised here"

    def __init__(self) -> None:
        super().__init__("This device has recognised nobody of this id within minutes.")


async def require_recognised(session: AsyncSession, *, device_id: UUID, member_id: UUID, now: datetime) -> None:
    """By a decision of the device's, on a face or on a pass, or by the trail of uses, which has those of displays too.

    One statement. Raises NotRecognisedHere.
    """
    since = now - RECOGNISED_WITHIN
    trail = exists().where(
        BiometricUse.member_id == member_id,
        BiometricUse.used_at > since,
        BiometricUse.actor == f"device:{device_id}",
        BiometricUse.use.in_(RECOGNITIONS),
    )
    decided = (_decided(table, device_id, member_id, since) for table in decisions())
    if not await session.scalar(select(or_(trail, *decided))):
        raise NotRecognisedHere()


def decisions() -> list[Table]:
    """Every room's table of device decisions, those of the rooms above too."""
    tables = {mapper.local_table for mapper in Base.registry.mappers if issubclass(mapper.class_, DeviceDecision)}
    return sorted((table for table in tables if isinstance(table, Table)), key=lambda table: table.name)


def devices_in(decision: Table) -> list[Column[Any]]:
    """Its columns that say which device decided, by whatever name the room has for it."""
    return [
        column for column in decision.columns if any(key.column.table.name == "device" for key in column.foreign_keys)
    ]


def _decided(decision: Table, device_id: UUID, member_id: UUID, since: datetime) -> Exists:
    here = or_(*(column == device_id for column in devices_in(decision)))
    return exists().where(decision.c.member_id == member_id, here, decision.c.decided_at > since)
