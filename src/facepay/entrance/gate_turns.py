"""Conversations at a gate: one person's frames, as many as it takes, until they are let through or not.

The words are those of Just Walk Out (see turns.py): a turn's authentication is accepted, denied, or processing still.
A frame that says nothing about who it is (no face, or none good enough) leaves it processing; a face that was there
and is gone for three seconds, or the end of the turn's time, denies it. While a second factor is waited for, the turn
lasts as long as the question does, and nobody has to look into the camera. The same where the watchlist has staff
asked: until they have answered it is processing, no pass leads round it, and the next frame decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.channel.doors import DeviceChannel
from facepay.entrance import gates, turns
from facepay.entrance.admission import Party
from facepay.entrance.doorways import DOORWAY, Doorway, doorway_of
from facepay.entrance.gates import Direction, GateAttempt, GateDecision
from facepay.entrance.turns import DeviceBusy, Turn, turn_indexes, turn_of
from facepay.identity.passes import ShownPass
from facepay.identity.sighting import Advice, Sighting, Unusable
from facepay.identity.step_up import AttemptNotFound
from facepay.identity.verdicts import Shown
from facepay.kernel.auth import Principal
from facepay.kernel.database import Base, Database
from facepay.kernel.errors import Problem
from facepay.kernel.passwords import PasswordHasher
from facepay.settings import Settings
from facepay.watchlist.hits import PLEASE_WAIT, WORDS

Authentication = Literal["accepted", "denied", "processing"]
KEPT_FOR = timedelta(days=1)


class TripReused(Problem):
    """This gate's trip of that id was started with another direction, other guests or another group."""

    status = 422
    code = "trip_reused"
    title = "Trip reused"


class GateTurn(Turn, Base):
    """One turn at a gate, and who comes along in it."""

    __tablename__ = "gate_turn"
    __table_args__ = (
        *turn_indexes("gate_turn"),
        CheckConstraint("direction in ('entry', 'exit')", name="direction_known"),
    )

    direction: Mapped[Direction] = mapped_column(String(8))
    guests: Mapped[int] = mapped_column(server_default="0")
    group_id: Mapped[UUID | None]  # as the gate says, whether there is such a group or not
    # The attempt that decided, or that waits for a second factor.
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("gate_attempt.id"))
    accepted: Mapped[bool] = mapped_column(server_default="false")
    held: Mapped[bool] = mapped_column(server_default="false")  # staff were asked about whoever stands there

    @property
    def party(self) -> Party:
        return Party(guests=self.guests, group_id=self.group_id)

    @property
    def authentication(self) -> Authentication:
        if self.ended_at is None:
            return "processing"
        return "accepted" if self.accepted else "denied"

    def face_left(self, now: datetime) -> bool:
        return self.attempt_id is None and not self.held and super().face_left(now)

    def gives_way(self, now: datetime) -> str | None:
        """Whoever waits for staff keeps nobody from leaving: staff's answer is about them, and not about the turn."""
        return super().gives_way(now) or ("gave_way" if self.held else None)


@dataclass(frozen=True, slots=True)
class TurnState:
    """Where a turn stands, and the decision that was made just now or, of a turn that has ended, the attempt before."""

    turn: GateTurn
    code: str
    decision: GateDecision | None = None
    attempt: GateAttempt | None = None
    advice: tuple[Advice, ...] = ()


_DOORWAY_AND_TURN = DOORWAY.add_columns(GateTurn).outerjoin(
    GateTurn, (GateTurn.device_id == DeviceChannel.device_id) & GateTurn.ended_at.is_(None)
)


async def free_doorway(session: AsyncSession, *, gate: Principal, now: datetime) -> Doorway:
    """The gate's, for a decision outside of turns. Raises DeviceBusy while it is somebody's turn."""
    found = await session.execute(_DOORWAY_AND_TURN, {"gate_id": gate.id, "store_id": gate.store})
    *columns, turn = found.one()
    doorway = Doorway.of(columns)
    if turn and not turn.gives_way(now) and not doorway.door.released:
        raise DeviceBusy(turn.expires_at - now)
    return doorway


async def take_turn(
    session: AsyncSession,
    *,
    gate: Principal,
    trip_id: str,
    direction: Direction,
    party: Party,
    now: datetime,
    settings: Settings,
) -> TurnState:
    """The gate for this trip alone, or where the turn that it had stands. Raises DeviceBusy and TripReused."""
    lasts = timedelta(seconds=settings.turn_seconds)
    asked = {"direction": direction, "guests": party.guests, "group_id": party.group_id}
    turn = await turns.start(session, GateTurn, device_id=gate.id, trip_id=trip_id, lasts=lasts, now=now, **asked)
    if turn.direction != direction or turn.party != party:
        raise TripReused("This trip was started with another direction, other guests or another group.")
    return await _over(session, turn, now) or TurnState(turn, "waiting")


