"""The figures of the reports, as PNG bytes: score histograms and detection error trade-offs (ISO/IEC 19795-1).

matplotlib draws them; it comes with the extra `report`, and only reports import it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = npt.NDArray[Any]

GENUINE, IMPOSTOR, INK = "#2a78b8", "#c8553d", "#444444"
DPI = 110
RATE_MIN = 1e-4  # where the axes of a trade-off begin


class FiguresUnavailable(Exception):
    """matplotlib isn't installed."""


def require_figures() -> None:
    """Raises FiguresUnavailable, with what to do about it, before a long run rather than after."""
    if find_spec("matplotlib") is None:
        raise FiguresUnavailable("Reports with figures need matplotlib: pip install 'facepay[report]'.")


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A detection error trade-off: two rates at each of the same thresholds."""

    name: str
    false_positive: Values
    false_negative: Values


def score_histogram(
    impostor: Values, genuine: Values | None = None, *, thresholds: Mapping[str, float], title: str = ""
) -> bytes:
    """Histograms of cosines from -1 to 1, (bins,) counts each, as densities on a log scale, and lines at thresholds."""
    figure, axes = _figure(title, "cosine", "density")
    for counts, colour, name in ((impostor, IMPOSTOR, "different people"), (genuine, GENUINE, "same person")):
        if counts is not None and counts.sum():
            counts = counts.reshape(-1, max(1, len(counts) // 200)).sum(axis=1)  # 0.01 of cosine each
            edges = np.linspace(-1, 1, len(counts) + 1)
            density = counts / counts.sum() / np.diff(edges)
            axes.stairs(density, edges, fill=True, alpha=0.45, color=colour, label=f"{name} ({counts.sum():,})")
    axes.set_yscale("log")
    axes.set_xlim(-0.4, 1)
    for (name, value), style in zip(thresholds.items(), ("-", "--", ":", "-.") * len(thresholds), strict=False):
        axes.axvline(value, color=INK, linestyle=style, linewidth=1.2, label=f"{name} {value:.3f}")
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def error_trade_off(
    curves: Sequence[Curve], *, false_positive: str, false_negative: str, targets: Sequence[float] = (), title: str = ""
) -> bytes:
    """A DET plot with logarithmic axes; both axes are named by the kind of rate, say FPIR and FNIR."""
    figure, axes = _figure(title, false_positive, false_negative)
    for curve in curves:
        seen = (curve.false_positive > 0) & (curve.false_negative > 0)
        axes.step(curve.false_positive[seen], curve.false_negative[seen], linewidth=1.5, label=curve.name)
    for target in targets:
        axes.axvline(target, color=INK, linestyle=":", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlim=(RATE_MIN, 1), ylim=(RATE_MIN, 1))
    axes.grid(visible=True, which="major", linewidth=0.3)
    if axes.lines[len(targets) :]:
        axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def receiver_operating(curves: Mapping[str, tuple[Values, Values]], *, title: str = "") -> bytes:
    """A ROC plot: name -> false and true positive rates."""
    figure, axes = _figure(title, "false positive rate", "true positive rate")
    for name, (false_positive, true_positive) in curves.items():
        axes.step(false_positive, true_positive, where="post", linewidth=1.5, label=name)
    axes.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=0.8)
    axes.set(xlim=(-0.01, 1), ylim=(0, 1.01))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return _png(figure)


def rates_at(rates: Mapping[str, tuple[Values, Values]], *, across: str, rate: str, title: str = "") -> bytes:
    """Lines of a rate on a logarithmic axis: name -> (x, y)."""
    figure, axes = _figure(title, across, rate)
    for name, (x, y) in rates.items():
        axes.plot(x[y > 0], y[y > 0], linewidth=1.5, label=name)
    axes.set_yscale("log")
    axes.grid(visible=True, which="major", linewidth=0.3)
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def _figure(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    require_figures()
    from matplotlib.figure import Figure  # without pyplot, which keeps every figure and looks for a screen

    figure = Figure(figsize=(6.4, 4.0), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=across, ylabel=up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
