"""What a gate decides by, read in one statement: its door, and the rules of the house behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Uuid, bindparam
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.channel.doors import DeviceChannel, Door, door_query
from facepay.entrance.house_rules import House, HouseRules
from facepay.kernel.auth import Principal
from facepay.schedules.schedules import Schedule
from facepay.stores.stores import Store


@dataclass(frozen=True, slots=True)
class Doorway:
    """`house` is None where the store has no rules."""

    door: Door
    house: House | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """From the columns of `DOORWAY`."""
        *door, rules, opening, timezone = row
        return cls(Door(*door), House(rules, opening, timezone) if rules else None)


# Composed once, as each gate asks it; to build on: its first columns make a Doorway, whose door is held until the
# transaction ends.
DOORWAY = (
    door_query(bindparam("gate_id", type_=Uuid()))
    .add_columns(HouseRules, Schedule, Store.timezone)
    .select_from(DeviceChannel)
    .join(Store, Store.id == bindparam("store_id", type_=Uuid()))
    .outerjoin(HouseRules, HouseRules.store_id == Store.id)
    .outerjoin(Schedule, Schedule.id == HouseRules.opening_schedule_id)
)


async def doorway_of(session: AsyncSession, *, gate: Principal) -> Doorway:
    """The gate's, with its door held: ask before any member's row is locked."""
    return Doorway.of((await session.execute(DOORWAY, {"gate_id": gate.id, "store_id": gate.store})).one())
