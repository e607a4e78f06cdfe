"""A device's decision: the record that stays of it, and what the device may do next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.identity.passes import ShownPass
from facepay.identity.policy import Match
from facepay.identity.sighting import Advice, Sighting
from facepay.identity.step_up import StepUp
from facepay.kernel.database import Identified
from facepay.kernel.records import write_down
from facepay.members.members import Member

Means = Literal["face", "pass"]
Shown = Sighting | ShownPass
# What staff look through unasked: matches that were barely sure enough, and second factors that were not given.
WORTH_REVIEW = "similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"


class DeviceDecision(Identified):
    """What the record of every device's decision holds. A stranger's says when and why, and nothing about the face.

    `identified_by` is what was shown first; a pass leaves all that is measured of a face null.
    """

    decision: Mapped[str] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(40))
    identified_by: Mapped[str] = mapped_column(String(8), server_default="face")
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("member.id"), index=True)
    similarity: Mapped[float | None]
    threshold: Mapped[float | None]
    false_positive_rate: Mapped[float | None]
    margin: Mapped[float | None]
    searched: Mapped[int | None]
    narrowed_by: Mapped[str | None] = mapped_column(String(16))
    basis: Mapped[str | None] = mapped_column(String(100))  # policy and calibration
    pack: Mapped[str | None] = mapped_column(String(100))
    quality: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # of the best frame
    work_ms: Mapped[int | None]  # to see who it is, from pixels to a name, whatever came of it
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime]

    def measured(self, match: Match, sighting: Sighting) -> None:
        """Note what the match rests on."""
        self.similarity, self.threshold, self.margin = match.similarity, match.threshold, match.margin
        self.false_positive_rate, self.searched, self.basis = match.false_positive_rate, match.searched, match.basis
        self.narrowed_by = sighting.narrowed_by
        number, face = sighting.best_view
        self.pack = sighting.evidences[number].pack
        self.quality = {name: round(value, 4) for name, value in asdict(face.quality).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a device does now; the record stays."""

    record: DeviceDecision
    member: Member | None = None
    step_up: StepUp | None = None
    answers_left: int | None = None
    advice: tuple[Advice, ...] = ()


AnyRuling = TypeVar("AnyRuling", bound=Ruling)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A member whose row is locked until the transaction ends. `proven`: by more than a face or a short code."""

    member: Member
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A second factor is waited for: a new one, or the one before after a wrong answer."""

    code: str
    step_up: StepUp | None = None
    answers_left: int | None = None


@dataclass(frozen=True, slots=True)
class TurnedAway:
    code: str
    advice: tuple[Advice, ...] = ()
    answers_left: int | None = None


Verdict = Recognised | Asked | TurnedAway


async def settle(session: AsyncSession, ruling: AnyRuling, decision: str, code: str) -> AnyRuling:
    """Write down what the device does, and why."""
    record = ruling.record
    record.decision, record.code = decision, code
    session.add(record)
    await write_down(session)
    return ruling


async def turn_away(session: AsyncSession, ruling: AnyRuling, verdict: Asked | TurnedAway, refusal: str) -> AnyRuling:
    """For now, where something is asked for; otherwise for good, by what the device calls that (`refusal`)."""
    if isinstance(verdict, Asked):
        asking = replace(ruling, step_up=verdict.step_up, answers_left=verdict.answers_left)
        return await settle(session, asking, "step_up", verdict.code)
    refusing = replace(ruling, advice=verdict.advice, answers_left=verdict.answers_left)
    return await settle(session, refusing, refusal, verdict.code)


def means_of(shown: Shown) -> Means:
    return "pass" if isinstance(shown, ShownPass) else "face"
