"""After a sure match, the member's templates may learn from it: off unless a shop turns it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends
from sqlalchemy.exc import SQLAlchemyError

from facepay.identity.policy import Match
from facepay.identity.recognition import RecogniserOf
from facepay.identity.sighting import Sighting
from facepay.kernel.clock import Now
from facepay.kernel.database import Db
from facepay.kernel.dependencies import made
from facepay.templates.adaptation import AdaptationPolicy, adapt
from facepay.templates.protection import GalleryLocked
from facepay.vision.evidence import FaceEvidence
from facepay.vision.quality import ENROLMENT, assess

log = structlog.get_logger()
POLICY = AdaptationPolicy()
LEARN_FROM = {
    "off": frozenset[str](),
    "entries": frozenset({"gate_entry"}),
    "entries_and_purchases": frozenset({"gate_entry", "kiosk", "lane"}),
}


@dataclass(frozen=True, slots=True)
class Learner:
    """Learns once a decision stands, in a transaction of its own."""

    database: Db
    recogniser: RecogniserOf
    now: Now

    async def learn(self, sighting: Sighting, *, use: str, decision: str) -> None:
        """Of the person who was let in or has paid without being asked for anything else. Whatever goes wrong here,
        the decision has been made.
        """
        match = sighting.outcome
        if use not in LEARN_FROM[self.recogniser.settings.template_learning] or decision not in {"open", "paid"}:
            return
        face = worth_learning(sighting)
        if face is None or not isinstance(match, Match):
            return
        try:
            await self._adapt(match, face)
        except (SQLAlchemyError, OSError, GalleryLocked) as error:
            log.warning("learning_failed", error=type(error).__name__)

    async def _adapt(self, match: Match, face: FaceEvidence) -> None:
        keeper = self.recogniser.keeper
        async with self.database.begin() as session:
            learned = await adapt(
                session,
                protection=keeper.protection,
                member_id=match.member_id,
                pack=keeper.pack,
                face=face,
                threshold=match.threshold,
                policy=POLICY,
                now=self.now,
            )
        if learned is not None:
            await keeper.follow(self.database)


def worth_learning(sighting: Sighting) -> FaceEvidence | None:
    """The best view of a surely recognised person who was alone, in our own engine's eyes and good enough to enrol."""
    match = sighting.outcome
    if not isinstance(match, Match) or sighting.signed is not None or sighting.faces != 1:
        return None
    faces = [face for evidence in sighting.evidences for face in evidence.faces if not assess(face, policy=ENROLMENT)]
    best = max(faces, key=_norm, default=None)
    if best is None:
        return None
    sure = POLICY.is_sure(
        similarity=match.similarity, threshold=match.threshold, margin=match.margin, embedding_norm=_norm(best)
    )
    return best if sure else None


def _norm(face: FaceEvidence) -> float:
    return face.quality.embedding_norm or 0.0


LearnerOf = Annotated[Learner, Depends(made(Learner))]
