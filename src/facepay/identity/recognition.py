"""From a frame to an outcome: the one way in which gates, kiosks and lanes learn who stands before them."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.calibration import Calibration
from facepay.identity.enrolment import FRAMES_MAX
from facepay.identity.policy import Ambiguous, Match, NoMatch, Uncertain, decide, policy_for
from facepay.kernel.database import Database
from facepay.kernel.metrics import Metrics
from facepay.members.consents import Consent
from facepay.members.members import Member, MemberStatus
from facepay.settings import Settings
from facepay.templates.gallery import Ranking
from facepay.templates.keeper import GalleryKeeper
from facepay.templates.templates import Template
from facepay.vision.evidence import FaceEvidence, FrameEvidence
from facepay.vision.pool import InferencePool

# Below this a face says too little about who it is (pixels between the eyes; people at a gate have 60 and more).
EYE_DISTANCE_MIN_PX = 16.0

Inside = Callable[[AsyncSession], Awaitable[Collection[UUID]]]


@dataclass(frozen=True, slots=True)
class NoFace:
    """The frame shows no face, or none that is near enough to be compared."""

    code: str


Outcome = Match | Ambiguous | Uncertain | NoMatch | NoFace


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a frame came to: who, how many faces, how long each stage took."""

    outcome: Outcome
    faces: int
    timings_ms: dict[str, float]


def code_of(outcome: Ambiguous | Uncertain | NoMatch | NoFace) -> str:
    """The stable code of a frame that is not a match."""
    match outcome:
        case NoFace(code):
            return code
        case Ambiguous():
            return "ambiguous_face"
        case Uncertain():
            return "uncertain_face"
        case NoMatch():
            return "unknown_face"


def candidates_of(outcome: Ambiguous | Uncertain) -> tuple[UUID, ...]:
    """Whom a second factor has to tell apart."""
    return outcome.candidates if isinstance(outcome, Ambiguous) else (outcome.member_id,)


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Models, gallery and policy together. What it saw of a stranger ends with the call."""

    database: Database
    inference: InferencePool
    keeper: GalleryKeeper
    calibration: Calibration
    settings: Settings
    metrics: Metrics

    async def at_gate(self, frame: bytes) -> Sighting:
        """Search the whole chain under the gate's policy. Raises vision's problems with the frame, and Overloaded."""
        evidence, _ = await gather(self.inference.analyse(frame), self._catch_up())
        return await self._sighting(
            evidence, lambda ranking: decide(ranking, policy_for("gate", self.settings), self.calibration)
        )

    async def at_checkout(self, frame: bytes, *, inside: Inside) -> Sighting:
        """Search those who are inside, then the chain under the stricter policy. Raises as `at_gate` does."""
        evidence, present = await gather(self.inference.analyse(frame), self._catch_up(inside))
        return await self._sighting(evidence, lambda ranking: self._payer(ranking, present))

    async def _catch_up(self, inside: Inside | None = None) -> Collection[UUID]:
        """Follow the gallery while the models run, since the search comes after them; and see who is inside."""
        async with self.database.read() as session:
            behind = await self.keeper.is_behind(session)
            present = await inside(session) if inside else frozenset[UUID]()
        if behind:
            await self.keeper.follow(self.database)
        return present

    def _payer(self, ranking: Ranking, present: Collection[UUID]) -> Match | Ambiguous | Uncertain | NoMatch:
        """Few people are inside, so a lower threshold is as sure for them; but whoever is inside must also be
        the most alike of the whole chain, ahead by the margin, or a likeness outside would pay from their wallet.
        """
        if ranking.best is not None and ranking.best.member_id in present:
            narrowed = replace(ranking, searched=FRAMES_MAX * len(present))  # templates, at the most
            return decide(narrowed, policy_for("pay_inside", self.settings), self.calibration)
        return decide(ranking, policy_for("pay_chain", self.settings), self.calibration)

    async def _sighting(
        self, evidence: FrameEvidence, judge: Callable[[Ranking], Match | Ambiguous | Uncertain | NoMatch]
    ) -> Sighting:
        self.metrics.observe_stages(evidence.timings_ms)
        timings = {stage: round(milliseconds, 2) for stage, milliseconds in evidence.timings_ms.items()}
        with self.metrics.stage("search", timings):
            outcome = _unusable(evidence.faces) or await self._judged(evidence.faces[0], judge)
        return Sighting(outcome, faces=len(evidence.faces), timings_ms=timings)

    async def _judged(
        self, face: FaceEvidence, judge: Callable[[Ranking], Match | Ambiguous | Uncertain | NoMatch]
    ) -> Outcome:
        assert face.embedding is not None, "the nearest face is always embedded"
        return judge(await self.keeper.search(face.embedding))


def _unusable(faces: tuple[FaceEvidence, ...]) -> NoFace | None:
    if not faces:
        return NoFace("no_face")
    return NoFace("face_too_small") if faces[0].quality.eye_distance_px < EYE_DISTANCE_MIN_PX else None


async def recognised_member(session: AsyncSession, *, member_id: UUID, alone: bool = False) -> Member | None:
    """The member, whose consent and templates still stand; None where either was withdrawn since the search.

    Their row is locked against withdrawal and blocking until the transaction ends; `alone`, against whoever else
    recognised them too.
    """
    return await session.scalar(
        select(Member)
        .where(
            Member.id == member_id,
            Member.status != MemberStatus.ERASED,
            select(Consent.id).where(Consent.member_id == member_id, Consent.withdrawn_at.is_(None)).exists(),
            select(Template.id).where(Template.member_id == member_id).exists(),
        )
        .with_for_update(read=not alone, key_share=alone)
    )


def get_recogniser(request: Request) -> Recogniser:
    recogniser: Recogniser = request.app.state.recogniser
    return recogniser


RecogniserOf = Annotated[Recogniser, Depends(get_recogniser)]
