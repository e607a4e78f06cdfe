"""One way of running the shop, tried on labelled photos: enrol some, search for the others, see what is decided.

Everything that decides is the product's own: which photos can be enrolled, what a burst is fused to, the gallery,
the policy of each use. Only the database is left out, which keeps templates and decides nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal, get_args
from uuid import UUID

import numpy as np

from facepay.calibration.calibration import Calibration
from facepay.evaluation.folders import Photo
from facepay.evaluation.metrics import BINS, NOWHERE, Counts, Searches, histogram
from facepay.evaluation.references import Grouping, References, fused
from facepay.identity.enrolment import EnrolmentPolicy, require_agreement, select_faces
from facepay.identity.narrowing import Narrowing
from facepay.identity.policy import Ambiguous, Decision, Match, MatchPolicy, Uncertain, Use, decide, policy_for
from facepay.identity.sighting import Subject, Unusable, embedding_of, subject_of
from facepay.kernel.errors import Problem
from facepay.settings import Settings
from facepay.templates.gallery import Ranking
from facepay.vision.evidence import FaceEvidence, Floats, FrameEvidence
from facepay.vision.quality import ENROLMENT, QualityPolicy

Verdict = Literal["right", "wrong person", "let in", "stepped up", "refused"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
USES: tuple[Use, ...] = get_args(Use)

Evidences = Callable[[Photo], FrameEvidence | None]
Policies = Callable[[Use], MatchPolicy]
Subjects = Callable[[Sequence[FrameEvidence], Calibration], Subject | Unusable]

INSIDE = 50
"""People in the store when somebody pays inside: the payer, and who was enrolled after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way of running the shop.

    `pool` sets so many photos of each person aside for enrolment, needed or not, so that variants search for the
    same photos. Who has fewer than `photos_min` is enrolled, and not searched for.
    """

    name: str
    policies: Policies
    enrol: int = 1
    burst: int = 1
    pool: int = 0
    photos_min: int = 0
    enrolment_quality: QualityPolicy | None = ENROLMENT
    subject: Subjects = subject_of
    references: Grouping = fused


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Photos of one moment (one, or a burst), whose they are, and what the gallery and each policy said of them.

    `expected` where the person is enrolled and this is to find them; then `mated` is the cosine to them.
    `ranking` is None where no photo was good enough to search by. `refusal` says what was wrong with them, there and
    where nobody came of a photo too poor to say so.
    """

    person: str
    photos: tuple[Photo, ...]
    expected: bool
    ranking: Ranking | None
    mated: float | None
    decisions: dict[Use, Decision]
    verdicts: dict[Use, Verdict]
    refusal: str | None = None


@dataclass(slots=True)
class Trial:
    """What became of every photo under one variant."""

    variant: Variant
    calibration: Calibration
    members_before: int = 0
    members: dict[str, UUID] = field(default_factory=dict)
    photos_of: dict[str, tuple[Photo, ...]] = field(default_factory=dict)
    refused_photos: list[tuple[Photo, str]] = field(default_factory=list)
    not_enrolled: list[str] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)
    templates: int = 0
    genuine: Counts = field(default_factory=lambda: np.empty((0, 0), np.int64))  # (people, BINS), rows as in `people`
    impostor: Counts = field(default_factory=lambda: np.empty((0, 0), np.int64))
    people: list[str] = field(default_factory=list)

    @property
    def name_of(self) -> dict[UUID, str]:
        return {member: person for person, member in self.members.items()}

    def scores(self) -> Searches:
        """The searches that took place, as numbers; the gallery's own members without mate where not searched for."""
        numbers = {person: number for number, person in enumerate(self.people)}
        made = [search for search in self.searches if search.ranking is not None]
        return Searches(
            np.array([numbers[search.person] for search in made], np.int64),
            np.array([np.nan if search.mated is None else search.mated for search in made]),
            np.array([self._other(search) for search in made]),
        )

    def _other(self, search: Search) -> float:
        assert search.ranking is not None
        own = self.members.get(search.person)
        other = search.ranking.best_other_than(own) if own else search.ranking.best
        return other.similarity if other else NOWHERE


def run(
    variant: Variant,
    photos: Sequence[Photo],
    evidence_of: Evidences,
    calibration: Calibration,
    *,
    copy_of: Evidences | None = None,
    members_before: int = 0,
) -> Trial:
    """Enrol everybody but the strangers, and search for the photos left. `photos` are each person's in order.

    `copy_of` gives the evidence to search with, where that isn't the photo as it is. Members are numbered from
    `members_before` on, so that no two trials share one.
    """
    trial = Trial(variant, calibration, members_before)
    by_person: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        by_person[photo.person].append(photo)
    to_search: list[tuple[str, list[Photo], bool]] = []
    templates_of: dict[UUID, list[Floats]] = {}
    for person, each in by_person.items():
        if each[0].stranger:
            to_search.append((person, each, False))
            continue
        templates, left = _enrol(trial, person, each, evidence_of)
        if templates:
            templates_of[trial.members[person]] = templates
        enough = max(variant.photos_min, variant.pool + 1, variant.enrol + 1)
        to_search.append((person, left, len(each) >= enough))
    gallery = References(templates_of, variant.references)
    trial.templates = gallery.templates
    trial.people = [person for person, _, _ in to_search]
    probes: list[tuple[str, Floats]] = []
    for person, left, searched_for in to_search:
        for moment in _moments(left, variant.burst):
            search, probe = _search(trial, gallery, person, moment, searched_for, copy_of or evidence_of)
            trial.searches.append(search)
            if probe is not None:
                probes.append((person, probe))
    _compare(trial, gallery, probes)
    return trial


