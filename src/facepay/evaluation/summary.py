"""A trial in numbers: what `facepay evaluate` prints, draws and writes as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facepay.evaluation import metrics
from facepay.evaluation.metrics import Estimate, Scores, Searches
from facepay.evaluation.trial import USES, Search, Trial, Verdict
from facepay.identity.policy import Use
from facepay.vision.evidence import FrameEvidence

FPIR_TARGETS = (0.01, 0.001)
MEMBER_VERDICTS: tuple[Verdict, ...] = ("right", "wrong person", "stepped up", "refused")
STRANGER_VERDICTS: tuple[Verdict, ...] = ("let in", "stepped up", "refused")
FMR_TARGETS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Both errors of comparing two at one threshold."""

    threshold: float
    fmr: float
    fnmr: float


@dataclass(frozen=True, slots=True)
class UseSummary:
    """What the product's own threshold for one use came to: shares of members' and of strangers' searches."""

    threshold: float
    members: dict[Verdict, Estimate]
    strangers: dict[Verdict, Estimate]


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """One group at the gate: members not recognised, and non-mated searches that reach the threshold."""

    people: int
    fnir: Estimate
    fpir: Estimate


@dataclass(frozen=True, slots=True)
class Milliseconds:
    median: float
    percentile_95: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One variant's results. FTE and FTA count people and searches, all other rates the searches that took place."""

    variant: str
    pack: str
    calibration: str
    enrolled_photos: int
    burst: int
    members: int
    templates: int
    mated_searches: int
    non_mated_searches: int
    fte: Estimate
    fta: Estimate
    refused_photos: dict[str, int]
    refused_searches: dict[str, int]
    eer: Estimate
    operating_points: list[OperatingPoint]
    rank_one: Estimate
    fnir_at_fpir: dict[str, Estimate]
    uses: dict[Use, UseSummary]
    groups: dict[str, dict[str, GroupSummary]]
    timings_ms: dict[str, Milliseconds]


def summarise(
    trial: Trial,
    *,
    pack: str,
    groups: Mapping[str, Mapping[str, str]] | None = None,
    timings_ms: Mapping[str, Milliseconds] | None = None,
) -> Summary:
    """`groups` holds label -> person -> group."""
    scores = trial.scores()
    people = np.arange(len(trial.members) + len(trial.not_enrolled))
    missed = np.array([search.ranking is None for search in trial.searches])
    return Summary(
        variant=trial.variant.name,
        pack=pack,
        calibration=trial.calibration.source,
        enrolled_photos=trial.variant.enrol,
        burst=trial.variant.burst,
        members=len(trial.members),
        templates=trial.templates,
        mated_searches=int(scores.has_mate.sum()),
        non_mated_searches=len(scores.other),
        fte=metrics.share_of_people(people < len(trial.not_enrolled), people),
        fta=metrics.share_of_people(missed, _numbers(trial, trial.searches)),
        refused_photos=dict(Counter(code for _, code in trial.refused_photos)),
        refused_searches=dict(Counter(search.refusal for search in trial.searches if search.refusal)),
        eer=_equal_error_rate(trial),
        operating_points=_operating_points(trial),
        rank_one=metrics.estimate(metrics.rank_one, scores),
        fnir_at_fpir={f"{target:g}": fnir_at(scores, target) for target in FPIR_TARGETS},
        uses={use: _use(trial, use) for use in USES},
        groups={label: _groups(trial, scores, group_of) for label, group_of in (groups or {}).items()},
        timings_ms=dict(timings_ms or {}),
    )


def stage_times(evidences: Sequence[FrameEvidence | None]) -> dict[str, Milliseconds]:
    """Median and 95th percentile of what each stage of the engine took."""
    seen = [evidence.timings_ms for evidence in evidences if evidence]
    return {
        stage: Milliseconds(
            *(round(float(value), 2) for value in np.quantile([each[stage] for each in seen], [0.5, 0.95]))
        )
        for stage in (seen[0] if seen else ())
    }


def members_searches(trial: Trial) -> list[Search]:
    """Searches for members whose other photos are enrolled, whether or not a photo was good enough."""
    return [search for search in trial.searches if search.expected]


def strangers_searches(trial: Trial) -> list[Search]:
    return [search for search in trial.searches if search.person not in trial.members]


def fnir_at(scores: Searches, target: float) -> Estimate:
    """FNIR at the threshold that holds FPIR at the target on the same searches, with its interval."""

    def measure(searches: Searches, weights: Scores) -> float:
        return metrics.fnir_at(searches, target, weights)

    return metrics.estimate(measure, scores)


def gate_threshold(trial: Trial) -> float:
    return _threshold(trial, "gate")


def _threshold(trial: Trial, use: Use) -> float:
    """In the median of the searches, of which each may have been narrowed."""
    thresholds = [search.decisions[use].threshold for search in trial.searches if search.decisions]
    return float(np.median(thresholds)) if thresholds else float("nan")


def _equal_error_rate(trial: Trial) -> Estimate:
    genuine, impostor = trial.genuine.astype(np.float32), trial.impostor.astype(np.float32)
    return metrics.bootstrap(
        lambda weights: metrics.equal_error_rate(
            weights.astype(np.float32) @ genuine, weights.astype(np.float32) @ impostor
        ),
        people=len(trial.people),
        trials=int(genuine.sum()),
    )


def _operating_points(trial: Trial) -> list[OperatingPoint]:
    """FNMR at each target of FMR that the number of comparisons can show (three and more of them false)."""
    genuine, impostor = trial.genuine.sum(axis=0), trial.impostor.sum(axis=0)
    fmr, fnmr = metrics.error_curves(genuine, impostor)
    points = []
    for target in FMR_TARGETS:
        if target * impostor.sum() >= 3:
            at = int(np.argmax(fmr <= target))
            points.append(OperatingPoint(float(metrics.thresholds()[at]), float(fmr[at]), float(fnmr[at])))
    return points


def _use(trial: Trial, use: Use) -> UseSummary:
    return UseSummary(
        threshold=_threshold(trial, use),
        members=_verdicts(trial, members_searches(trial), use, MEMBER_VERDICTS),
        strangers=_verdicts(trial, strangers_searches(trial), use, STRANGER_VERDICTS),
    )


def _verdicts(
    trial: Trial, searches: Sequence[Search], use: Use, verdicts: Sequence[Verdict]
) -> dict[Verdict, Estimate]:
    numbers = _numbers(trial, searches)
    found = np.array([search.verdicts[use] for search in searches])
    return {verdict: metrics.share_of_people(found == verdict, numbers) for verdict in verdicts}


def _groups(trial: Trial, scores: Searches, group_of: Mapping[str, str]) -> dict[str, GroupSummary]:
    threshold = gate_threshold(trial)
    groups = np.array([group_of.get(trial.people[number], "") for number in scores.person])
    found = {}
    for group in sorted(set(groups) - {""}):
        rows = groups == group
        searches = Searches(scores.person[rows], scores.mated[rows], scores.other[rows])
        found[str(group)] = GroupSummary(
            people=len(np.unique(searches.person)),
            fnir=metrics.estimate(lambda each, weights: metrics.fnir(each, threshold, weights), searches),
            fpir=metrics.estimate(lambda each, weights: metrics.fpir(each, threshold, weights), searches),
        )
    return found


def _numbers(trial: Trial, searches: Sequence[Search]) -> metrics.Counts:
    numbers = {person: number for number, person in enumerate(trial.people)}
    return np.array([numbers[search.person] for search in searches], np.int64)
