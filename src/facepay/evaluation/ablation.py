"""What each part of the matching is worth: the same searches, one part more in each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

from facepay.evaluation import metrics
from facepay.evaluation.metrics import Searches
from facepay.evaluation.references import both, each
from facepay.evaluation.summary import Summary
from facepay.evaluation.tables import Table, percent
from facepay.evaluation.trial import Policies, Trial, Variant
from facepay.identity.calibration import Calibration
from facepay.identity.policy import MatchPolicy, Use

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


def ablation(policies: Policies, *, burst: int = 2) -> Iterator[Variant]:
    """The rows of the table, each on the one before, but those that say "instead". `policies` are the product's.

    All search for the same photos: those beyond the first three of each person.
    """
    bare = Variant(
        name=f"fixed {FIXED_SIMILARITY:.2f}, one photo",
        policies=_changed(policies, FixedThreshold, margin_min=0.0),
        pool=ENROLLED,
        enrolment_quality=None,
        search_quality=None,
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
        yield Variant(name=f"{burst} frame{'s' * (burst > 1)}", policies=policies, pool=1, burst=burst)
        burst *= 2


def ablation_table(title: str, note: str, trials: list[Trial], summaries: list[Summary]) -> Table:
    rows = []
    for trial, summary in zip(trials, summaries, strict=True):
        gate = summary.uses["gate"]
        rows.append(
            (
                summary.variant,
                f"{gate.threshold:.3f}",
                f"{summary.mated_searches:,}",
                percent(summary.fnir_at_fpir["0.01"]),
                percent(summary.fnir_at_fpir["0.001"]),
                percent(_false_positives(trial, gate.threshold)),
                *(percent(gate.members[verdict]) for verdict in ("right", "wrong person", "stepped up", "refused")),
                percent(gate.strangers["let in"]),
            )
        )
    columns = ("", "threshold", "searches", "FNIR at FPIR 0.01", "at 0.001", "FPIR at the threshold")
    return Table(title, note, (*columns, "right", "wrong", "stepped up", "refused", "strangers let in"), rows)


def _false_positives(trial: Trial, threshold: float) -> metrics.Estimate:
    def measure(searches: Searches, weights: metrics.Scores) -> float:
        return metrics.fpir(searches, threshold, weights)

    return metrics.estimate(measure, trial.scores())


def _changed(policies: Policies, kind: type[MatchPolicy], **changes: float) -> Callable[[Use], MatchPolicy]:
    """The product's policies as another kind, with the same targets."""

    def policy_for(use: Use) -> MatchPolicy:
        policy = policies(use)
        values = {field.name: getattr(policy, field.name) for field in fields(MatchPolicy)}
        return kind(**(values | changes))

    return policy_for
