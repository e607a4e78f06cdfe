"""A face becomes a member's ticket, or stops being one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from typing import Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.calibration.calibration import Calibration
from facepay.identity.lookalikes import hold_pairs, known_apart, measure_afresh
from facepay.identity.policy import MatchPolicy
from facepay.identity.sighting import embedding_of
from facepay.kernel.auth import Principal
from facepay.kernel.errors import Conflict, Problem
from facepay.members.consents import require_consent, withdraw_consent
from facepay.members.members import get_member
from facepay.templates.keeper import GalleryKeeper
from facepay.templates.photos import keep_photos
from facepay.templates.protection import Floats
from facepay.templates.templates import Template, lock_gallery, remove_templates, replace_templates
from facepay.vision.evidence import FaceEvidence, FrameEvidence
from facepay.vision.feedback import feedback
from facepay.vision.fusion import least_alike
from facepay.vision.quality import QualityPolicy, assess

FRAMES_MAX = 5
LOOKALIKES_MAX = 5  # marked for each photo at the most
# A face counts as alone when it covers twice the area of the next: a bystander stands 1.4 times as far away.
DOMINANT_AREA_RATIO = 2.0


class FrameRefused(Problem):
    status = 422


class FaceNotFound(FrameRefused):
    """A frame shows no face; `frames` counts from 0."""

    code = "no_face"
    title = "No face"


class MultipleFaces(FrameRefused):
    """A frame shows several faces, and none is clearly the nearest."""

    code = "multiple_faces"
    title = "Several faces"


class LowQuality(FrameRefused):
    """A face can't be enrolled as it was taken; `refusals` says why, with what was measured, `feedback` what to do."""

    code = "low_quality"
    title = "Quality too low"


class FacesDisagree(FrameRefused):
    """The frames of one enrolment don't show the same person."""

    code = "faces_disagree"
    title = "Different people"


class FaceAlreadyEnrolled(Conflict):
    """Another member has enrolled this face. `other_member_id` says who, to staff with `lookalikes:write` only."""

    code = "face_already_enrolled"
    title = "Face already enrolled"

    def __init__(self, other_member_id: UUID) -> None:
        super().__init__("Another member has enrolled this face.")
        self.other_member_id = other_member_id

    def told_to(self, staff: Principal) -> Self:
        """Whoever may mark the two as two people has to know who the other is."""
        if "lookalikes:write" in staff.scopes:
            self.measured["other_member_id"] = str(self.other_member_id)
        return self


@dataclass(frozen=True, slots=True)
class EnrolmentPolicy:
    """What a face must be to be enrolled: good enough to be recognised, and nobody else's.

    The gate's threshold says who is one person: whoever would open it as another member can't enrol.
    """

    quality: QualityPolicy
    match: MatchPolicy
    calibration: Calibration


async def enrol(
    session: AsyncSession,
    *,
    member_id: UUID,
    evidences: Sequence[FrameEvidence],
    keeper: GalleryKeeper,
    policy: EnrolmentPolicy,
    now: datetime,
    photos: Sequence[bytes] = (),
) -> list[Template]:
    """Enrol the face that all frames show, instead of the one the member had: a template for each frame.

    `photos` are kept beside them, where the member's consent says so.

    Enrolments wait for each other from the search for duplicates until they commit, so that one face can't be
    enrolled twice at once. Twins, whom staff know to be two people, enrol all the same; whoever is nearly as alike is
    marked. Raises MemberNotFound, ConsentRequired, FaceNotFound, MultipleFaces, LowQuality,
    FacesDisagree and FaceAlreadyEnrolled.
    """
    faces = select_faces(evidences, policy.quality)
    require_agreement([embedding_of(face) for face in faces], policy)
    await get_member(session, member_id, lock=True)
    consent = await require_consent(session, member_id=member_id, now=now)
    await hold_pairs(session, member_id=member_id)
    await lock_gallery(session)
    await keeper.catch_up(session)
    alike = await _most_alike(faces, member_id, keeper, policy)
    await _require_unknown(session, member_id, alike, policy)
    await measure_afresh(session, member_id=member_id, similarities=alike.members, now=now)
    templates = await replace_templates(
        session,
        protection=keeper.protection,
        member_id=member_id,
        consent_id=consent.id,
        pack=keeper.pack,
        faces=[(embedding_of(face), face.quality) for face in faces],
        now=now,
    )
    if consent.keeps_photo:
        await keep_photos(session, protection=keeper.protection, member_id=member_id, photos=photos, now=now)
    return templates


