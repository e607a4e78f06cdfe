"""How small a detector's input may be: faces found, their key points, and who is then not recognised any more.

Every photo of `--faces` (or FACEPAY_FACES) is put into frames of 1280x720 so that its face has some width there, and
the detector looks at each frame at several sizes of its input's long side. Key points and embeddings are compared with
those of 640 in the same frame; and those of 640 with a face 3 % larger, to see what a face's own movement does.
Then all faces are compared with templates of other photos, enrolled at 640 and at the same size, each 200 px wide; who
isn't found is missed. Intervals are of 95 %, over people drawn anew; differences are to 640, face by face.

    python -m benchmarks.detector_input --faces FOLDER --save
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from psutil import Process
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.inference import frames_per_second
from benchmarks.saving import FIGURES, save
from facepay.calibration.calibration import load_calibration
from facepay.evaluation.folders import Photo, photos_in, read_same_person
from facepay.evaluation.metrics import bootstrap
from facepay.vision.alignment import align
from facepay.vision.detection import SIDE_PX, Detector, FaceNetwork
from facepay.vision.engine import InsightFaceEngine, available_cores, load_engine
from facepay.vision.evidence import Floats
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.packs import DEFAULT_PACK
from facepay.vision.samples import camera_frame
from facepay.vision.samples import people as sample_people

Flags = npt.NDArray[np.bool_]
Rate = dict[str, float]
Outcomes = npt.NDArray[np.float64]
"""(thresholds, 2, people): mated comparisons that were missed, others that were taken for the same."""

SAME_PERSON = Path(__file__).with_name("same_person.csv")
FRAME_WIDTH, FRAME_HEIGHT = 1280, 720
SIDES = (SIDE_PX, 512, 448, 384, 320, 256, 192)
FACE_WIDTHS = (40, 60, 90, 135, 200, 300)
ENROLLED_WIDTH = 200
BANDS = (18, 24, 32, 44, 60, 130)  # of the face's width in the input
LARGER = 1.03
FMRS = (1e-5, 1e-6, 1e-7)  # one comparison; the gate's among 1,000 and among 10,000 members
JPEG_QUALITY = 85
BUSY_ROUNDS = 5
BOUNDS = ("value", "low", "high")


@dataclass(frozen=True, slots=True)
class Look:
    """One face at one size of the input: (5, 2) key points in the frame, and its (dim,) embedding of length 1."""

    landmarks: Floats
    embedding: Floats


Cell = tuple[int, int]
"""The face's width in the frame and the input's long side, in pixels; side 0 is 640 with the face 3 % larger."""

Looks = dict[Cell, Look | None]
"""None where the face isn't found."""


def looks_at(engine: InsightFaceEngine, photo: Photo) -> Looks:
    """All widths and sides; empty where the photo by itself shows no face."""
    image = decode_frame(photo.path.read_bytes(), limits=FrameLimits())
    found = engine.detector.detect(image)
    if not len(found.boxes):
        return {}
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    centre = np.array(image.shape[1::-1]) / 2
    central = int(np.argmin(np.linalg.norm(middles - centre, axis=1)))
    box = found.boxes[central]
    looks: Looks = {}
    for width in FACE_WIDTHS:
        frame, middle = in_frame(image, box, width)
        looks |= {(width, side): look_at(engine, frame, side, middle, width) for side in SIDES}
    frame, middle = in_frame(image, box, ENROLLED_WIDTH * LARGER)
    larger = look_at(engine, frame, SIDE_PX, middle, ENROLLED_WIDTH)
    return looks | {(ENROLLED_WIDTH, 0): larger}


