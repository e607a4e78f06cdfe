"""Who is in a picture: every face of one frame, each member at most once. For people who look after a store.

It decides nothing and keeps nothing but the use of each recognised member's face.
"""

from __future__ import annotations

from asyncio import gather
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.assignment import assign
from facepay.identity.policy import Decision, Match, decide, policy_for
from facepay.identity.recognition import Recogniser
from facepay.identity.sighting import embedding_of
from facepay.identity.standing import standing_members
from facepay.members.biometric_uses import Use, record_use
from facepay.members.members import Member
from facepay.templates.gallery import Ranking
from facepay.vision.engine import FACES_MAX
from facepay.vision.evidence import FaceEvidence
from facepay.vision.quality import RECOGNITION, assess

# So many members of a face can be somebody else's before it has nobody left to be.
CANDIDATES_MAX = 8


@dataclass(frozen=True, slots=True)
class IdentifiedFace:
    """A face, whom it was compared with (None where it is too poor for that), and the member it is, if any."""

    face: FaceEvidence
    decision: Decision | None
    member_id: UUID | None


async def identify(recogniser: Recogniser, frame: bytes) -> list[IdentifiedFace]:
    """All faces of a frame under the gate's policy, nearest first. Raises vision's problems, and Overloaded."""
    evidence, _ = await gather(recogniser.inference.analyse(frame, embed=FACES_MAX), recogniser.catch_up())
    usable = [face for face in evidence.faces if not assess(face, policy=RECOGNITION)]
    top = min(len(usable) + 1, CANDIDATES_MAX)
    rankings = [await recogniser.keeper.search(embedding_of(face), top=top) for face in usable]
    decided = iter(_decide(recogniser, rankings))
    poor = (None, None)
    usable_ids = {id(face) for face in usable}
    return [IdentifiedFace(face, *(next(decided) if id(face) in usable_ids else poor)) for face in evidence.faces]


def _decide(recogniser: Recogniser, rankings: list[Ranking]) -> list[tuple[Decision, UUID | None]]:
    if not rankings:
        return []
    policy, calibration = policy_for("gate", recogniser.settings), recogniser.calibration
    threshold = policy.threshold(calibration, rankings[0].searched)
    given = assign([ranking.candidates for ranking in rankings], similarity_min=threshold)
    decisions = [decide(ranking, policy, calibration) for ranking in rankings]
    return [
        (decision, member_id if isinstance(decision, Match) and decision.member_id == member_id else None)
        for decision, member_id in zip(decisions, given, strict=True)
    ]


async def note_use(
    session: AsyncSession, *, faces: list[IdentifiedFace], actor: str, reference_id: UUID, now: datetime
) -> dict[UUID, Member]:
    """The members among these whose consent still stands, once it is noted that their faces were used."""
    similarities = {
        each.member_id: each.decision.similarity for each in faces if each.member_id is not None and each.decision
    }
    members = await standing_members(session, member_ids=similarities.keys(), now=now)
    for member in members:
        record_use(
            session,
            member_id=member.id,
            use=Use.RECOGNISED,
            actor=actor,
            reference_id=reference_id,
            similarity=similarities[member.id],
            now=now,
        )
    return {member.id: member for member in members}
