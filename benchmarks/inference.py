"""One frame with one face: other ways of calling the same models, the bare networks, and our engine, in turn.

    python -m benchmarks.inference [--rounds 40] [--seconds 2] [--save]

Plain InsightFace gets the frame decoded; all others get the JPEG. Every round runs each contestant once, so that
whatever else the machine does hits all alike. The limit is the sum of detector and recogniser, each alone in ONNX
Runtime with its default settings. The second table keeps several callers busy at once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
from rich.console import Console
from rich.table import Table

from benchmarks.peers import bare_detector, bare_recogniser, immich, insightface_rest, plain_insightface
from benchmarks.saving import FIGURES, save
from facepay.vision.engine import available_cores, load_engine
from facepay.vision.optimised import default_cache
from facepay.vision.packs import find_pack
from facepay.vision.samples import camera_frame, people
from facepay.vision.sessions import Sessions

Run = Callable[[], object]
PLAIN, OURS = "FaceAnalysis.get (decoded)", "our engine"
STAGES = ("decode", "detect", "align", "embed", "measure")


def contestants(frame: bytes) -> tuple[dict[str, Run], Callable[[], dict[str, float]]]:
    engine, pack = load_engine(), find_pack()
    opened = Sessions("cpu", threads=available_cores(), cache=default_cache())

    def by_default(path: object) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    runs: dict[str, Run] = {
        PLAIN: plain_insightface(frame),
        "as Immich": immich(frame),
        "as InsightFace-REST": insightface_rest(frame),
        OURS: lambda: engine.analyse(frame),
        "bare detector, default": bare_detector(by_default(pack.detector.path)),
        "bare recogniser, default": bare_recogniser(by_default(pack.recogniser.path)),
        "bare detector, ours": bare_detector(opened.open(pack.detector, "for_any_size")),
        "bare recogniser, ours": bare_recogniser(opened.open(pack.recogniser, "for_one_face")),
    }
    return runs, lambda: dict(engine.analyse(frame).timings_ms)


def take_turns(runs: dict[str, Run], rounds: int) -> dict[str, np.ndarray]:
    """(rounds, 2) milliseconds of every contestant: on the clock, and on all cores together."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(-3, rounds):  # the first few only warm up
        for name, run in runs.items():
            run()
            clock, cores = time.perf_counter(), time.process_time()
            run()
            if turn >= 0:
                times[name].append((time.perf_counter() - clock, time.process_time() - cores))
            time.sleep(0.1)  # ONNX Runtime's default threads spin on for some 50 ms, against whoever is next
    return {name: np.array(values) * 1e3 for name, values in times.items()}


def frames_per_second(run: Run, callers: int, seconds: float) -> float:
    def keep_running(_: int) -> int:
        count, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            run()
            count += 1
        return count

    with ThreadPoolExecutor(callers) as threads:
        return sum(threads.map(keep_running, range(callers))) / seconds


def rows_of(times: dict[str, np.ndarray]) -> list[dict[str, float | str]]:
    times = dict(times)
    for whose in ("default", "ours"):
        parts = [times[f"bare {part}, {whose}"] for part in ("detector", "recogniser")]
        times[f"bare sum, {whose}"] = parts[0] + parts[1]
    plain, bare = (float(np.median(times[name][:, 0])) for name in (PLAIN, "bare sum, default"))
    rows: list[dict[str, float | str]] = []
    for name, values in times.items():
        p50, cpu = np.median(values, axis=0)
        p99 = float(np.percentile(values[:, 0], 99))
        ratios = {"to_plain": round(p50 / plain, 2), "to_bare_sum": round(p50 / bare, 2)}
        rows.append({"case": name, "p50_ms": round(p50, 1), "p99_ms": round(p99, 1), "cpu_ms": round(cpu, 1)} | ratios)
    return rows


def plot(stages: dict[str, float], rows: list[dict[str, float | str]]) -> None:
    """Our engine's stages as one bar, the others' whole times beside it."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3))
    left = 0.0
    for stage, hatch in zip(STAGES, ("..", "", "xx", "//", "oo"), strict=True):
        axes.barh(OURS, stages[stage], left=left, hatch=hatch, color="white", edgecolor="black", label=stage)
        left += stages[stage]
    for row in rows:
        if "p50_ms" in row and row["case"] in ("bare sum, default", "as InsightFace-REST", "as Immich", PLAIN):
            axes.barh(str(row["case"]), float(row["p50_ms"]), color="lightgrey", edgecolor="black")
    axes.set_xlabel("ms, median, 1280x720 with one face")
    axes.legend(ncols=5, fontsize=7, loc="upper center", bbox_to_anchor=(0.4, 1.15), frameon=False)
    figure.tight_layout()
    figure.savefig(FIGURES / "inference.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    console = Console()
    frame = camera_frame([people()[0]], width=1280, height=720, fill=0.5)
    runs, staged = contestants(frame)
    rows = rows_of(take_turns(runs, options.rounds))
    table = Table("", "p50 ms", "p99 ms", "CPU ms", "to FaceAnalysis", "to bare sum", title="1280x720, one face")
    for row in rows:
        table.add_row(*map(str, row.values()))
    console.print(table)
    measured = [staged() for _ in range(30)]
    stages = {stage: round(float(np.median([each[stage] for each in measured])), 2) for stage in STAGES}
    console.print("stages:", stages)
    busy = Table("callers", *list(runs)[:4], title="frames a second")
    for callers in (1, 2, 4):
        rates = {name: frames_per_second(runs[name], callers, options.seconds) for name in list(runs)[:4]}
        busy.add_row(str(callers), *(f"{rate:.1f}" for rate in rates.values()))
        rows += [{"case": name, "callers": callers, "frames_per_second": round(v, 1)} for name, v in rates.items()]
    console.print(busy)
    if options.save:
        save("inference", [*rows, {"case": "stages", **stages}])
        plot(stages, rows)


if __name__ == "__main__":
    main()