def in_frame(image: Image, box: Floats, face_width: float) -> tuple[Image, Floats]:
    """The photo as a camera would send it, its face in the middle and so wide; and where the face's middle came."""
    scale = face_width / float(box[2] - box[0])
    photo = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    middle = (box[:2] + box[2:]) / 2 * np.array(photo.shape[1::-1]) / image.shape[1::-1]
    left, top = (int(place) for place in np.array([FRAME_WIDTH, FRAME_HEIGHT]) / 2 - middle)
    frame = np.full((FRAME_HEIGHT, FRAME_WIDTH, 3), 96, np.uint8)
    shown = photo[max(0, -top) : FRAME_HEIGHT - top, max(0, -left) : FRAME_WIDTH - left]
    frame[max(0, top) :, max(0, left) :][: shown.shape[0], : shown.shape[1]] = shown
    jpeg = simplejpeg.encode_jpeg(frame, quality=JPEG_QUALITY, colorspace="BGR", colorsubsampling="420")
    return decode_frame(jpeg, limits=FrameLimits()), np.add(middle, (left, top), dtype=np.float32)


def look_at(engine: InsightFaceEngine, frame: Image, side: int, middle: Floats, face_width: float) -> Look | None:
    """The face whose middle is here, at most half a face away."""
    rows = engine.detector.look(frame, side)
    apart = np.linalg.norm((rows[:, :2] + rows[:, 2:4]) / 2 - middle, axis=1)
    if not len(rows) or apart.min() > face_width / 2:
        return None
    landmarks = rows[np.argmin(apart), 5:].reshape(5, 2)
    embedding = engine.recogniser.get_feat([align(frame, landmarks)])[0]
    return Look(landmarks, embedding / np.linalg.norm(embedding))


def drift(looks: Sequence[Looks], cells: Sequence[Cell]) -> dict[str, float]:
    """What moves against 640 in the same frame, where both find the face."""
    seen = [(each[width, side], each[width, SIDE_PX]) for width, side in cells for each in looks]
    pairs = [(one, other) for one, other in seen if one and other]
    figures = {"found": np.mean([one is not None for one, _ in seen])}
    if pairs:
        cosines = [one.embedding @ other.embedding for one, other in pairs]
        shifts = [np.linalg.norm(one.landmarks - other.landmarks, axis=1).mean() for one, other in pairs]
        shares = np.divide(shifts, [np.linalg.norm(other.landmarks[1] - other.landmarks[0]) for _, other in pairs])
        figures |= {"cosine_p50": np.median(cosines), "cosine_p1": np.quantile(cosines, 0.01)}
        figures |= {"shift_p50": np.median(shares), "shift_p95": np.quantile(shares, 0.95)}
    return {name: round(float(value), 4) for name, value in figures.items()}