async def show(
    session: AsyncSession, *, gate: Principal, turn_id: UUID, shown: Shown, now: datetime, settings: Settings
) -> TurnState:
    """Decide on frames or a pass, where they are enough to decide on. Raises TurnNotFound."""
    turn = await turn_of(session, GateTurn, turn_id=turn_id, device_id=gate.id)
    if over := await _over(session, turn, now):
        return over
    if isinstance(shown, Sighting) and shown.faces:
        turn.see_face(now)
    doorway = await doorway_of(session, gate=gate)
    if waits := await _hold(session, turn, gate, doorway, shown, now, settings):
        return waits
    if doorway.house and turn.direction == "entry":
        shown = doorway.house.look_at(shown)
    if isinstance(shown, Sighting) and isinstance(shown.outcome, Unusable) and not doorway.door.released:
        await session.flush()
        return TurnState(turn, shown.outcome.code, advice=shown.outcome.advice)
    decision = await gates.decide(
        session,
        gate=gate,
        doorway=doorway,
        direction=turn.direction,
        shown=shown,
        now=now,
        settings=settings,
        party=turn.party,
    )
    return await _conclude(session, turn, decision, now)


async def _hold(
    session: AsyncSession,
    turn: GateTurn,
    gate: Principal,
    doorway: Doorway,
    shown: Shown,
    now: datetime,
    settings: Settings,
) -> TurnState | None:
    """For staff, where the watchlist has stopped whoever stands there."""
    if turn.held and isinstance(shown, ShownPass) and not doorway.door.released:
        return TurnState(turn, PLEASE_WAIT, advice=(Advice(PLEASE_WAIT, WORDS[PLEASE_WAIT]),))
    stopped = await gates.stop(
        session, gate=gate, doorway=doorway, direction=turn.direction, shown=shown, now=now, settings=settings
    )
    if stopped is None or not stopped.waits:
        return None
    turn.held = True
    turn.expires_at = max(turn.expires_at, stopped.expires_at + timedelta(seconds=settings.turn_seconds))
    await session.flush()
    return TurnState(turn, stopped.code, advice=(Advice(stopped.code, stopped.words),))


async def finish_step_up(
    session: AsyncSession,
    *,
    gate: Principal,
    turn_id: UUID,
    given: str | ShownPass,
    now: datetime,
    settings: Settings,
    hasher: PasswordHasher,
) -> TurnState:
    """Check the answer to what the turn asks for. Raises TurnNotFound, and as `gates.finish_step_up` does."""
    turn = await turn_of(session, GateTurn, turn_id=turn_id, device_id=gate.id)
    if over := await _over(session, turn, now):
        return over
    if turn.attempt_id is None:
        raise AttemptNotFound("This turn has asked for nothing.")
    decision = await gates.finish_step_up(
        session,
        gate=gate,
        doorway=await doorway_of(session, gate=gate),
        direction=turn.direction,
        attempt_id=turn.attempt_id,
        given=given,
        now=now,
        settings=settings,
        hasher=hasher,
    )
    return await _conclude(session, turn, decision, now)


async def _conclude(session: AsyncSession, turn: GateTurn, decision: GateDecision, now: datetime) -> TurnState:
    attempt = decision.record
    if attempt.decision != "step_up":
        turn.accepted = attempt.decision == "open"
        turn.end(attempt.code, now=now)
    elif turn.attempt_id is None and decision.step_up:  # for the first question alone, or unsure frames go on for ever
        turn.expires_at = max(turn.expires_at, decision.step_up.expires_at)
    turn.attempt_id = attempt.id
    await session.flush()
    return TurnState(turn, attempt.code, decision)


async def _over(session: AsyncSession, turn: GateTurn, now: datetime) -> TurnState | None:
    """How the turn ended, where it has: whatever comes after that is told the same."""
    if turn.ended_at is None and (why := turn.why_over(now)):
        turn.end(why, now=now)
        await session.flush()
    if turn.code is None:
        return None
    attempt = await session.get(GateAttempt, turn.attempt_id) if turn.attempt_id else None
    return TurnState(turn, turn.code, attempt=attempt)


async def forget_turns(database: Database, *, now: datetime) -> None:
    """Drop turns that ran out a day ago: no device tries them again."""
    async with database.begin() as session:
        await session.execute(delete(GateTurn).where(GateTurn.expires_at < now - KEPT_FOR))
