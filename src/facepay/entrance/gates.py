"""Gates: who may come in, who goes out, and the record of every attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.channel.doors import Door
from facepay.channel.interlocks import claim
from facepay.entrance.admission import Party, Refused, admit, interlocked_now
from facepay.entrance.doorways import Doorway
from facepay.entrance.telling import ENTERED, VisitTold, tell_visit
from facepay.entrance.visits import close_visit, current_visit
from facepay.identity.decisions import answer, identify
from facepay.identity.passes import ShownPass
from facepay.identity.sighting import Advice, Sighting
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import (
    WORTH_REVIEW,
    DeviceDecision,
    Recognised,
    Ruling,
    Shown,
    Verdict,
    means_of,
    settle,
    turn_away,
)
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base
from facepay.kernel.ids import new_id
from facepay.kernel.passwords import PasswordHasher
from facepay.members.members import Member
from facepay.settings import Settings
from facepay.watchlist.hits import Stopped, check

Direction = Literal["entry", "exit"]
ALONE = Party()
FACE_REQUIRED = "Nobody comes in here without showing their face to the camera."
# Of fewer people than stood there, and of somebody whom nobody had seen come in.
ODD = "code = 'welcome' and faces > 1 + guests or code = 'not_inside'"


class GateAttempt(DeviceDecision, Base):
    """One decision of a gate."""

    __tablename__ = "gate_attempt"
    __table_args__ = (
        CheckConstraint("direction in ('entry', 'exit')", name="direction_known"),
        CheckConstraint("decision in ('open', 'deny', 'step_up')", name="decision_known"),
        CheckConstraint("identified_by in ('face', 'pass')", name="identified_by_known"),
        Index("ix_gate_attempt_worth_review", "id", postgresql_where=text(WORTH_REVIEW)),
        Index("ix_gate_attempt_gate_id_decided_at", "gate_id", "decided_at"),
        Index("ix_gate_attempt_gate_id_code_id", "gate_id", "code", "id"),
        Index("ix_gate_attempt_denied", "gate_id", "decided_at", postgresql_where=text("decision = 'deny'")),
        Index("ix_gate_attempt_odd", "decided_at", postgresql_where=text(ODD)),
    )

    gate_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"))
    direction: Mapped[str] = mapped_column(String(8))
    visit_id: Mapped[UUID | None] = mapped_column(ForeignKey("visit.id"), index=True)
    command_number: Mapped[int] = mapped_column(server_default="0")  # the gate's last, when this was decided
    guests: Mapped[int] = mapped_column(server_default="0")
    group_id: Mapped[UUID | None]  # as the gate said
    faces: Mapped[int | None]  # in the fullest frame; of a pass, nobody has looked

    @property
    def is_crowded(self) -> bool:
        """Whether it opened for fewer people than stood there."""
        return (
            self.decision == "open"
            and self.code not in ("emergency", "released")
            and (self.faces or 0) > 1 + self.guests
        )


@dataclass(frozen=True, slots=True)
class GateDecision(Ruling):
    """What the gate does now; the attempt is its record. `refused` is why somebody may not come in."""

    record: GateAttempt
    basket_unpaid: bool = False
    refused: Refused | None = None


async def decide(
    session: AsyncSession,
    *,
    gate: Principal,
    doorway: Doorway,
    direction: Direction,
    shown: Shown,
    now: datetime,
    settings: Settings,
    party: Party = ALONE,
) -> GateDecision:
    """Let a recognised member through, ask where it is unsure who it is, refuse everybody else; at a gate that is
    locked, or stands open for everybody, nobody is looked up.
    """
    attempt = GateAttempt(
        id=new_id(),
        gate_id=gate.id,
        direction=direction,
        command_number=doorway.door.command_number,
        identified_by=means_of(shown),
        guests=party.guests,
        group_id=party.group_id,
        faces=shown.faces if isinstance(shown, Sighting) else None,
        created_at=now,
        decided_at=now,
    )
    if unseen := await _settle_unseen(session, doorway.door, attempt):
        return unseen
    if stopped := await stop(
        session, gate=gate, doorway=doorway, direction=direction, shown=shown, now=now, settings=settings
    ):
        refused = Refused(stopped.code, stopped.words, retry_after_seconds=stopped.retry_after_seconds(now))
        return await _refuse(session, attempt, refused)
    if doorway.house and direction == "entry":
        if doorway.house.wants_face(shown):  # before the pass is spent
            return await _refuse(session, attempt, Refused("face_required", FACE_REQUIRED))
        shown = doorway.house.look_at(shown)
    verdict = await identify(session, record=attempt, device=gate, shown=shown, now=now, settings=settings)
    return await _act(session, gate, doorway, attempt, verdict, now, settings)


async def stop(
    session: AsyncSession,
    *,
    gate: Principal,
    doorway: Doorway,
    direction: Direction,
    shown: Shown,
    now: datetime,
    settings: Settings,
) -> Stopped | None:
    """Whom the watchlist keeps from coming in, before anybody is identified. A pass shows nobody's face."""
    door = doorway.door
    if direction == "exit" or isinstance(shown, ShownPass) or door.released or door.is_shut_to("entry"):
        return None
    return await check(session, sighting=shown, device=gate, now=now, settings=settings)


