"""Throughput and waiting times against offered load, from a quarter of what the server can do to four times as much.

    python -m benchmarks.overload [--seconds 8] [--save]

Requests arrive at random at a steady rate (open loop), over HTTP, from a process of its own, and wait from the moment
at which they were due. What the server can do is measured first: as many callers as it holds, each asking again once
it is answered. Refused requests aren't sent again. At the end every place is held by frames that don't come to their
end, and what refusing all others takes of the server's CPU is read.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.busy_shop import BusyShop, busy_shop
from benchmarks.load import Answer, Call, Plan, send
from benchmarks.saving import parser, save

LOADS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
CALLERS = 30  # fewer than workers and queue hold
PLACES_MAX = 100  # more than workers and queue hold
REFUSING_SECONDS, REFUSED_A_SECOND = 8.0, 80.0
WITHIN_PEAK, REFUSED_MS_MAX = 0.95, 50.0
Row = dict[str, Any]
console = Console(width=120)


def capacity(shop: BusyShop, calls: Sequence[Call], seconds: float) -> float:
    """Answers a second. Exits where there are none: an answer takes longer than was measured."""
    send(Plan(shop.port, calls, 1.0, callers=CALLERS))  # warms up
    can = per_second(send(Plan(shop.port, calls, seconds, callers=CALLERS)).answers, seconds)
    return can or sys.exit(f"Nothing was answered within {seconds:g} s: measure for longer (--seconds).")


def per_second(answers: Sequence[Answer], seconds: float) -> float:
    """Of those that were served, without the beginning, when the queue fills, and the end, when it empties."""
    begin = seconds / 4
    return sum(answer.status == 200 and begin <= answer.ended < seconds for answer in answers) / (seconds - begin)


def offer(shop: BusyShop, calls: Sequence[Call], seconds: float, rate: float) -> Row:
    outcome = send(Plan(shop.port, calls, seconds, rate=rate))
    accepted = [answer for answer in outcome.answers if answer.status == 200]
    refused = [answer for answer in outcome.answers if answer.status == 503]
    return {
        "offered_per_second": round(len(outcome.answers) / seconds, 1),
        "answered_per_second": round(per_second(outcome.answers, seconds), 1),
        "accepted_p50_ms": _percentile(accepted, 50),
        "accepted_p99_ms": _percentile(accepted, 99),
        "refused_share": round(len(refused) / max(len(outcome.answers), 1), 3),
        "refused_p50_ms": _percentile(refused, 50),
        "refused_p99_ms": _percentile(refused, 99),
        "refused_max_ms": _percentile(refused, 100),
        "other": len(outcome.answers) - len(accepted) - len(refused),
        "load_cores": round(outcome.cores, 2),
    }


def refusal_cpu_ms(shop: BusyShop, calls: Sequence[Call]) -> float:
    """What the server takes for each, while frames that stop in the middle hold all places."""
    server = psutil.Process(shop.pid)
    with ExitStack() as held:
        for head, body in (call.parts() for call in islice(cycle(calls), PLACES_MAX)):
            caller = held.enter_context(socket.create_connection(("127.0.0.1", shop.port)))
            caller.sendall(head + body[: len(body) // 2])
        time.sleep(1)
        before = sum(server.cpu_times()[:2])
        refused = send(Plan(shop.port, calls, REFUSING_SECONDS, rate=REFUSED_A_SECOND)).answers
        took: float = sum(server.cpu_times()[:2]) - before
    assert all(answer.status == 503 for answer in refused)
    return 1000 * took / len(refused)


def _percentile(answers: Sequence[Answer], percent: float) -> float | None:
    return round(float(np.percentile([answer.took * 1000 for answer in answers], percent)), 1) if answers else None


def measure(shop: BusyShop, what: str, calls: Sequence[Call], seconds: float) -> list[Row]:
    can = capacity(shop, calls, seconds)
    console.log(f"{what}: {can:.1f} a second, offered {len(LOADS)} times from {LOADS[0]:.0%} to {LOADS[-1]:.0%} of it")
    rows = []
    for load in LOADS:
        time.sleep(1)  # the queue empties
        rows.append({"what": what, "load": load} | offer(shop, calls, seconds, load * can))
    return rows


def table(rows: Sequence[Row]) -> Table:
    shown = Table(title=f"{rows[0]['what']}: waiting times in milliseconds")
    for name in ("load", "offered/s", "answered/s", "p50", "p99", "refused", "503 p50", "503 p99", "503 max", "other"):
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(
            f"{row['load']:.2f}",
            f"{row['offered_per_second']:.0f}",
            f"{row['answered_per_second']:.1f}",
            *(_shown(row[f"accepted_{name}_ms"]) for name in ("p50", "p99")),
            f"{row['refused_share']:.0%}",
            *(_shown(row[f"refused_{name}_ms"]) for name in ("p50", "p99", "max")),
            str(row["other"]),
        )
    return shown


def _shown(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:.1f}"


def verdict(rows: Sequence[Row]) -> str:
    peak = max(row["answered_per_second"] for row in rows)
    least = min(row["answered_per_second"] for row in rows if row["load"] >= 1.5)
    slowest = max(row["refused_p99_ms"] or 0.0 for row in rows)
    share = least / peak if peak else 0.0
    kept, quick = share >= WITHIN_PEAK, slowest < REFUSED_MS_MAX
    return (
        f"{rows[0]['what']}: past saturation at least [bold]{share:.0%}[/] of the peak of {peak:.1f}/s "
        f"(goal 95 %: {'met' if kept else 'missed'}), 503 within [bold]{slowest:.0f} ms[/] at p99 "
        f"(goal 50 ms: {'met' if quick else 'missed'})"
    )


def plot(rows: Sequence[Row], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5.2), layout="constrained")
    throughput, waiting = figure.subplots(2, 1, sharex=True)
    for what, dash in (("gate decisions", "-"), ("checkouts", "--")):
        mine = [row for row in rows if row["what"] == what]
        loads = [row["load"] for row in mine]
        throughput.plot(loads, [row["answered_per_second"] for row in mine], f"ko{dash}", label=what, markersize=4)
        waiting.plot(loads, [row["accepted_p99_ms"] for row in mine], f"ko{dash}", label=f"{what}, p99", markersize=4)
        refused = [np.nan if row["refused_p99_ms"] is None else row["refused_p99_ms"] for row in mine]
        waiting.plot(loads, refused, f"kx{dash}", label=f"{what} refused, p99", markersize=5)
    throughput.set(ylabel="answered a second", ylim=(0, None))
    waiting.set(ylabel="waited (ms)", xlabel="offered load, as a share of what the server can do", yscale="log")
    waiting.axhline(REFUSED_MS_MAX, color="0.7", linewidth=0.8)
    throughput.legend(frameon=False)
    waiting.legend(frameon=False, fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    options = parser(__doc__, seconds=8, of="each offered load").parse_args()
    rows = list[Row]()
    with busy_shop() as shop:
        for what, calls in (("gate decisions", shop.gate_calls()), ("checkouts", shop.checkout_calls())):
            mine = measure(shop, what, calls, options.seconds)
            rows += mine
            console.print(table(mine), verdict(mine))
        console.print(f"A refused frame takes {refusal_cpu_ms(shop, shop.gate_calls()):.2f} ms of the server's CPU.")
    if options.save:
        plot(rows, save("overload", rows).with_suffix(".svg"))


if __name__ == "__main__":
    main()
