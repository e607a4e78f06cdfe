"""The decisions that may be looked at again: those of gates, kiosks and lanes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from facepay.checkout.kiosk import Checkout
from facepay.entrance.gates import GateAttempt
from facepay.identity.verdicts import WORTH_REVIEW
from facepay.kernel.errors import Conflict, NotFound
from facepay.lanes.passages import Passage
from facepay.review.disputes import Kind, decision_column
from facepay.stores.devices import Device

Decision = GateAttempt | Checkout | Passage
TABLES: dict[Kind, type[Decision]] = {"gate_attempt": GateAttempt, "checkout": Checkout, "passage": Passage}
DEVICES: dict[Kind, InstrumentedAttribute[UUID]] = {
    "gate_attempt": GateAttempt.gate_id,
    "checkout": Checkout.kiosk_id,
    "passage": Passage.device_id,
}


class DecisionNotFound(NotFound):
    """There is no decision of this kind with this id."""

    code = "decision_not_found"
    title = "No such decision"


class DecisionPending(Conflict):
    """A second factor is waited for, or somebody is in the lane: there is nothing to dispute before that is over."""

    code = "decision_pending"
    title = "Not decided yet"


async def get_decision(session: AsyncSession, kind: Kind, decision_id: UUID) -> Decision:
    """Raises DecisionNotFound."""
    decision: Decision | None = await session.get(TABLES[kind], decision_id, populate_existing=True)
    if decision is None:
        raise DecisionNotFound("There is no decision of this kind with this id.")
    return decision


def kind_of(decision: Decision) -> Kind:
    return next(kind for kind, table in TABLES.items() if isinstance(decision, table))


def device_of(decision: Decision) -> UUID:
    device_id: UUID = getattr(decision, DEVICES[kind_of(decision)].key)
    return device_id


def order_of(decision: Decision) -> UUID | None:
    """What was sold by it, if anything."""
    return None if isinstance(decision, GateAttempt) else decision.order_id


def still_open(decision: Decision) -> bool:
    """Whether somebody is still in the lane that it is about."""
    return isinstance(decision, Passage) and decision.ended_at is None


async def store_of(session: AsyncSession, decision: Decision) -> UUID:
    if isinstance(decision, GateAttempt):
        return (await session.get_one(Device, decision.gate_id)).store_id
    return decision.store_id


def worth_review(kind: Kind, *, store_id: UUID | None) -> Select[Any]:
    """What nobody has disputed yet, and staff may want to look at all the same. A partial index holds just these."""
    table = TABLES[kind]
    query = select(table).where(text(f"({WORTH_REVIEW})"), ~exists().where(decision_column(kind) == table.id))
    if store_id is not None:
        # By their devices: Postgres, which can't know how few match, would rather read all checkouts of a store.
        query = query.where(DEVICES[kind].in_(select(Device.id).where(Device.store_id == store_id)))
    return query
