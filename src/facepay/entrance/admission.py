"""Coming in: what a recognised member has to fulfil, and the visit that opens where they do.

The usual entry is one statement, which the visit's conditions are part of: it sees what was committed until the
member's row was locked, which the statement that locks it doesn't.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.groups import join_on_entering
from facepay.entrance.visits import Visit, is_inside
from facepay.kernel.auth import Principal
from facepay.kernel.ids import new_id
from facepay.kernel.schemas import Request
from facepay.stores.stores import Store
from facepay.wallet.debts import collect, in_debt

GUESTS_MAX = 50
TRIES_MAX = 3


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
    """Why somebody stays outside; what they owe in minor units, where it is for a debt."""

    code: Literal["already_inside", "group_closed", "too_many_guests", "debt_unsettled"]
    amount_owed: int | None = None
    currency: str | None = None


async def admit(
    session: AsyncSession, *, gate: Principal, member_id: UUID, party: Party, guests_max: int, now: datetime
) -> UUID | Refused:
    """The new visit's id, or why there is none. The member's row is locked; `guests_max` is for stores without a
    rule of their own. Whoever owes pays now, as far as the wallet has it.
    """
    is_host = False
    if party.group_id is not None:
        joined = await join_on_entering(session, group_id=party.group_id, gate_id=gate.id, now=now)
        if joined is None:
            return Refused("group_closed")
        is_host = joined
    for _ in range(TRIES_MAX):
        if visit_id := await _open_visit(session, gate, member_id, party, is_host, guests_max, now):
            return visit_id
        if refused := await _why_not(session, gate, member_id, party, guests_max, now):
            return refused
    return Refused("already_inside")  # they come and go at other gates in the meantime


async def _open_visit(
    session: AsyncSession,
    gate: Principal,
    member_id: UUID,
    party: Party,
    is_host: bool,
    guests_max: int,
    now: datetime,
) -> UUID | None:
    values = {
        "id": literal(new_id()),
        "store_id": Store.id,
        "member_id": literal(member_id),
        "entered_at": literal(now),
        "entry_gate_id": literal(gate.id),
        "basket_unpaid": literal(False),
        "guests": literal(party.guests),
        "group_id": literal(party.group_id, Visit.group_id.type),
        "is_host": literal(is_host),
    }
    may_enter = select(*values.values()).where(
        Store.id == gate.store,
        func.coalesce(Store.guests_max, guests_max) >= party.guests,
        ~in_debt(member_id, unit=Store.currency),
    )
    opened = insert(Visit).from_select(list(values), may_enter)
    once = opened.on_conflict_do_nothing(index_elements=["store_id", "member_id"], index_where=text("left_at is null"))
    return await session.scalar(once.returning(Visit.id))


async def _why_not(
    session: AsyncSession, gate: Principal, member_id: UUID, party: Party, guests_max: int, now: datetime
) -> Refused | None:
    """None where nothing stands in the way any more."""
    rules = select(
        Store.currency,
        func.coalesce(Store.guests_max, guests_max),
        is_inside(store_id=gate.store, member_id=member_id),
    ).where(Store.id == gate.store)
    currency, allowed, inside = (await session.execute(rules)).one()
    if inside:
        return Refused("already_inside")
    if party.guests > allowed:
        return Refused("too_many_guests")
    owed = await collect(session, member_id=member_id, unit=currency, actor=f"device:{gate.id}", now=now)
    return Refused("debt_unsettled", owed, currency) if owed else None
