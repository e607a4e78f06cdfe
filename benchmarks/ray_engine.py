"""What it costs to have frames looked at by Ray instead of in this process.

    python -m benchmarks.ray_engine [--frames 200] [--callers 8] [--save]

First the way alone, to a replica that answers with evidence it has ready: over HTTP as the app goes, and by Ray's own
handle, for which the app would have to join the cluster, with the frame as an argument or through the object store.
Then the models, here and on a Ray of this machine's own with as many processors. All in one run, a 720p JPEG each time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import numpy as np
import psutil
import ray
from ray import serve
from rich.console import Console
from rich.table import Table
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.saving import save
from facepay.vision.engine import available_cores, load_engine
from facepay.vision.evidence import FrameEvidence
from facepay.vision.ray_serving import Models, Scale, deploy, join
from facepay.vision.remote import EngineAddress, RemoteEngine
from facepay.vision.samples import camera_frame, people
from facepay.vision.wire import evidence_from_json, evidence_to_json
from tests.server import free_port

Row = dict[str, Any]


class Way:
    """Answers with evidence it has ready."""

    def __init__(self, evidence: FrameEvidence) -> None:
        self._evidence = evidence

    async def __call__(self, request: Request) -> Response:
        await request.body()
        return Response(evidence_to_json(self._evidence))

    async def by_handle(self, frame: bytes) -> FrameEvidence:
        return self._evidence


def measured(name: str, ask: Callable[[], object], *, frames: int, callers: int) -> Row:
    """One caller's waiting times, then so many callers' throughput, and the processor time and memory of it all."""
    ask()
    alone = []
    for _ in range(frames):
        started = time.perf_counter()
        ask()
        alone.append((time.perf_counter() - started) * 1000)
    with ThreadPoolExecutor(callers) as threads, _busy() as busy:
        started = time.perf_counter()
        list(threads.map(lambda _: ask(), range(frames)))
        seconds = time.perf_counter() - started
    here, ray_side = busy()
    return {
        "way": name,
        "p50_ms": round(statistics.median(alone), 2),
        "p99_ms": round(float(np.percentile(alone, 99)), 2),
        "frames_per_second": round(frames / seconds, 1),
        "cpu_ms_here": round(1000 * here / frames, 2),
        "cpu_ms_ray": round(1000 * ray_side / frames, 2),
    }


@contextmanager
def _busy() -> Iterator[Callable[[], tuple[float, float]]]:
    """Processor seconds since the start, of this process and of those it started."""

    def now() -> tuple[float, float]:
        this = psutil.Process()
        spent = [sum(each.cpu_times()[:2]) for each in (this, *this.children(recursive=True))]
        return spent[0], sum(spent[1:])

    before = now()
    yield lambda: (now()[0] - before[0], now()[1] - before[1])


def ways(frame: bytes, evidence: FrameEvidence, port: int, *, frames: int, callers: int) -> Iterator[Row]:
    deployment = serve.deployment(max_ongoing_requests=64, ray_actor_options={"num_cpus": 0})
    handle = serve.run(deployment(Way).bind(evidence), name="way", route_prefix="/way")
    http = httpx.Client(trust_env=False)

    def over_http() -> FrameEvidence:
        return evidence_from_json(http.post(f"http://127.0.0.1:{port}/way", content=frame).raise_for_status().content)

    asked = {
        "the way alone: HTTP": over_http,
        "the way alone: handle, argument": lambda: handle.by_handle.remote(frame).result(),
        "the way alone: handle, object store": lambda: handle.by_handle.remote(ray.put(frame)).result(),
    }
    for name, ask in asked.items():
        yield measured(name, ask, frames=frames, callers=callers)
    serve.delete("way")


def models(frame: bytes, port: int, *, frames: int, callers: int) -> Iterator[Row]:
    here = load_engine(threads=1)
    cores = available_cores()
    with ThreadPoolExecutor(cores) as workers:  # as InferencePool runs it
        embedded = measured(
            "embedded engine", lambda: workers.submit(here.analyse, frame).result(), frames=frames, callers=callers
        )
        yield embedded
    offered = Models("buffalo_sc")
    deploy(offered, Scale(replicas=cores), port=port)
    there = RemoteEngine(EngineAddress.parse(f"ray://127.0.0.1:{port}"), offered.identity(), timeout_seconds=20)
    yield measured("engine on Ray", partial(there.analyse, frame), frames=frames, callers=callers)


def memory_mb() -> float:
    """Of all Ray processes, each page of theirs once."""
    return float(sum(each.memory_full_info().pss for each in psutil.Process().children(recursive=True))) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    frame, port, load = camera_frame([people()[0]]), free_port(), {"frames": options.frames, "callers": options.callers}
    evidence = load_engine(threads=1).analyse(frame)
    join(None)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    rows = [*ways(frame, evidence, port, **load), *models(frame, port, **load)]
    console = Console(width=130)
    table = Table(title=f"{len(frame) / 1000:.0f} kB in, {len(evidence_to_json(evidence)) / 1000:.1f} kB out", box=None)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="left" if name == "way" else "right")
    for row in rows:
        table.add_row(*map(str, row.values()))
    console.print(table)
    console.print(f"All Ray processes take {memory_mb():.0f} MB.")
    if options.save:
        rows.append({"way": "all Ray processes", "memory_mb": round(memory_mb())})
        console.print(f"Saved as {save('ray_engine', rows)}")
    ray.shutdown()


if __name__ == "__main__":
    main()