def _enrol(
    trial: Trial, person: str, photos: Sequence[Photo], evidence_of: Evidences
) -> tuple[list[Floats], list[Photo]]:
    """The templates of one person (none where no photo was good enough), and the photos left to search for.

    One photo is always left. A photo that was refused is not searched for either, or poor photos would be met
    more often than they come.
    """
    variant = trial.variant
    offered = photos[: min(variant.pool or len(photos), len(photos) - 1)]
    used: list[tuple[Photo, FaceEvidence]] = []
    looked_at = 0
    while looked_at < len(offered) and len(used) < variant.enrol:
        photo = offered[looked_at]
        face, refusal = _enrollable(trial, [face for _, face in used], evidence_of(photo))
        if face:
            used.append((photo, face))
        else:
            trial.refused_photos.append((photo, refusal))
        looked_at += 1
    left = list(photos[len(offered) if variant.pool else looked_at :])
    if not used:
        trial.not_enrolled.append(person)
        return [], left
    trial.members[person] = UUID(int=trial.members_before + len(trial.members) + 1)
    trial.photos_of[person] = tuple(photo for photo, _ in used)
    return [embedding_of(face) * np.float32(_weight(face)) for _, face in used], left


def _enrollable(
    trial: Trial, already: list[FaceEvidence], evidence: FrameEvidence | None
) -> tuple[FaceEvidence | None, str]:
    """The face, where enrolment's rules take it beside those taken before; or the code of the rule that doesn't."""
    if evidence is None:
        return None, "unreadable"
    variant = trial.variant
    if variant.enrolment_quality is None:
        return (evidence.faces[0], "") if evidence.faces else (None, "no_face")
    policy = EnrolmentPolicy(variant.enrolment_quality, variant.policies("gate"), trial.calibration)
    try:
        (face,) = select_faces([evidence], variant.enrolment_quality)
        require_agreement([embedding_of(each) for each in (*already, face)], policy)
    except Problem as problem:
        return None, problem.code
    return face, ""


def _moments(photos: Sequence[Photo], burst: int) -> Iterable[tuple[Photo, ...]]:
    left = iter(photos)
    while moment := tuple(islice(left, burst)):
        yield moment


def _search(
    trial: Trial,
    gallery: References,
    person: str,
    moment: tuple[Photo, ...],
    searched_for: bool,
    evidence_of: Evidences,
) -> tuple[Search, Floats | None]:
    """One search of the gallery, and the embedding that was searched with."""
    variant = trial.variant
    member = trial.members.get(person)
    expected = searched_for and member is not None
    evidences = [evidence for photo in moment if (evidence := evidence_of(photo))]
    subject = variant.subject(evidences, trial.calibration) if evidences else None
    if not isinstance(subject, Subject):
        verdicts: dict[Use, Verdict] = dict.fromkeys(USES, "refused")
        why = _reason(subject) if subject else "unreadable"
        return Search(person, moment, expected, None, None, {}, verdicts, why), None
    probe = subject.embedding
    ranking = gallery.search(probe)
    own = gallery.search(probe, among=[member]).best if member and expected else None
    decisions = {use: _decide(trial, ranking, use, member) for use in USES}
    verdicts = {use: verdict_of(decision, member) for use, decision in decisions.items()}
    settled = subject.settle(decisions["gate"])
    refusal = _reason(settled) if isinstance(settled, Unusable) else None
    mated = own.similarity if own else None
    return Search(person, moment, expected, ranking, mated, decisions, verdicts, refusal), probe


def _reason(unusable: Unusable) -> str:
    return unusable.advice[0].code if unusable.advice else unusable.code


def _decide(trial: Trial, ranking: Ranking, use: Use, member: UUID | None) -> Decision:
    """As the product: paying inside, whoever is inside is held to the threshold of few, all others to the chain's."""
    if use == "pay_inside":
        inside = Narrowing.to("inside_store", use, _inside(trial, member))
        if ranking.best and ranking.best.member_id in inside.members:
            ranking = replace(ranking, searched=min(ranking.searched, inside.templates_max))
        else:
            use = "pay_chain"
    return decide(ranking, trial.variant.policies(use), trial.calibration)


def _inside(trial: Trial, member: UUID | None) -> list[UUID]:
    members = list(trial.members.values())
    first = members.index(member) if member else 0
    return [members[(first + step) % len(members)] for step in range(min(INSIDE, len(members)))]


def verdict_of(decision: Decision, member: UUID | None) -> Verdict:
    """What a decision is worth to whom it was made on; `member` is None for a stranger."""
    match decision:
        case Match(member_id=found) if member is None or found != member:
            return "let in" if member is None else "wrong person"
        case Match():
            return "right"
        case Uncertain() | Ambiguous():
            return "stepped up"
        case _:
            return "refused"


def _compare(trial: Trial, gallery: References, probes: Sequence[tuple[str, Floats]]) -> None:
    """Histograms of every search against every member, by whose photo it was."""
    rows = {person: number for number, person in enumerate(trial.people)}
    trial.genuine, trial.impostor = np.zeros((2, len(rows), BINS), np.int64)
    for person, probe in probes:
        similarities = gallery.similarities(probe)
        own = similarities.pop(trial.members[person]) if person in trial.members else None
        if own is not None:
            trial.genuine[rows[person]] += histogram(np.array([own]))
        trial.impostor[rows[person]] += histogram(np.fromiter(similarities.values(), float))


def product_policies(settings: Settings) -> Policies:
    return lambda use: policy_for(use, settings)


def _weight(face: FaceEvidence) -> float:
    assert face.quality.embedding_norm is not None, "the nearest face is always embedded"
    return face.quality.embedding_norm
