"""Summaries as tables of words and figures: printed in the terminal and set in the report alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from facepay.evaluation.metrics import Estimate
from facepay.evaluation.summary import FPIR_TARGETS, MEMBER_VERDICTS, STRANGER_VERDICTS, Summary
from facepay.evaluation.trial import USES


@dataclass(frozen=True, slots=True)
class Table:
    """`note` says under the title how to read it. The first column is left-aligned, all others are figures."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables_of(summaries: Sequence[Summary]) -> list[Table]:
    tables = [_overview(summaries), *map(_uses, summaries), _comparisons(summaries), _refusals(summaries)]
    labels = dict.fromkeys(label for summary in summaries for label in summary.groups)
    tables += [_groups(summaries, label) for label in labels]
    tables.append(_times(summaries))
    return [table for table in tables if table.rows]


def percent(estimate: Estimate) -> str:
    """A rate with its interval, or a dash where nothing was tried."""
    if not estimate.trials or math.isnan(estimate.value):
        return "-"
    return f"{share(estimate.value)} [{share(estimate.low, unit='')}, {share(estimate.high, unit='')}]"


def share(value: float, *, unit: str = " %") -> str:
    """Two significant digits below a tenth of a percent, where two decimals would round them away."""
    shown = 100 * value
    if shown == 0 or shown >= 0.1:
        return f"{shown:.4g}{unit}" if shown >= 10 else f"{shown:.2f}{unit}"
    return f"{shown:.2g}{unit}"


def _overview(summaries: Sequence[Summary]) -> Table:
    rows = [
        ("pack", *(summary.pack for summary in summaries)),
        ("members enrolled", *(f"{summary.members:,}" for summary in summaries)),
        ("templates", *(f"{summary.templates:,}" for summary in summaries)),
        ("photos of each, frames of a burst", *(f"{each.enrolled_photos}, {each.burst}" for each in summaries)),
        ("mated searches", *(f"{summary.mated_searches:,}" for summary in summaries)),
        ("non-mated searches", *(f"{summary.non_mated_searches:,}" for summary in summaries)),
        ("failure to enrol (FTE)", *(percent(summary.fte) for summary in summaries)),
        ("failure to acquire (FTA)", *(percent(summary.fta) for summary in summaries)),
        ("rank-1 identification", *(percent(summary.rank_one) for summary in summaries)),
    ]
    rows += [
        (f"FNIR at FPIR {target:g}", *(percent(summary.fnir_at_fpir[f"{target:g}"]) for summary in summaries))
        for target in FPIR_TARGETS
    ]
    rows.append(("equal error rate (EER)", *(percent(summary.eer) for summary in summaries)))
    return Table(
        "Identification",
        "Rates in the terms of ISO/IEC 19795-1, with 95 % intervals over people. A search is mated where the "
        "person is a member; every photo is searched for in the gallery without its own person too (non-mated).",
        ("", *(summary.variant for summary in summaries)),
        rows,
    )


def _uses(summary: Summary) -> Table:
    uses = [summary.uses[use] for use in USES]
    rows = [("threshold", *(f"{use.threshold:.3f}" for use in uses))]
    rows += [
        (
            f"members {'wrong' if verdict == 'wrong person' else verdict}",
            *(percent(use.members[verdict]) for use in uses),
        )
        for verdict in MEMBER_VERDICTS
    ]
    if uses[0].strangers["let in"].trials:
        rows += [
            (f"strangers {verdict}", *(percent(use.strangers[verdict]) for use in uses))
            for verdict in STRANGER_VERDICTS
        ]
    return Table(
        f"Decisions at the product's own thresholds: {summary.variant}",
        "Stepped up: a second factor is asked for. Paying inside, whoever is among the 50 people there is held to "
        "the threshold of few, everybody else to the chain's.",
        ("", *USES),
        rows,
    )


def _comparisons(summaries: Sequence[Summary]) -> Table:
    return Table(
        "Comparisons one to one",
        "What a threshold would cost if a search were one comparison.",
        ("", "threshold", "FMR", "FNMR"),
        [
            (summary.variant, f"{point.threshold:.3f}", share(point.fmr), share(point.fnmr))
            for summary in summaries
            for point in summary.operating_points
        ],
    )


def _refusals(summaries: Sequence[Summary]) -> Table:
    kinds = {
        "enrolment": [summary.refused_photos for summary in summaries],
        "search": [summary.refused_searches for summary in summaries],
    }
    return Table(
        "Photos not good enough",
        "How many were refused, and why.",
        ("", *(summary.variant for summary in summaries)),
        [
            (f"{kind}: {code}", *(str(each.get(code, 0)) for each in counts))
            for kind, counts in kinds.items()
            for code in sorted({code for each in counts for code in each})
        ],
    )


def _groups(summaries: Sequence[Summary], label: str) -> Table:
    return Table(
        f"By {label}",
        "At the gate's threshold: members not found, and non-mated searches that reach it.",
        ("", "people", "FNIR", "FPIR"),
        [
            (f"{summary.variant}: {name}", str(group.people), percent(group.fnir), percent(group.fpir))
            for summary in summaries
            for name, group in summary.groups.get(label, {}).items()
        ],
    )


def _times(summaries: Sequence[Summary]) -> Table:
    by_pack = {summary.pack: summary.timings_ms for summary in summaries}
    return Table(
        "Milliseconds a photo",
        "Median (95th percentile) of each stage on one thread of this machine, other photos beside it.",
        ("", *by_pack),
        [
            (stage, *(f"{times[stage].median:.1f} ({times[stage].percentile_95:.1f})" for times in by_pack.values()))
            for stage in next(iter(by_pack.values()), {})
        ],
    )