async def withdraw(session: AsyncSession, *, member_id: UUID, now: datetime) -> None:
    """End the member's consent; their templates and the key to them are gone with it. Raises MemberNotFound."""
    await get_member(session, member_id, lock=True)
    await withdraw_consent(session, member_id=member_id, now=now)
    await remove_templates(session, member_id=member_id)


def select_faces(evidences: Sequence[FrameEvidence], quality: QualityPolicy) -> list[FaceEvidence]:
    """The one face of each frame. Raises FaceNotFound, MultipleFaces and LowQuality, for all frames together."""
    if empty := [index for index, evidence in enumerate(evidences) if not evidence.faces]:
        raise FaceNotFound(f"There is no face in {_named(empty)}.", frames=empty)
    if crowded := [index for index, evidence in enumerate(evidences) if not _is_alone(evidence)]:
        raise MultipleFaces(
            f"There are several faces in {_named(crowded)}, and none is clearly the nearest.",
            frames=crowded,
            faces=[len(evidences[index].faces) for index in crowded],
        )
    faces = [evidence.faces[0] for evidence in evidences]
    refused = {index: refusals for index, face in enumerate(faces) if (refusals := assess(face, policy=quality))}
    if refused:
        raise LowQuality(
            f"The face can't be enrolled from {_named(list(refused))}.",
            refusals=[
                {"frame": index} | asdict(refusal) for index, refusals in refused.items() for refusal in refusals
            ],
            feedback=[asdict(advice) for advice in feedback(list(chain.from_iterable(refused.values())))],
        )
    return faces


def _is_alone(evidence: FrameEvidence) -> bool:
    if len(evidence.faces) == 1:
        return True
    nearest, next_one = (_area(face) for face in evidence.faces[:2])
    return nearest >= DOMINANT_AREA_RATIO * next_one


def _area(face: FaceEvidence) -> float:
    left, top, right, bottom = face.box
    return float((right - left) * (bottom - top))


def require_agreement(embeddings: Sequence[Floats], policy: EnrolmentPolicy) -> None:
    """Raises FacesDisagree where two of these (dim,) embeddings are not one person's."""
    threshold = policy.match.threshold(policy.calibration, searched=1)
    pair = least_alike(embeddings)
    if pair is not None and pair.similarity < threshold:
        raise FacesDisagree(
            f"{_named([pair.one, pair.other]).capitalize()} don't show the same person.",
            frames=[pair.one, pair.other],
            similarity=round(pair.similarity, 3),
            threshold=round(threshold, 3),
        )


@dataclass(frozen=True, slots=True)
class _Alike:
    """Other members above the marking threshold, by cosine, and the most templates that were searched."""

    members: Mapping[UUID, float]
    searched: int


async def _most_alike(
    faces: Sequence[FaceEvidence], member_id: UUID, keeper: GalleryKeeper, policy: EnrolmentPolicy
) -> _Alike:
    members: dict[UUID, float] = {}
    searched = 0
    for face in faces:
        ranking = await keeper.search(embedding_of(face), top=LOOKALIKES_MAX + 1)
        searched = max(searched, ranking.searched)
        for other in ranking.candidates:
            members[other.member_id] = max(other.similarity, members.get(other.member_id, -1.0))
    least = policy.match.lookalike_threshold(policy.calibration, searched)
    others = {other: cosine for other, cosine in members.items() if other != member_id and cosine >= least}
    return _Alike(others, searched)


async def _require_unknown(session: AsyncSession, member_id: UUID, alike: _Alike, policy: EnrolmentPolicy) -> None:
    threshold = policy.match.threshold(policy.calibration, alike.searched)
    same = {other: cosine for other, cosine in alike.members.items() if cosine >= threshold}
    if same:
        apart = await known_apart(session, member_id=member_id)
        unknown = {other: cosine for other, cosine in same.items() if other not in apart}
        if unknown:
            raise FaceAlreadyEnrolled(max(unknown, key=unknown.__getitem__))


def _named(frames: Sequence[int]) -> str:
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {', '.join(str(frame) for frame in frames)}"
