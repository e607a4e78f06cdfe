"""The simulation's model of one server beside that server: what it says of delays and refusals, and what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.busy_shop import busy_shop
from benchmarks.chain_day import Plant, arrivals, figures, play
from benchmarks.load import Plan, send
from facepay.settings import Settings

SHARES = (0.3, 0.6, 0.8, 0.9, 1.5)


def compare(seconds: float) -> list[dict[str, Any]]:
    """At shares of what the server did at most; the model is told that, and how long a lone request took."""
    with busy_shop() as shop:
        calls = shop.gate_calls()
        send(Plan(shop.port, calls, 3, callers=4))
        lone = float(np.median([answer.took for answer in send(Plan(shop.port, calls, seconds)).answers]))
        peak = len(send(Plan(shop.port, calls, seconds, callers=8)).answers) / seconds
        real = {share: send(Plan(shop.port, calls, seconds, rate=peak * share)).answers for share in SHARES}
    settings = Settings()
    frame = settings.inference_workers / peak
    plant = Plant(
        1,
        settings.inference_workers,
        frame,
        1e-9,
        settings.inference_queue_max,
        tries=1,
        beside=max(0.0, lone - frame),
    )
    title = f"one server: {peak:.1f} requests/s at most, {lone * 1000:.0f} ms alone, {plant.workers} workers"
    table = Table("offered/s", "", "p50 ms", "p99 ms", "refused", title=title)
    rows: list[dict[str, Any]] = [{"what": "server", "peak": peak, "lone_ms": lone * 1000, "workers": plant.workers}]
    for share, answers in real.items():
        p50, p99 = np.quantile([each.took for each in answers if each.status < 300], [0.5, 0.99]) * 1000
        refused = sum(each.status == 503 for each in answers) / len(answers)
        model = figures(play(arrivals(peak * share, seconds * 20), plant))
        table.add_row(f"{peak * share:.0f}", "measured", f"{p50:.0f}", f"{p99:.0f}", f"{refused:.1%}")
        table.add_row("", "model", f"{model['p50_ms']:.0f}", f"{model['p99_ms']:.0f}", f"{model['alone']:.1%}")
        rows.append({"what": "measured", "share": share, "p50_ms": p50, "p99_ms": p99, "refused": refused})
        rows.append({"what": "model", "share": share} | model)
    Console().print(table)
    return rows
