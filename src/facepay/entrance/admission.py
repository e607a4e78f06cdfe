"""Coming in: what a recognised member has to fulfil, and the visit that opens where they do.

The usual entry is one statement, which the visit's conditions are part of: it sees what was committed until the
member's row was locked, which the statement that locks it doesn't. Where people are counted, the store's rules are
locked before it as well: so the count is exact, however many gates let in at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Uuid,
    bindparam,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.channel.interlocks import CLAIMED_FOR, claim, stands_in_way
from facepay.entrance.doorways import Doorway
from facepay.entrance.groups import join_on_entering
from facepay.entrance.house_rules import House, hold_rules
from facepay.entrance.visits import Visit, is_inside, people_inside
from facepay.kernel.auth import Principal
from facepay.kernel.database import Prepared
from facepay.kernel.ids import new_id
from facepay.kernel.schemas import Request
from facepay.stores.stores import Store
from facepay.wallet.debts import collect, in_debt

GUESTS_MAX = 50
TRIES_MAX = 3
# Nobody knows when somebody leaves: how long a gate may tell people to wait before it asks again.
ASK_AGAIN_SECONDS = 30
NoRoom = Literal["store_full", "party_inside"]
NO_ROOM: dict[NoRoom, str] = {
    "store_full": "The store is full. Please wait until somebody leaves.",
    "party_inside": "Somebody is inside. Please wait until they have left.",
}


class Party(Request):
    """Who comes in with a member: guests on the member's own face or pass, and the group that they join."""

    guests: Annotated[
        int, Field(ge=0, le=GUESTS_MAX, description="Whom the member brings in, such as children, and pays for.")
    ] = 0
    group_id: Annotated[
        UUID | None, Field(description="Join this group, opened at this gate; whoever is first in it pays for all.")
    ] = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why somebody stays outside, in `words` where the house says so; what they owe in minor units, where it is for a
    debt; and when it is worth another try.
    """

    code: Literal[
        "already_inside",
        "group_closed",
        "too_many_guests",
        "debt_unsettled",
        "outside_hours",
        "store_full",
        "party_inside",
        "door_interlocked",
        "face_required",
        "please_wait",
        "please_ask_staff",
    ]
    words: str | None = None
    amount_owed: int | None = None
    currency: str | None = None
    retry_after_seconds: int | None = None
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """For which lack of room a party may have to stay outside: nothing, where nobody counts people."""

    counted: tuple[NoRoom, ...] = ()
    capacity_max: int | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    """Somebody who wants to come in. `guests_max` is for stores without a rule of their own."""

    gate: Principal
    member_id: UUID
    party: Party
    is_host: bool
    guests_max: int
    now: datetime
    room: Room

    def asked(self) -> dict[str, Any]:
        """What every statement about it goes by."""
        return {
            "store_id": self.gate.store,
            "member_id": self.member_id,
            "guests": self.party.guests,
            "guests_max": self.guests_max,
            "group_id": self.party.group_id,
            "capacity_max": self.room.capacity_max,
        }


async def admit(
    session: AsyncSession,
    *,
    gate: Principal,
    doorway: Doorway,
    member_id: UUID,
    party: Party,
    guests_max: int,
    now: datetime,
) -> UUID | Refused:
    """The new visit's id, or why there is none. The member's row is locked; `guests_max` is for stores without a
    rule of their own. Whoever owes pays now, as far as the wallet has it.
    """
    house, interlocked = doorway.house, doorway.door.interlocked
    if house and not house.is_open(now):
        return _closed(house, now)
    if interlocked and await stands_in_way(session, device_id=gate.id, now=now):
        return interlocked_now()
    is_host = False
    if party.group_id is not None:
        joined = await join_on_entering(session, group_id=party.group_id, gate_id=gate.id, now=now)
        if joined is None:
            return Refused("group_closed")
        is_host = joined
    room = await _held_room(session, gate.store) if house and house.rules.counts_people else Room()
    entry = _Entry(gate, member_id, party, is_host, guests_max, now, room)
    for _ in range(TRIES_MAX):
        if visit_id := await _open_visit(session, entry):
            if interlocked:
                await claim(session, device_id=gate.id, now=now)
            return visit_id
        if refused := await _why_not(session, entry):
            return refused
    return Refused("already_inside")  # they come and go at other gates in the meantime


def interlocked_now() -> Refused:
    words = "Another door is open. Please wait until it has closed."
    return Refused("door_interlocked", words, retry_after_seconds=CLAIMED_FOR.seconds)


def _closed(house: House, now: datetime) -> Refused:
    opens_at = house.opens_at(now)
    if opens_at is None:
        return Refused("outside_hours", "The store is closed.")
    when = house.on_the_wall(opens_at)
    words = f"The store is closed. It opens on {when:%A} at {when:%H:%M}."
    return Refused("outside_hours", words, opens_at=opens_at)


async def _held_room(session: AsyncSession, store_id: UUID) -> Room:
    """What this store counts. No other comes in meanwhile, until this transaction ends."""
    rules = await hold_rules(session, store_id=store_id)
    counted: dict[NoRoom, bool] = {
        "party_inside": rules.one_party_at_a_time,
        "store_full": rules.capacity_max is not None,
    }
    return Room(tuple(code for code, is_counted in counted.items() if is_counted), rules.capacity_max)


_VISIT_ID, _MEMBER_ID, _STORE_ID, _GATE_ID, _GROUP_ID = (
    bindparam(name, type_=Uuid()) for name in ("visit_id", "member_id", "store_id", "gate_id", "group_id")
)
_GUESTS, _GUESTS_MAX, _CAPACITY_MAX = (
    bindparam(name, type_=BigInteger()) for name in ("guests", "guests_max", "capacity_max")
)
_ALLOWED = func.coalesce(Store.guests_max, _GUESTS_MAX)
_OF_OTHERS = or_(_GROUP_ID.is_(None), Visit.group_id.is_distinct_from(_GROUP_ID))
_HAS_ROOM: dict[NoRoom, ColumnElement[bool]] = {
    "party_inside": ~select(Visit.id).where(Visit.store_id == _STORE_ID, Visit.left_at.is_(None), _OF_OTHERS).exists(),
    "store_full": people_inside(store_id=_STORE_ID) + 1 + _GUESTS <= _CAPACITY_MAX,
}


@cache
def _opening(counted: tuple[NoRoom, ...]) -> Prepared:
    """A visit, where nothing stands in its way. Composed once for each set of rules."""
    values = {
        "id": _VISIT_ID,
        "store_id": Store.id,
        "member_id": _MEMBER_ID,
        "entered_at": bindparam("now", type_=DateTime(timezone=True)),
        "entry_gate_id": _GATE_ID,
        "basket_unpaid": literal(False),
        "guests": _GUESTS,
        "group_id": _GROUP_ID,
        "is_host": bindparam("is_host", type_=Boolean()),
    }
    may_enter = select(*values.values()).where(
        Store.id == _STORE_ID,
        _ALLOWED >= _GUESTS,
        ~in_debt(_MEMBER_ID, unit=Store.currency),
        *(_HAS_ROOM[code] for code in counted),
    )
    opened = insert(Visit).from_select(list(values), may_enter)
    once = opened.on_conflict_do_nothing(index_elements=["store_id", "member_id"], index_where=text("left_at is null"))
    return Prepared(once.returning(Visit.id))


@cache
def _standing_in_way(counted: tuple[NoRoom, ...]) -> Prepared:
    """What an entry that found none of it in its way may have been refused for."""
    inside = is_inside(store_id=_STORE_ID, member_id=_MEMBER_ID)
    room = (_HAS_ROOM[code] for code in counted)
    return Prepared(select(Store.currency, _ALLOWED, inside, *room).where(Store.id == _STORE_ID))


async def _open_visit(session: AsyncSession, entry: _Entry) -> UUID | None:
    opened = await _opening(entry.room.counted).rows(
        session,
        **entry.asked(),
        visit_id=new_id(),
        gate_id=entry.gate.id,
        now=entry.now,
        is_host=entry.is_host,
    )
    return opened[0][0] if opened else None


async def _why_not(session: AsyncSession, entry: _Entry) -> Refused | None:
    """None where nothing stands in the way any more."""
    counted = entry.room.counted
    [(currency, allowed, inside, *room)] = await _standing_in_way(counted).rows(session, **entry.asked())
    if inside:
        return Refused("already_inside")
    if entry.party.guests > allowed:
        return Refused("too_many_guests")
    for code, has_room in zip(counted, room, strict=True):
        if not has_room:
            return Refused(code, NO_ROOM[code], retry_after_seconds=ASK_AGAIN_SECONDS)
    actor = f"device:{entry.gate.id}"
    owed = await collect(session, member_id=entry.member_id, unit=currency, actor=actor, now=entry.now)
    return Refused("debt_unsettled", amount_owed=owed, currency=currency) if owed else None
