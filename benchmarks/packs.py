"""The model packs side by side: faces found, pairs of photos told apart, speed and memory.

Compares every photo in a labelled folder with every other one, the central face of each. `--write` keeps the figures
that `facepay models` shows (src/facepay/vision/accuracy.json) and each pack's calibration.

    FACEPAY_FACES=… python -m benchmarks.packs buffalo_sc yunet_sface --write
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import facepay.calibration
import facepay.vision
from benchmarks.inference import take_turns
from facepay.calibration.calibration import Calibration
from facepay.calibration.impostors import compare, probes_of
from facepay.calibration.tail import fit
from facepay.evaluation.folders import Photo, photos_in, read_same_person
from facepay.evaluation.observing import Observer
from facepay.vision.accuracy import Measured, measured_accuracy, save_accuracy
from facepay.vision.engine import InsightFaceEngine, available_cores, load_engine
from facepay.vision.evidence import Floats
from facepay.vision.packs import WHEEL_PACKS
from facepay.vision.samples import camera_frame, people

ACCURACY_FILE = Path(facepay.vision.__file__).parent / "accuracy.json"
CALIBRATIONS = Path(facepay.calibration.__file__).parent / "shipped"
SAME_PERSON = Path(__file__).with_name("same_person.csv")
SOURCE = "benchmarks/packs.py: {photos:,} photos, most of them half of Labeled Faces in the Wild (deep-funneled)"
# From Linux: getrusage would tell the peak of the process that started this one.
PEAK_MEMORY = r"""
import re, sys
from facepay.vision.engine import load_engine
from facepay.vision.samples import camera_frame, people
engine, frame = load_engine(sys.argv[1]), camera_frame([people()[0]])
for _ in range(20): engine.analyse(frame)
print(int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024)
"""


@dataclass(frozen=True, slots=True)
class Faces:
    """The embeddings of each person's photos, and of how many photos a face was found."""

    of_person: list[list[Floats]]
    photos: int

    @property
    def found(self) -> int:
        return sum(map(len, self.of_person))


def faces_in(photos: Sequence[Photo], engine: InsightFaceEngine, progress: Progress) -> Faces:
    step = progress.add_task(engine.pack, total=len(photos))
    observer = Observer(engine, subject="central", workers=available_cores())
    evidences = observer.observe(
        [photo.path for photo in photos], progress=lambda done, _: progress.update(step, completed=done)
    )
    of_person: dict[str, list[Floats]] = defaultdict(list)
    for photo, evidence in zip(photos, evidences, strict=True):
        for face in evidence.faces if evidence else ():
            assert face.embedding is not None
            of_person[photo.person].append(face.embedding)
    return Faces(list(of_person.values()), len(photos))


def fnmr_at(faces: Faces, fmrs: Sequence[float]) -> list[float]:
    """The share of pairs of photos of one person below the cosine that pairs of two people reach so often."""
    embeddings = np.concatenate([np.stack(each) for each in faces.of_person])
    person = np.repeat(np.arange(len(faces.of_person)), [len(each) for each in faces.of_person])
    first, second = np.triu_indices(len(embeddings), 1)
    cosines, same = (embeddings @ embeddings.T)[first, second], person[first] == person[second]
    impostor = cosines[~same]
    ranks = [len(impostor) - 1 - int(fmr * len(impostor)) for fmr in fmrs]
    impostor.partition(ranks)
    return [float(np.mean(cosines[same] <= impostor[rank])) for rank in ranks]


def calibrate(faces: Faces, pack: str) -> Calibration:
    probes = probes_of(faces.of_person)
    return fit(compare(probes, probes), pack=pack, source=SOURCE.format(photos=faces.photos)).calibration


def measure(faces: Faces, *, frame_cpu_ms: float, memory_mb: float) -> Measured:
    strict, stricter = fnmr_at(faces, (1e-4, 1e-5))
    return Measured(
        date=datetime.now(UTC).date().isoformat(),
        photos=faces.photos,
        people=len(faces.of_person),
        faces_found=round(faces.found / faces.photos, 5),
        fnmr_at_fmr_1e_4=round(strict, 5),
        fnmr_at_fmr_1e_5=round(stricter, 5),
        frame_cpu_ms=round(frame_cpu_ms, 1),
        memory_mb=round(memory_mb),
        source=SOURCE.format(photos=faces.photos),
    )


def speed_and_memory(engines: dict[str, InsightFaceEngine], rounds: int) -> dict[str, tuple[float, float]]:
    """By pack, for a 1280x720 JPEG with one face: median milliseconds of all cores together, and a process's peak MB.

    Packs take turns. Time on the clock is about half of it on two idle cores, and anything on busy ones.
    """
    frame = camera_frame([people()[0]], width=1280, height=720, fill=0.5)
    times = take_turns({name: lambda engine=engine: engine.analyse(frame) for name, engine in engines.items()}, rounds)  # type: ignore[misc]
    return {name: (float(np.median(times[name][:, 1])), _peak_memory_mb(name)) for name in engines}


def _peak_memory_mb(pack: str) -> float:
    done = subprocess.run([sys.executable, "-c", PEAK_MEMORY, pack], check=True, capture_output=True, text=True)
    return float(done.stdout)


def show(figures: dict[str, Measured], console: Console) -> None:
    table = Table("", *figures)
    for name in ("faces_found", "fnmr_at_fmr_1e_4", "fnmr_at_fmr_1e_5", "frame_cpu_ms", "memory_mb"):
        table.add_row(name, *(f"{asdict(measured)[name]:g}" for measured in figures.values()))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packs", nargs="*", default=list(WHEEL_PACKS))
    parser.add_argument("--faces", type=Path, default=os.environ.get("FACEPAY_FACES"), help="the folder of photos")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.faces is None:
        parser.error("give --faces or set FACEPAY_FACES")
    console = Console()
    photos = photos_in(options.faces, same_person=read_same_person(SAME_PERSON))
    engines = {name: load_engine(name) for name in options.packs}
    costs = speed_and_memory(engines, options.rounds)
    figures = {}
    with Progress(console=console) as progress:
        for name, engine in engines.items():
            faces = faces_in(photos, engine, progress)
            figures[engine.pack] = measure(faces, frame_cpu_ms=costs[name][0], memory_mb=costs[name][1])
            if options.write:
                calibrate(faces, engine.pack).save(CALIBRATIONS)
    show(figures, console)
    if options.write:
        save_accuracy(measured_accuracy() | figures, ACCURACY_FILE)


if __name__ == "__main__":
    main()
