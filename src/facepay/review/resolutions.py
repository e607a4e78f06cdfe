"""Resolving a dispute: whatever follows from a wrong decision happens in the transaction that finds it wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.checkout.orders import get_order, hold_order
from facepay.checkout.refunds import refund_order
from facepay.entrance.gates import GateAttempt
from facepay.entrance.visits import Visit, close_visit
from facepay.identity.lookalikes import OneMemberTwice, mark_reviewed
from facepay.identity.watches import watch
from facepay.kernel.errors import Conflict, Forbidden
from facepay.lanes.passages import Passage
from facepay.members.members import get_member
from facepay.review.decisions import Decision, get_decision, order_of
from facepay.review.disputes import Dispute, Verdict, found_right_before, get_dispute, hold_members
from facepay.review.marks import mark, take_back
from facepay.templates.adaptation import drop_adapted
from facepay.templates.evidence import drop_frame
from facepay.templates.templates import Template

Consequence = Literal[
    "refunded", "pair_steps_up", "member_steps_up", "learned_dropped", "visit_closed", "evidence_deleted"
]


class DisputeResolved(Conflict):
    """Somebody has resolved it already."""

    code = "dispute_resolved"
    title = "Already resolved"


class OwnDispute(Forbidden):
    """What staff dispute in their own name, somebody else resolves: money moves by it."""

    code = "own_dispute"
    title = "Your own dispute"


async def resolve(
    session: AsyncSession,
    *,
    dispute_id: UUID,
    verdict: Verdict,
    actual_member_id: UUID | None,
    note: str,
    staff_id: UUID,
    now: datetime,
) -> Dispute:
    """Find the decision right or wrong. `actual_member_id` is who it really was, where that is a member.

    Raises DisputeNotFound, DisputeResolved, OwnDispute, what `mark_reviewed` raises, and RefundRefused.
    """
    dispute = await get_dispute(session, dispute_id)
    decision = await _hold(session, dispute, actual_member_id)
    dispute = await get_dispute(session, dispute_id, lock=True)
    if dispute.verdict is not None:
        raise DisputeResolved("This dispute was resolved already.", verdict=dispute.verdict)
    if dispute.said_by == "staff" and dispute.opened_by == staff_id:
        raise OwnDispute("Somebody else has to resolve what you have disputed yourself.")
    dispute.member_id = decision.member_id  # known by now, where it was disputed before a second factor was given
    if actual_member_id is not None:
        if actual_member_id == decision.member_id:
            raise OneMemberTwice("The decision names this very member: then it was right.")
        await get_member(session, actual_member_id)
    if verdict == "wrong":
        consequences = await _put_right(session, dispute, decision, actual_member_id, staff_id, now)
        dispute.consequences = list(consequences)
    if await found_right_before(session, dispute):
        await take_back(session, decision=decision)
    mark(session, decision=decision, false=verdict == "wrong", now=now)
    dispute.verdict, dispute.note = verdict, note
    dispute.resolved_at, dispute.resolved_by = now, staff_id
    await session.flush()
    return dispute


async def _hold(session: AsyncSession, dispute: Dispute, actual_member_id: UUID | None) -> Decision:
    """The decision, once members and order are locked: in the order of a refund, and before the dispute, as whoever
    erases a member locks them.
    """
    decision = await get_decision(session, dispute.kind, dispute.decision_id)
    host_id = decision.payer_id if isinstance(decision, Passage) else None
    order_id = order_of(decision)
    payer_id = (await get_order(session, order_id)).member_id if order_id else None
    await hold_members(session, (decision.member_id, host_id, payer_id, dispute.member_id, actual_member_id))
    if order_id:
        await hold_order(session, order_id)
    return await get_decision(session, dispute.kind, dispute.decision_id)


async def _put_right(
    session: AsyncSession,
    dispute: Dispute,
    decision: Decision,
    actual_member_id: UUID | None,
    staff_id: UUID,
    now: datetime,
) -> list[Consequence]:
    done: list[Consequence] = []
    if (order_id := order_of(decision)) and await _refund_rest(session, dispute, order_id, staff_id, now):
        done.append("refunded")
    if decision.member_id is not None and decision.identified_by == "face":
        done.append(await _distrust(session, dispute, decision.member_id, actual_member_id, staff_id, now))
        if await _has_learned(session, decision.member_id):
            await drop_adapted(session, member_id=decision.member_id)
            done.append("learned_dropped")
    if isinstance(decision, GateAttempt) and await _close_visit(session, decision, now):
        done.append("visit_closed")
    # It shows somebody who didn't agree to that.
    if await drop_frame(session, decision_id=decision.id):
        done.append("evidence_deleted")
    return done


async def _refund_rest(session: AsyncSession, dispute: Dispute, order_id: UUID, staff_id: UUID, now: datetime) -> bool:
    """All that wasn't refunded before. The goods are with somebody else, so they don't go back into stock: that is
    what an amount says.
    """
    order = await get_order(session, order_id)
    left = order.total - order.refunded
    if left == 0:
        return False
    refund = await refund_order(
        session,
        order_id=order.id,
        amount=left,
        reason=f"Taken for somebody else: dispute {dispute.id}",
        actor=f"staff:{staff_id}",
        now=now,
    )
    dispute.refund_id = refund.id
    return True


async def _distrust(
    session: AsyncSession,
    dispute: Dispute,
    member_id: UUID,
    actual_member_id: UUID | None,
    staff_id: UUID,
    now: datetime,
) -> Consequence:
    """These two, or where it was no member, this one alone, always prove who they are from now on."""
    because = f"Dispute {dispute.id}"
    if actual_member_id is None:
        await watch(session, member_id=member_id, reason=because, staff_id=staff_id, now=now)
        return "member_steps_up"
    pair = await mark_reviewed(session, members=(member_id, actual_member_id), note=because, staff_id=staff_id, now=now)
    dispute.lookalike_id = pair.id
    return "pair_steps_up"


async def _has_learned(session: AsyncSession, member_id: UUID) -> bool:
    """What was learned after a wrong decision may rest on what was learned from it: all of it goes, or nothing."""
    adapted = select(Template.id).where(Template.member_id == member_id, Template.origin == "adapted")
    return bool(await session.scalar(select(adapted.exists())))


async def _close_visit(session: AsyncSession, attempt: GateAttempt, now: datetime) -> bool:
    """The visit that the wrong person's entry opened, so that the member themselves can come in."""
    if attempt.direction != "entry" or attempt.visit_id is None:
        return False
    visit = await session.get(Visit, attempt.visit_id, with_for_update=True)
    if visit is None or visit.left_at is not None:
        return False
    await close_visit(session, visit, gate_id=None, now=now)
    return True
