"""The picture of `benchmarks.chain_day`: the busiest minutes against the number of replicas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

OUT = Path(__file__).parents[1] / "docs" / "figures" / "chain_day.svg"


def plot(rows: Sequence[dict[str, Any]]) -> None:
    mpl.rcParams["svg.hashsalt"] = "facepay"
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    found = [row for row in rows if row["what"] == "replicas"]
    replicas = [row["replicas"] for row in found]
    for name, style in (("p50_ms", "k--o"), ("p99_ms", "k-s")):
        left.plot(replicas, [row[name] for row in found], style, label=name.removesuffix("_ms"), markersize=4)
    left.set(xlabel="replicas of 2 cores", ylabel="ms from first try to answer", yscale="log", ylim=(10, None))
    for name, label, style in (("failed", "failed at first", "k-s"), ("alone", "went on alone", "k--o")):
        right.plot(replicas, [100 * row[name] for row in found], style, label=label, markersize=4)
    right.set(xlabel="replicas of 2 cores", ylabel="% of requests")
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, metadata={"Date": None})
