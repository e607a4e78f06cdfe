"""The decisions that may be looked at again: those of gates and of kiosks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.kiosk import Checkout
from facepay.entrance.gates import GateAttempt
from facepay.identity.verdicts import WORTH_REVIEW
from facepay.kernel.errors import Conflict, NotFound
from facepay.review.disputes import Dispute, Kind
from facepay.stores.devices import Device

Decision = GateAttempt | Checkout
TABLES: dict[Kind, type[GateAttempt] | type[Checkout]] = {"gate_attempt": GateAttempt, "checkout": Checkout}


class DecisionNotFound(NotFound):
    """There is no decision of this kind with this id."""

    code = "decision_not_found"
    title = "No such decision"


class DecisionPending(Conflict):
    """A second factor is waited for: there is nothing to dispute before it is given, or too late."""

    code = "decision_pending"
    title = "Not decided yet"


async def get_decision(session: AsyncSession, kind: Kind, decision_id: UUID) -> Decision:
    """Raises DecisionNotFound."""
    decision: Decision | None = await session.get(TABLES[kind], decision_id, populate_existing=True)
    if decision is None:
        raise DecisionNotFound("There is no decision of this kind with this id.")
    return decision


def device_of(decision: Decision) -> UUID:
    return decision.gate_id if isinstance(decision, GateAttempt) else decision.kiosk_id


async def store_of(session: AsyncSession, decision: Decision) -> UUID:
    if isinstance(decision, Checkout):
        return decision.store_id
    return (await session.get_one(Device, decision.gate_id)).store_id


def worth_review(kind: Kind, *, store_id: UUID | None) -> Select[Any]:
    """What nobody has disputed yet, and staff may want to look at all the same. A partial index holds just these."""
    table = TABLES[kind]
    column = Dispute.checkout_id if kind == "checkout" else Dispute.gate_attempt_id
    query = select(table).where(text(f"({WORTH_REVIEW})"), ~exists().where(column == table.id))
    if store_id is not None:
        # By their devices: Postgres, which can't know how few match, would rather read all checkouts of a store.
        device = Checkout.kiosk_id if kind == "checkout" else GateAttempt.gate_id
        query = query.where(device.in_(select(Device.id).where(Device.store_id == store_id)))
    return query
