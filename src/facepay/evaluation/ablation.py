"""What each part of the matching is worth: the same searches, one part more in each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

from facepay.calibration.calibration import Calibration
from facepay.evaluation.metrics import share_of_people
from facepay.evaluation.references import both, each
from facepay.evaluation.summary import (
    FPIR_TARGETS,
    MEMBER_VERDICTS,
    fnir_at,
    gate_threshold,
    members_searches,
    strangers_searches,
)
from facepay.evaluation.tables import Table, percent
from facepay.evaluation.trial import Policies, Trial, Variant
from facepay.identity.policy import MatchPolicy, Use
from facepay.identity.sighting import Subject, Unusable, embedding_of
from facepay.vision.evidence import FrameEvidence
from facepay.vision.fusion import fuse

FIXED_SIMILARITY = 0.40
"""What other services take, whatever the pack and however many are searched."""
ENROLLED = 3


@dataclass(frozen=True, slots=True)
class WithoutStepUp(MatchPolicy):
    """A match or nothing."""

    def step_up_threshold(self, calibration: Calibration, searched: int) -> float:
        return self.threshold(calibration, searched)


@dataclass(frozen=True, slots=True)
class FixedThreshold(MatchPolicy):
    """One cosine for everything."""

    def threshold(self, calibration: Calibration, searched: int) -> float:
        return FIXED_SIMILARITY

    def step_up_threshold(self, calibration: Calibration, searched: int) -> float:
        return FIXED_SIMILARITY


def unjudged(evidences: Sequence[FrameEvidence], calibration: Calibration) -> Subject | Unusable:
    """The nearest face of the frames, however poor, and whether or not they show one person."""
    nearest = [evidence.faces[0] for evidence in evidences if evidence.faces]
    if not nearest:
        return Unusable("no_face")
    return Subject(fuse([embedding_of(face) for face in nearest], [1.0] * len(nearest)))


def ablation(policies: Policies, *, burst: int = 2) -> Iterator[Variant]:
    """The rows of the table, each on the one before, but those that say "instead". `policies` are the product's.

    All search for the same photos: those beyond the first three of each person.
    """
    bare = Variant(
        name=f"fixed {FIXED_SIMILARITY:.2f}, one photo",
        policies=_changed(policies, FixedThreshold, margin_min=0.0),
        pool=ENROLLED,
        enrolment_quality=None,
        subject=unjudged,
    )
    yield bare
    calibrated = replace(bare, name="calibrated threshold", policies=_changed(policies, WithoutStepUp, margin_min=0.0))
    yield calibrated
    judged = Variant(name="+ quality", policies=calibrated.policies, pool=ENROLLED)
    yield judged
    yield replace(judged, name="+ three photos, the best counts", enrol=ENROLLED, references=each)
    yield replace(judged, name="+ three photos, best or mean (instead)", enrol=ENROLLED, references=both)
    several = replace(judged, name="+ three photos, their weighted mean (instead)", enrol=ENROLLED)
    yield several
    burst_of = replace(several, name=f"+ bursts of {burst}", burst=burst)
    yield burst_of
    margin = replace(burst_of, name="+ margin", policies=_changed(policies, WithoutStepUp))
    yield margin
    yield replace(margin, name="+ second factor", policies=policies)


def bursts(policies: Policies, *, frames: int = 4) -> Iterator[Variant]:
    """One photo enrolled, and the same further photos searched for one by one, in twos, and in fours."""
    burst = 1
    while burst <= frames:
        name = f"{burst} frames" if burst > 1 else "1 frame"
        yield Variant(name=name, policies=policies, pool=1, burst=burst, photos_min=1 + frames)
        burst *= 2


def ablation_table(title: str, note: str, trials: Sequence[Trial]) -> Table:
    """Rates with intervals, and counts of searches at the gate's threshold."""
    columns = ("", "threshold", "FPIR there", "FNIR at FPIR 0.01", "FNIR at 0.001")
    counted = ("right", "wrong", "stepped up", "refused", "let in", "stepped up")
    return Table(title, note, (*columns, *counted), [_row(trial) for trial in trials])


def _row(trial: Trial) -> tuple[str, ...]:
    scores, threshold = trial.scores(), gate_threshold(trial)
    members, strangers = (
        Counter(search.verdicts["gate"] for search in searches)
        for searches in (members_searches(trial), strangers_searches(trial))
    )
    return (
        trial.variant.name,
        f"{threshold:.3f}",
        percent(share_of_people(scores.other >= threshold, scores.person)),
        *(percent(fnir_at(scores, target)) for target in FPIR_TARGETS),
        *(str(members[verdict]) for verdict in MEMBER_VERDICTS),
        *(str(strangers[verdict]) for verdict in ("let in", "stepped up")),
    )


def _changed(policies: Policies, kind: type[MatchPolicy], **changes: float) -> Callable[[Use], MatchPolicy]:
    """The product's policies as another kind, with the same targets."""

    def policy_for(use: Use) -> MatchPolicy:
        policy = policies(use)
        values = {field.name: getattr(policy, field.name) for field in fields(MatchPolicy)}
        return kind(**(values | changes))

    return policy_for
