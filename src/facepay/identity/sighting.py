"""What the frames of one capture came to: who, or why nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal
from uuid import UUID

from facepay.calibration.calibration import Calibration
from facepay.identity.edge import SignedFace
from facepay.identity.policy import Ambiguous, Match, NoMatch, Uncertain
from facepay.presentation.examination import SWAP_FMR
from facepay.templates.evidence import Exhibit
from facepay.templates.protection import Protection
from facepay.vision.evidence import FaceEvidence, Floats, FrameEvidence
from facepay.vision.feedback import feedback
from facepay.vision.fusion import fuse, least_alike
from facepay.vision.quality import ENROLMENT, RECOGNITION, QualityRefusal, assess

NarrowedBy = Literal["inside_store", "home_region", "phone_last_four"]


@dataclass(frozen=True, slots=True)
class Advice:
    """What a person can do about a refusal: a stable code for a device that speaks for itself, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """Frames that nobody is searched for by: without a face, none good enough, of different people, or covered where
    faces have to show.
    """

    code: Literal["no_face", "low_quality", "faces_disagree", "face_covered"]
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, slots=True)
class WrongDigits:
    """The face is a member's, the digits that were typed are not."""

    member_id: UUID


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Resemblance:
    """Somebody who would come in looks like somebody on the watchlist: `match` names the ban instead of a member.

    `face` is the (dim,) embedding that was searched for, `jpeg` the picture that staff compare with the ban's, where
    the device sent one.
    """

    match: Match
    face: Floats
    jpeg: bytes | None
    protection: Protection


Outcome = Match | Ambiguous | Uncertain | NoMatch | WrongDigits | Unusable


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One capture, looked at. `faces` is how many the fullest frame shows, `narrowed_by` among whom was searched,
    `signed` what a device sent instead of frames, `exhibit` what may be kept of a match as evidence, `resemblance`
    whom of the watchlist somebody who would come in looks like.
    """

    outcome: Outcome
    evidences: tuple[FrameEvidence, ...]
    timings_ms: dict[str, float]
    calibration: Calibration
    narrowed_by: NarrowedBy | None = None
    challenge_id: UUID | None = None
    signed: SignedFace | None = None
    exhibit: Exhibit | None = None
    resemblance: Resemblance | None = None

    @property
    def best_view(self) -> tuple[int, FaceEvidence]:
        """The number of the frame that shows the nearest face best, and the face: of those good enough to decide on,
        since the others may show somebody else. There is one where a search was made.
        """
        views = [
            (number, evidence.faces[0])
            for number, evidence in enumerate(self.evidences)
            if evidence.faces and not assess(evidence.faces[0], policy=RECOGNITION)
        ]
        return max(views, key=lambda view: view[1].quality.embedding_norm or 0.0)

    @property
    def faces(self) -> int:
        return max(len(evidence.faces) for evidence in self.evidences)


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The one face that is decided on, as one embedding, and the embeddings of those who stand as near.

    `advice` is how a better frame is got of it, empty where it would do for enrolment.
    """

    embedding: Floats
    rivals: tuple[Floats, ...] = ()
    advice: tuple[Advice, ...] = ()

    def settle(self, outcome: Outcome) -> Outcome:
        return _settle(outcome, self.advice)


def _settle(outcome: Outcome, advice: tuple[Advice, ...]) -> Outcome:
    """Nobody comes of a face that is too poor to say so: it could be a member's, and is worth another try."""
    return Unusable("low_quality", advice) if isinstance(outcome, NoMatch) and advice else outcome


def settle_compared(face: FaceEvidence, outcome: Outcome) -> Outcome:
    """What comes of a face that a device has measured and compared itself, by the same limits of quality."""
    if refused := assess(face, policy=RECOGNITION):
        return Unusable("low_quality", _advice([refused]))
    return _settle(outcome, _advice([assess(face, policy=ENROLMENT)]))


def subject_of(evidences: Sequence[FrameEvidence], calibration: Calibration) -> Subject | Unusable:
    """The nearest face of a frame, or of all frames of a burst: those good enough, and all of one person."""
    nearest = [evidence.faces[0] for evidence in evidences if evidence.faces]
    if not nearest:
        return Unusable("no_face")
    refusals = [assess(face, policy=RECOGNITION) for face in nearest]
    usable = [face for face, refused in zip(nearest, refusals, strict=True) if not refused]
    # Depth vouches for the face that it was measured on, so that has to be one of those decided on: a head that moves
    # too fast to be recognised would vouch for the print that is shown after it.
    if not usable or any(face.relief and refused for face, refused in zip(nearest, refusals, strict=True)):
        return Unusable("low_quality", _advice(refusals))
    embeddings = [embedding_of(face) for face in usable]
    pair = least_alike(embeddings)
    if pair is not None and pair.similarity < calibration.similarity_at(SWAP_FMR):
        return Unusable("faces_disagree")
    best = max(usable, key=_weight)
    embedding = embeddings[0] if pair is None else fuse(embeddings, [_weight(face) for face in usable])
    return Subject(embedding, rivals_of(evidences), _advice([assess(best, policy=ENROLMENT)]))


def _advice(refusals: Sequence[Sequence[QualityRefusal]]) -> tuple[Advice, ...]:
    return tuple(Advice(each.code, each.message) for each in feedback(list(chain.from_iterable(refusals))))


def rivals_of(evidences: Sequence[FrameEvidence]) -> tuple[Floats, ...]:
    """Whoever stands about as near as the nearest face: of the frame that shows most of them, since the same people
    stand in all frames.
    """
    return max(
        (tuple(face.embedding for face in evidence.faces[1:] if face.embedding is not None) for evidence in evidences),
        key=len,
    )


def embedding_of(face: FaceEvidence) -> Floats:
    assert face.embedding is not None, "this face was embedded"
    return face.embedding


def _weight(face: FaceEvidence) -> float:
    """Of one frame of a burst. The fourth power halves the FNMR of the norm itself where one of three is good."""
    assert face.quality.embedding_norm is not None, "this face was embedded"
    return face.quality.embedding_norm**4


def code_of(outcome: Ambiguous | Uncertain | NoMatch | WrongDigits | Unusable) -> str:
    """The stable code of whatever is not a match."""
    match outcome:
        case Unusable(code):
            return code
        case WrongDigits():
            return "wrong_digits"
        case Ambiguous():
            return "ambiguous_face"
        case Uncertain():
            return "uncertain_face"
        case NoMatch():
            return "unknown_face"


def candidates_of(outcome: Ambiguous | Uncertain) -> tuple[UUID, ...]:
    """Whom a second factor has to tell apart."""
    return outcome.candidates if isinstance(outcome, Ambiguous) else (outcome.member_id,)
