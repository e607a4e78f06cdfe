"""One frame with one face: plain InsightFace beside our engine beside the bare networks, in turn.

    python -m benchmarks.inference [--rounds 60]

Plain InsightFace gets the frame decoded; the engine gets the JPEG. Every round runs each contestant once, so
that whatever else the machine does hits all alike. The second table keeps several callers busy at once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import simplejpeg
from rich.console import Console
from rich.table import Table

from facepay.vision.detection import Scrfd
from facepay.vision.engine import InsightFaceEngine, available_cores, load_engine
from facepay.vision.packs import find_pack
from facepay.vision.samples import camera_frame, people

Contestants = dict[str, Callable[[], object]]


def plain_insightface(frame: bytes) -> Callable[[], object]:
    """`FaceAnalysis.get` with InsightFace's and ONNX Runtime's defaults, at the same detector size."""
    from insightface.app import FaceAnalysis

    warnings.filterwarnings("ignore", category=FutureWarning, module="insightface")
    pack = find_pack()
    folder = Path(tempfile.mkdtemp(prefix="facepay-bench-"))
    for file in (pack.detector, pack.recogniser):
        (folder / file.path.name).symlink_to(file.path)
    app = FaceAnalysis(name=str(folder), providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=0, det_size=(640, 640))
    image = simplejpeg.decode_jpeg(frame, "BGR")
    return lambda: app.get(image)


def bare_networks(engine: InsightFaceEngine) -> Callable[[], object]:
    """The detector's and the recogniser's sessions on finished input: what no engine can be faster than."""
    detector, recogniser = cast(Scrfd, engine.detector.network).scrfd, engine.recogniser
    frame = np.zeros((1, 3, 384, 640), dtype=np.float32)
    crop = np.zeros((1, 3, 112, 112), dtype=np.float32)

    def run() -> None:
        detector.session.run(detector.output_names, {detector.input_name: frame})
        recogniser.session.run(recogniser.output_names, {recogniser.input_name: crop})

    return run


def take_turns(contestants: Contestants, rounds: int) -> dict[str, np.ndarray]:
    """(rounds, 2) milliseconds of every contestant: on the clock, and on all cores together."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for turn in range(-5, rounds):  # the first few only warm up
        for name, run in contestants.items():
            time.sleep(0.1)  # ONNX Runtime's default threads spin on for some 50 ms, against whoever is next
            clock, cores = time.perf_counter(), time.process_time()
            run()
            if turn >= 0:
                times[name].append((time.perf_counter() - clock, time.process_time() - cores))
    return {name: np.array(values) * 1e3 for name, values in times.items()}


def frames_per_second(run: Callable[[], object], callers: int, seconds: float = 3.0) -> float:
    def keep_running(_: int) -> int:
        count, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            run()
            count += 1
        return count

    with ThreadPoolExecutor(callers) as threads:
        return sum(threads.map(keep_running, range(callers))) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    console = Console()
    frame = camera_frame([people()[0]], width=1280, height=720, fill=0.5)
    with console.status("loading models"):
        engine, single = load_engine(), load_engine(threads=1)
        plain = plain_insightface(frame)
        one_thread = bare_networks(single)
    contestants: Contestants = {
        "FaceAnalysis.get (decoded frame)": plain,
        "engine.analyse (JPEG)": lambda: engine.analyse(frame),
        "engine.analyse, 1 thread per model": lambda: single.analyse(frame),
        "bare detector + recogniser": bare_networks(engine),
        "bare, 1 thread per model": one_thread,
    }
    with console.status(f"{rounds} rounds"):
        times = take_turns(contestants, rounds)
    baseline = float(np.median(times["FaceAnalysis.get (decoded frame)"][:, 0]))
    title = f"1280x720, one face, {available_cores()} cores"
    table = Table("", "median ms", "p95 ms", "ratio", "CPU ms", title=title)
    for name, values in times.items():
        median, cpu = np.median(values, axis=0)
        p95 = np.percentile(values[:, 0], 95)
        table.add_row(name, f"{median:.1f}", f"{p95:.1f}", f"{median / baseline:.2f}", f"{cpu:.1f}")
    console.print(table)
    stages = [engine.analyse(frame).timings_ms for _ in range(20)]
    console.print("stages:", {stage: round(float(np.median([s[stage] for s in stages])), 2) for stage in stages[0]})

    busy = Table("callers", *list(contestants)[:3], title="frames a second")
    for callers in (1, 2, 4):
        with console.status(f"{callers} callers"):
            rates = [frames_per_second(run, callers) for run in list(contestants.values())[:3]]
        busy.add_row(str(callers), *(f"{rate:.1f}" for rate in rates))
    console.print(busy)


if __name__ == "__main__":
    main()
