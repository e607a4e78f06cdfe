"""How long a start takes: from the process to the first 200 of /readyz, in turns with nothing but loading the models.

    .venv/bin/python -m benchmarks.start [--rounds 5] [--save]

`bare` opens the pack's detector and recogniser with ONNX Runtime's defaults in a process that imports nothing else,
`libraries` in one that imports FastAPI, SQLAlchemy, psycopg, OpenCV and uvicorn before, and none of ours. `engine`
loads and warms ours, `InsightFace` does with `FaceAnalysis` what its README says, on the same two models. The server is
`facepay serve` with its embedded, durable Postgres, migrated before the first round.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.saving import save
from facepay.vision.packs import find_pack
from tests.server import free_port, start

BARE = "import onnxruntime as o, sys; [o.InferenceSession(p, providers=['CPUExecutionProvider']) for p in sys.argv[1:]]"
LIBRARIES = (
    "import gc; gc.disable(); import cv2, fastapi, numpy, psycopg, pydantic_settings, sqlalchemy.ext.asyncio, uvicorn; "
    + BARE
)
ENGINE = "from facepay.vision.engine import load_engine; load_engine()"
INSIGHTFACE = (
    "import sys; from insightface.app import FaceAnalysis; "
    "FaceAnalysis(name=sys.argv[1], allowed_modules=['detection', 'recognition'], "
    "providers=['CPUExecutionProvider']).prepare(ctx_id=-1, det_size=(640, 640))"
)
SERVER = "facepay serve, to ready"


@dataclass
class Times:
    """Of one case: seconds by the clock and of the processor in each round, and the memory of the last, in MB."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    memory_mb: float = 0.0


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 5, save_figures: Annotated[bool, typer.Option("--save")] = False
) -> None:
    console = Console()
    with TemporaryDirectory(prefix="facepay-start-") as folder:
        cases = cases_in(Path(folder))
        times = {name: Times() for name in cases}
        for case in cases.values():
            case(
                Times()
            )  # compiled files, the optimised networks and the cluster are there, as on any day but the first
        for _ in track(range(rounds), description="measuring", transient=True):
            for name, case in cases.items():
                case(times[name])
    base = statistics.median(times["bare"].seconds)
    table = Table("", "median s", "CPU s", "MB", "ratio to bare")
    rows = []
    for name, measured in times.items():
        seconds, cpu = statistics.median(measured.seconds), statistics.median(measured.cpu_seconds)
        table.add_row(name, f"{seconds:.2f}", f"{cpu:.2f}", f"{measured.memory_mb:.0f}", f"{seconds / base:.2f}")
        rows.append({"case": name, "seconds": seconds, "cpu_seconds": cpu, "memory_mb": measured.memory_mb})
    console.print(table)
    if save_figures:
        save("start", rows)


def cases_in(folder: Path) -> dict[str, Callable[[Times], None]]:
    pack = find_pack()
    models = [str(pack.detector.path), str(pack.recogniser.path)]
    plain = folder / "models" / "plain"
    plain.mkdir(parents=True)
    for model in models:
        shutil.copy(model, plain)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled, and so is this checkout now
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")

    def python(*arguments: str) -> Callable[[Times], None]:
        return lambda times: run([sys.executable, *arguments], times)

    return {
        "bare": python("-c", BARE, *models),
        "libraries": python("-c", LIBRARIES, *models),
        "InsightFace": python("-c", INSIGHTFACE, str(plain)),
        "engine": python("-c", ENGINE),
        "import facepay.app": python("-c", "import facepay.app"),
        "facepay --help": python("-m", "facepay.cli", "--help"),
        SERVER: lambda times: serve(folder / "data", times),
    }


def run(command: list[str], times: Times) -> None:
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    times.seconds.append(time.perf_counter() - begun)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    times.cpu_seconds.append(used.ru_utime + used.ru_stime)
    times.memory_mb = used.ru_maxrss / 1024


def serve(data: Path, times: Times) -> None:
    begun = time.perf_counter()
    server = start(data, free_port())
    times.seconds.append(time.perf_counter() - begun)
    process = psutil.Process(server.pid)
    used = process.cpu_times()
    times.cpu_seconds.append(used.user + used.system)
    times.memory_mb = process.memory_info().rss / 2**20
    server.terminate()
    server.wait(20)


if __name__ == "__main__":
    typer.run(main)