class Comparison:
    """All faces against all templates of other photos. `people` numbers whose photo each is, from 0."""

    def __init__(self, looks: Sequence[Looks], people: npt.NDArray[np.int64], thresholds: Sequence[float]) -> None:
        self.looks, self.people, self.thresholds = looks, people, thresholds
        self.same = people[:, None] == people
        self.mated = self.same & ~np.eye(len(people), dtype=bool)

    def outcomes(self, cell: Cell, enrolled_side: int) -> Outcomes:
        scores = self._faces(cell) @ self._faces((ENROLLED_WIDTH, enrolled_side)).T
        return np.array(
            [
                (
                    self._of_people(((scores < threshold) & self.mated).sum(axis=1)),
                    self._of_people(((scores >= threshold) & ~self.same).sum(axis=1)),
                )
                for threshold in self.thresholds
            ]
        )

    def rates(self, failed: npt.NDArray[Any], pairs: Flags, times: int) -> list[Rate]:
        """Of (thresholds, people) failures, or of how many more there are than at 640, in all pairs so many times."""
        tried = self._of_people(pairs.sum(axis=1)) * times
        return [
            {key: float(f"{getattr(estimate, key):.4g}") for key in BOUNDS}
            for each in failed
            if (estimate := bootstrap(partial(_share, each, tried), people=len(tried), trials=int(tried.sum())))
        ]

    def _faces(self, cell: Cell) -> Floats:
        """(n, dim), zeros for a face that wasn't found: no threshold in use is as low."""
        nobody = np.zeros_like(next(look.embedding for look in self.looks[0].values() if look))
        return np.array([look.embedding if (look := each[cell]) else nobody for each in self.looks])

    def _of_people(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        return np.bincount(self.people, weights=counts)


def _share(failed: npt.NDArray[Any], tried: npt.NDArray[Any], weights: npt.NDArray[Any]) -> float:
    return float(weights @ failed / (weights @ tried))


def rows_of(looks: Sequence[Looks], people: npt.NDArray[np.int64], thresholds: Sequence[float]) -> list[dict[str, Any]]:
    """One for each width and input, then those below 640 together by how wide the face is in the input."""
    compare = Comparison(looks, people, thresholds)
    cells = [(width, side) for width in FACE_WIDTHS for side in SIDES]
    control = (ENROLLED_WIDTH, 0)
    by_640 = {cell: compare.outcomes(cell, SIDE_PX) for cell in (*cells, control)}
    by_same = {cell: compare.outcomes(cell, cell[1]) for cell in (*cells, control)}

    def row_of(some: Sequence[Cell]) -> dict[str, Any]:
        usual, found, both_small = (
            np.sum([outcomes[cell] for cell in which], axis=0)
            for outcomes, which in ((by_640, [(width, SIDE_PX) for width, _ in some]), (by_640, some), (by_same, some))
        )
        return drift(looks, some) | {
            "missed": compare.rates(found[:1, 0], compare.mated, len(some))[0],
            "more": compare.rates((found - usual)[:, 0], compare.mated, len(some)),
            "more_both_small": compare.rates((both_small - usual)[:, 0], compare.mated, len(some)),
            "fmr": compare.rates(found[:, 1], ~compare.same, len(some)),
        }

    rows = [{"face_px": cell[0], "side": cell[1], "face_px_there": there(cell)} | row_of([cell]) for cell in cells]
    for low, high in pairwise(BANDS):
        band = [cell for cell in cells if cell[1] < SIDE_PX and low <= there(cell) < high]
        rows.append({"face_px_there": f"{low}-{high}"} | row_of(band))
    return [*rows, {"face_px_there": "3 % larger"} | row_of([control])]


def there(cell: Cell) -> float:
    """How wide the face is in the input, in pixels."""
    return round(cell[0] * cell[1] / FRAME_WIDTH, 1)


def observed(faces: Path, pack: str, photos_max: int) -> tuple[list[Looks], npt.NDArray[np.int64], str]:
    """Those with two photos or more that show a face, at most so many of each; and the pack's label."""
    by_person: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos_in(faces, same_person=read_same_person(SAME_PERSON)):
        if not photo.stranger and len(by_person[photo.person]) < photos_max:
            by_person[photo.person].append(photo)
    photos = [photo for each in by_person.values() for photo in each]
    engine = load_engine(pack, threads=1)
    with ThreadPoolExecutor(available_cores()) as threads:
        seen = list(track(threads.map(lambda photo: looks_at(engine, photo), photos), "photos", len(photos)))
    kept = [(photo.person, looks) for photo, looks in zip(photos, seen, strict=True) if looks]
    _, people = np.unique([person for person, _ in kept], return_inverse=True)
    return [looks for _, looks in kept], people.astype(np.int64), engine.pack


def table_of(rows: Sequence[dict[str, Any]]) -> Table:
    fixed = ("face_px", "side", "face_px_there", "found", "shift_p95", "cosine_p1")
    table = Table("face", "input", "there", *fixed[3:], f"missed at {FMRS[0]:.0e}", title="px; missed in % of pairs")
    for fmr in FMRS:
        table.add_column(f"more at {fmr:.0e}")
    table.add_column(f"both small, {FMRS[0]:.0e}")
    for row in rows:
        rates = (row["missed"], *row["more"], row["more_both_small"][0])
        table.add_row(*(str(row.get(key, "")) for key in fixed), *map(_percent, rates))
    return table


def _percent(rate: Rate) -> str:
    return f"{rate['value'] * 100:.2f} ({rate['low'] * 100:.2f} to {rate['high'] * 100:.2f})"


def plot(rows: Sequence[dict[str, Any]]) -> None:
    """By the face's width in the detector's pixels: who is missed, and how many more than at 640 in the same frame."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "facepay"
    figure = Figure(figsize=(9, 3.6))
    all_missed, more = figure.subplots(1, 2)
    for number, (side, marker) in enumerate(zip(SIDES, "so^vD*x", strict=True)):
        own = [row for row in rows if row.get("side") == side]
        widths = [row["face_px_there"] for row in own]
        missed = [row["missed"]["value"] * 100 for row in own]
        drawn: dict[str, Any] = {"fillstyle": "none", "color": f"C{number}"}
        all_missed.plot(widths, missed, marker, label=side, **drawn)
        if side != SIDE_PX:
            value, low, high = (np.array([row["more"][0][key] for row in own]) * 100 for key in BOUNDS)
            more.errorbar(widths, value, (value - low, high - value), fmt=marker, elinewidth=0.7, **drawn)
    all_missed.set(xscale="log", yscale="log", ylabel=f"missed at FMR {FMRS[0]:.0e}, %")
    more.set(xscale="log", ylabel="more than at 640, percentage points")
    more.axhline(0, color="black", linewidth=0.7)
    for axes in (all_missed, more):
        axes.set_xlabel("width of the face in the detector's input, px")
        axes.set_xticks([10, 20, 30, 50, 100], ["10", "20", "30", "50", "100"])
        axes.minorticks_off()
    more.set(xlim=(19, 130), ylim=(-0.6, 2.6))
    all_missed.legend(title="input's long side", fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(FIGURES / "detector_input.svg", metadata={"Date": None})


def times(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Of one frame with one face, all sides in turn, each twice: after another size, and again."""
    engine = load_engine()
    network, frame = engine.detector.network, camera_frame([sample_people()[0]], fill=0.8)
    measured: dict[int, list[tuple[float, ...]]] = {side: [] for side in SIDES}
    frames_per_second(lambda: engine.analyse(frame), callers=2, seconds=seconds)
    before = Process().memory_info().rss
    for _ in range(rounds):
        for side in SIDES:
            engine.detector = Sized(network, side)
            first, again = (engine.analyse(frame).timings_ms for _ in range(2))
            measured[side].append((first["detect"], again["detect"], again["total"]))
    rates: dict[int, list[float]] = {side: [] for side in SIDES}
    for _ in range(BUSY_ROUNDS):
        for side in SIDES:
            engine.detector = Sized(network, side)
            rates[side].append(frames_per_second(lambda: engine.analyse(frame), callers=2, seconds=seconds))
    more = Process().memory_info().rss - before
    names = ("detect_after_another_ms", "detect_again_ms", "whole_ms")
    rows: list[dict[str, Any]] = [
        {"side": side, **dict(zip(names, np.median(measured[side], axis=0).round(1).tolist(), strict=True))}
        | {"frames_per_second": round(float(np.median(rates[side])), 1)}
        for side in SIDES
    ]
    return [*rows, {"case": "memory that all sizes took beyond 640", "mb": round(more / 2**20, 1)}]


class Sized(Detector):
    """The detector at another size."""

    def __init__(self, network: FaceNetwork, side_px: int) -> None:
        super().__init__(network)
        self.side_px = side_px

    def look(self, image: Image, side_px: int) -> Floats:
        return super().look(image, self.side_px)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, default=os.environ.get("FACEPAY_FACES"), help="the folder of photos")
    parser.add_argument("--pack", default=DEFAULT_PACK)
    parser.add_argument("--photos", type=int, default=2, help="of each person, at most")
    parser.add_argument("--times", action="store_true", help="only how long it takes: a minute, alone on the machine")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    console = Console(width=190)  # the table is wide
    if options.times:
        measured = times(rounds=40, seconds=0.7)
        for row in measured:
            console.print(row)
        if options.save:
            save("detector_input_times", measured)
        return
    if options.faces is None:
        parser.error("give --faces or set FACEPAY_FACES")
    looks, people, pack = observed(options.faces, options.pack, options.photos)
    calibration = load_calibration(pack)
    rows = rows_of(looks, people, [calibration.similarity_at(fmr) for fmr in FMRS])
    console.print(table_of(rows))
    if options.save:
        counted = {"case": "counted", "pack": pack, "people": int(people.max()) + 1, "photos": len(people)}
        save("detector_input", [counted, *rows])
        plot(rows)


if __name__ == "__main__":
    main()