async def finish_step_up(
    session: AsyncSession,
    *,
    gate: Principal,
    doorway: Doorway,
    direction: Direction,
    attempt_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> GateDecision:
    """Check an answer; the right one lets the member through. Raises AttemptNotFound and AttemptClosed."""
    attempt = await session.get(GateAttempt, attempt_id)
    if attempt is None or attempt.gate_id != gate.id or attempt.direction != direction:
        raise AttemptNotFound("No attempt with this id waits at this gate.")
    attempt.command_number = doorway.door.command_number
    attempt.decided_at = now
    if unseen := await _settle_unseen(session, doorway.door, attempt):
        return unseen
    verdict = await answer(session, record=attempt, device=gate, given=given, now=now, settings=settings, hasher=hasher)
    return await _act(session, gate, doorway, attempt, verdict, now, settings)


async def _settle_unseen(session: AsyncSession, door: Door, attempt: GateAttempt) -> GateDecision | None:
    """What doesn't depend on who it is."""
    if door.released:
        return await settle(session, GateDecision(attempt), "open", door.release_code)
    if door.is_shut_to("entry" if attempt.direction == "entry" else "exit"):
        return await settle(session, GateDecision(attempt), "deny", "gate_locked")
    return None


async def _act(
    session: AsyncSession,
    gate: Principal,
    doorway: Doorway,
    attempt: GateAttempt,
    verdict: Verdict,
    now: datetime,
    settings: Settings,
) -> GateDecision:
    if isinstance(verdict, Recognised):
        return await _let_through(session, gate, doorway, attempt, verdict.member, now, settings)
    return await turn_away(session, GateDecision(attempt), verdict, "deny")


async def _let_through(
    session: AsyncSession,
    gate: Principal,
    doorway: Doorway,
    attempt: GateAttempt,
    member: Member,
    now: datetime,
    settings: Settings,
) -> GateDecision:
    """What a member may do at a gate, however they were recognised. Their row is locked."""
    attempt.member_id = member.id
    if attempt.direction == "exit":
        return await _let_out(session, gate, doorway.door, attempt, member, now)
    if not member.is_active:
        return await settle(session, GateDecision(attempt, member), "deny", "member_blocked")
    party = Party(guests=attempt.guests, group_id=attempt.group_id)
    admitted = await admit(
        session,
        gate=gate,
        doorway=doorway,
        member_id=member.id,
        party=party,
        guests_max=settings.guests_max,
        now=now,
    )
    if isinstance(admitted, Refused):
        return await _refuse(session, attempt, admitted, member)
    attempt.visit_id = admitted
    came = VisitTold(id=admitted, store_id=gate.store, gate_id=gate.id, guests=attempt.guests)
    await tell_visit(session, ENTERED, came, now=now)
    return await settle(session, GateDecision(attempt, member), "open", "welcome")


async def _let_out(
    session: AsyncSession, gate: Principal, door: Door, attempt: GateAttempt, member: Member, now: datetime
) -> GateDecision:
    """Nobody is locked in, though they wait for another door of an interlock to close: the gate opens, and the code
    tells staff what was not in order.
    """
    if door.interlocked and await claim(session, device_id=gate.id, now=now, leaving=True):
        return await _refuse(session, attempt, interlocked_now(), member)
    visit = await current_visit(session, store_id=gate.store, member_id=member.id)
    if visit is None:
        return await settle(session, GateDecision(attempt, member), "open", "not_inside")
    await close_visit(session, visit, gate_id=gate.id, now=now)
    attempt.visit_id = visit.id
    leaving = GateDecision(attempt, member, basket_unpaid=visit.basket_unpaid)
    return await settle(session, leaving, "open", "basket_unpaid" if leaving.basket_unpaid else "goodbye")


async def _refuse(
    session: AsyncSession, attempt: GateAttempt, refused: Refused, member: Member | None = None
) -> GateDecision:
    advice = (Advice(refused.code, refused.words),) if refused.words else ()
    return await settle(session, GateDecision(attempt, member, advice=advice, refused=refused), "deny", refused.code)
