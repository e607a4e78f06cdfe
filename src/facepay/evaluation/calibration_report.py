"""What a calibration found, in tables and figures: thresholds, how the tail fits, who looks alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from facepay.calibration.calibration import PEOPLE_TRUSTED_MIN, Calibration
from facepay.calibration.tail import Fit
from facepay.evaluation.figures import Curve, error_trade_off, rates_at, score_histogram
from facepay.evaluation.metrics import error_curves, thresholds
from facepay.evaluation.report import figure, figures, page, section
from facepay.evaluation.tables import Table
from facepay.identity.lookalikes import Pair
from facepay.identity.own_gallery import Measured
from facepay.identity.policy import policy_for
from facepay.settings import Settings

FIXED = 0.4  # what open face services compare with, whatever the gallery's size
GALLERY_SIZES = (1_000, 10_000, 100_000, 1_000_000)
PAIRS_SHOWN = 50
FMR_DRAWN_MIN = 1e-12

Figures = dict[str, tuple[bytes, str]]


def calibration_tables(
    measured: Measured, calibration: Calibration, shipped: Calibration, settings: Settings, pairs: Mapping[Pair, float]
) -> list[Table]:
    """`calibration` as it is used; `pairs` of members who look alike, the most alike first."""
    tables = [
        _levels(measured.fit, calibration, shipped),
        _uses(calibration, shipped, settings),
        _checks(measured.fit),
        _pairs(pairs, measured.suspicious),
    ]
    return [table for table in tables if table.rows]


def calibration_figures(measured: Measured, calibration: Calibration, settings: Settings) -> Figures:
    """PNGs by name, each with its caption."""
    impostor, genuine = measured.impostors.histogram, measured.genuine
    gate = policy_for("gate", settings)
    lines = {f"gate, {size:,} searched": gate.threshold(calibration, size) for size in (1_000, 1_000_000)}
    at = thresholds()
    fmr, fnmr = error_curves(genuine.astype(np.float64), impostor.astype(np.float64))
    shown = at >= 0
    rates = {"FMR, measured": (at[shown], fmr[shown])}
    used = np.linspace(calibration.tail_start, calibration.similarity_at(FMR_DRAWN_MIN), 200)
    rates["FMR, as it is used"] = (used, np.array([calibration.fmr(cosine) for cosine in used]))
    if genuine.any():
        rates["FNMR, measured"] = (at[shown], fnmr[shown])
    drawn = {
        "scores": (
            score_histogram(impostor, genuine, thresholds=lines, title="Scores"),
            "Cosines of templates to other members' references, and to their own member's other templates",
        ),
        "rates": (
            rates_at(rates, across="cosine", rate="rate", title="Error rates by threshold"),
            "False matches fall with the threshold; beyond those that were seen, the fitted tail goes on",
        ),
    }
    if genuine.any():
        curve = Curve("one template against the rest", fmr, fnmr)
        drawn["trade-off"] = (
            error_trade_off([curve], false_positive="FMR", false_negative="FNMR", title="Detection error trade-off"),
            "Templates of one enrolment were taken in one sitting: at a gate, more are missed than this",
        )
    return drawn


def calibration_page(tables: Sequence[Table], drawn: Figures, *, subtitle: str, made: datetime) -> str:
    pictures = figures(figure(png, caption) for png, caption in drawn.values())
    return page("Calibration", subtitle, [pictures, *map(section, tables)], made=made)


def _levels(fit: Fit, calibration: Calibration, shipped: Calibration) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            f"{interval.fmr:g}",
            f"{interval.similarity:.3f}",
            f"{interval.low:.3f} to {interval.high:.3f}",
            f"{calibration.similarity_at(interval.fmr):.3f}",
            f"{shipped.similarity_at(interval.fmr):.3f}",
        )
        for interval in fit.intervals
    ]
    found = fit.calibration
    note = (
        f"{found.people:,} people, {found.pairs:,} pairs, {fit.left_out} left out. Fewer than {PEOPLE_TRUSTED_MIN:,} "
        "people count only where they ask for more than the pack's own numbers do."
    )
    return Table("Thresholds", note, ("FMR", "measured", "95 % interval", "used", shipped.version), rows)


def _uses(calibration: Calibration, shipped: Calibration, settings: Settings) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            f"{size:,}",
            *(f"{policy_for(use, settings).threshold(calibration, size):.3f}" for use in ("gate", "pay_chain", "door")),
            f"{policy_for('gate', settings).threshold(shipped, size):.3f}",
            f"{calibration.false_positive_rate(FIXED, searched=size):.3g}",
        )
        for size in GALLERY_SIZES
    ]
    columns = (
        "templates searched",
        "gate",
        "pay_chain",
        "door",
        f"gate, {shipped.version}",
        f"FPIR at fixed {FIXED:g}",
    )
    return Table(
        "What each use asks for", "By how many are searched, under the targets in the settings.", columns, rows
    )


def _checks(fit: Fit) -> Table:
    verdict = "It holds." if fit.holds else "It does not hold: the tail has another shape than was fitted."
    note = f"{verdict} Distance of Kolmogorov and Smirnov {fit.distance:.3f}."
    rows: list[tuple[str, ...]] = [
        (f"{check.similarity:.3f}", f"{check.seen:g}", f"{check.foretold:.1f}") for check in fit.checks
    ]
    return Table("The fitted tail, held against the pairs", note, ("cosine", "pairs seen", "foretold"), rows)


def _pairs(pairs: Mapping[Pair, float], suspicious: float) -> Table:
    note = (
        f"{len(pairs):,} pairs of members who prove who they are by more than a face; {PAIRS_SHOWN} at most are shown. "
        f"From {suspicious:.3f} on, look whether one person was registered twice."
    )
    rows: list[tuple[str, ...]] = [
        (str(one), str(other), f"{cosine:.3f}", "twice?" if cosine >= suspicious else "")
        for (one, other), cosine in list(pairs.items())[:PAIRS_SHOWN]
    ]
    return Table("Members who look alike", note, ("member", "member", "cosine", ""), rows)
