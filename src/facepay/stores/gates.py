"""Gates: who may come in, who goes out, and the record of every attempt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.identity import step_up as stepping
from facepay.identity.policy import Ambiguous, Match, Uncertain
from facepay.identity.recognition import Sighting, candidates_of, code_of, recognised_member
from facepay.identity.step_up import AttemptNotFound, Proven, StepUp
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Identified
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import Member
from facepay.stores.visits import current_visit, open_visit

Direction = Literal["entry", "exit"]


class GateAttempt(Identified, Base):
    """One decision of a gate. A stranger's says when and why, and nothing about the face."""

    __tablename__ = "gate_attempt"
    __table_args__ = (
        CheckConstraint("direction in ('entry', 'exit')", name="direction_known"),
        CheckConstraint("decision in ('open', 'deny', 'step_up')", name="decision_known"),
    )

    gate_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), index=True)
    direction: Mapped[str] = mapped_column(String(8))
    decision: Mapped[str] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(40))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"), index=True)
    visit_id: Mapped[UUID | None] = mapped_column(ForeignKey("visit.id"))
    similarity: Mapped[float | None]
    threshold: Mapped[float | None]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What the gate does now; the attempt is its record."""

    attempt: GateAttempt
    member: Member | None = None
    margin: float | None = None
    basket_unpaid: bool = False
    step_up: StepUp | None = None
    answers_left: int | None = None


async def decide(
    session: AsyncSession,
    *,
    gate: Principal,
    direction: Direction,
    sighting: Sighting,
    now: datetime,
    step_up_lasts: timedelta,
) -> GateDecision:
    """Let a recognised member through, ask where it is unsure who it is, refuse everybody else."""
    outcome = sighting.outcome
    attempt = GateAttempt(id=new_id(), gate_id=gate.id, direction=direction, created_at=now, decided_at=now)
    if isinstance(outcome, Match):
        attempt.similarity, attempt.threshold = outcome.similarity, outcome.threshold
        decision = await _pass(session, gate, attempt, outcome.member_id, now)
        return replace(decision, margin=outcome.margin)
    if isinstance(outcome, Ambiguous | Uncertain):
        return await _ask(session, gate, attempt, outcome, now, step_up_lasts)
    return await _settle(session, attempt, "deny", code_of(outcome))


async def finish_step_up(
    session: AsyncSession,
    *,
    gate: Principal,
    direction: Direction,
    attempt_id: UUID,
    text: str,
    now: datetime,
    answers_max: int,
    hasher: PasswordHasher,
) -> GateDecision:
    """Check an answer; the right one lets the member through. Raises AttemptNotFound and AttemptClosed."""
    attempt = await session.get(GateAttempt, attempt_id)
    if attempt is None or attempt.gate_id != gate.id or attempt.direction != direction:
        raise AttemptNotFound("No attempt with this id waits at this gate.")
    result = await stepping.answer(
        session,
        attempt_id=attempt_id,
        device_id=gate.id,
        text=text,
        now=now,
        answers_max=answers_max,
        hasher=hasher,
    )
    attempt.decided_at = now
    if isinstance(result, Proven):
        return await _pass(session, gate, attempt, result.member_id, now)
    again: Literal["step_up", "deny"] = "step_up" if result.answers_left else "deny"
    decision = await _settle(session, attempt, again, "wrong_answer")
    return replace(decision, answers_left=result.answers_left)


async def _pass(
    session: AsyncSession, gate: Principal, attempt: GateAttempt, member_id: UUID, now: datetime
) -> GateDecision:
    member = await recognised_member(session, member_id=member_id)
    if member is None:
        # Withdrawn between the match and this transaction: from here on they are a stranger.
        attempt.similarity = None
        return await _settle(session, attempt, "deny", "unknown_face")
    attempt.member_id = member.id
    if attempt.direction == "exit":
        return await _leave(session, gate, attempt, member, now)
    if not member.is_active:
        return await _settle(session, attempt, "deny", "member_blocked", member)
    visit_id = await open_visit(session, store_id=gate.store, member_id=member.id, gate_id=gate.id, now=now)
    if visit_id is None:
        return await _settle(session, attempt, "deny", "already_inside", member)
    attempt.visit_id = visit_id
    return await _settle(session, attempt, "open", "welcome", member)


async def _leave(
    session: AsyncSession, gate: Principal, attempt: GateAttempt, member: Member, now: datetime
) -> GateDecision:
    """Nobody is locked in: the gate opens, and the code tells staff what was not in order."""
    visit = await current_visit(session, store_id=gate.store, member_id=member.id)
    if visit is None:
        return await _settle(session, attempt, "open", "not_inside", member)
    visit.left_at, visit.exit_gate_id, attempt.visit_id = now, gate.id, visit.id
    code = "basket_unpaid" if visit.basket_unpaid else "goodbye"
    decision = await _settle(session, attempt, "open", code, member)
    return replace(decision, basket_unpaid=visit.basket_unpaid)


async def _ask(
    session: AsyncSession,
    gate: Principal,
    attempt: GateAttempt,
    outcome: Ambiguous | Uncertain,
    now: datetime,
    lasts: timedelta,
) -> GateDecision:
    asked = await stepping.ask(
        session,
        attempt_id=attempt.id,
        device_id=gate.id,
        candidate_ids=candidates_of(outcome),
        now=now,
        lasts=lasts,
    )
    if asked is None:
        return await _settle(session, attempt, "deny", "step_up_impossible")
    return replace(await _settle(session, attempt, "step_up", code_of(outcome)), step_up=asked)


async def _settle(
    session: AsyncSession,
    attempt: GateAttempt,
    decision: Literal["open", "deny", "step_up"],
    code: str,
    member: Member | None = None,
) -> GateDecision:
    attempt.decision, attempt.code = decision, code
    session.add(attempt)
    await session.flush()
    return GateDecision(attempt=attempt, member=member)
