"""How far the colours of skin and clothes move when the light has a cast, with and without each white balance.

Each photo is read as it is, which is what its colours are taken to be, and again under lights of other colours, put
onto it in linear light: CIE's A (a bulb), F2 (a plain tube) and D75 (a clear sky), as a camera shows them that corrects
half of a cast, or nothing of it. To balance nothing is right where there is no cast, and costs all of one.
Also: how often a picture is refused, what reading costs, and what the 5 points lose against the 106. Where each folder
holds one person's photos, how far skin and hair of one person are apart in two of them, and those of two people.

    python -m benchmarks.appearance --photos …/lfw/strangers --number 300
    python -m benchmarks.appearance --photos …/lfw/people --number 300 --by-person
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console

from facepay.cli.running import printed
from facepay.evaluation.tables import Table
from facepay.vision.appearance import read_appearance
from facepay.vision.colours import Appearance, NoAppearance, Swatch
from facepay.vision.engine import Engine, load_engine
from facepay.vision.evidence import FaceEvidence, Floats
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.white_balance import DAYLIGHT, as_far_as_trusted, guess_light, linear, of_luminance_one

Doubles = npt.NDArray[np.float64]
Balance = Callable[[Image, FaceEvidence], Floats]

# Tristimulus values of CIE's illuminants (CIE 15), and from these to sRGB.
_ILLUMINANTS = {"bulb": (1.09850, 1.0, 0.35585), "tube": (0.99186, 1.0, 0.67393), "sky": (0.94972, 1.0, 1.22638)}
_FROM_XYZ = np.array([[3.2405, -1.5371, -0.4985], [-0.9693, 1.8760, 0.0416], [0.0556, -0.2040, 1.0572]])
_EYES = (slice(33, 43), slice(87, 97))  # 2d106det's points
_SMALL_PX = 240


def light_of(name: str, share: float) -> Floats:
    """Linear BGR of something white in it, where a camera leaves this share of the cast."""
    return of_luminance_one(np.clip(_FROM_XYZ @ _ILLUMINANTS[name], 0.01, None)[::-1] ** share)


CASTS = {"no cast": DAYLIGHT} | {
    f"{name}{left}": light_of(name, share) for name in _ILLUMINANTS for left, share in ((", half", 0.5), ("", 1.0))
}


def under(image: Image, light: Floats) -> tuple[Image, float]:
    """The picture in this light, and the exposure: a camera takes back so much that no more is clipped than before."""
    lit = linear(image) * light
    exposure = 1.0 if light is DAYLIGHT else min(1.0, 0.95 / float(np.percentile(lit.max(axis=2), 99)))
    lit = np.clip(lit * exposure, 0, 1)
    encoded = np.where(lit <= 0.0031308, 12.92 * lit, 1.055 * np.power(lit, 1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8), exposure


def nothing(image: Image, face: FaceEvidence) -> Floats:
    return DAYLIGHT


def shades(image: Image, face: FaceEvidence, *, minkowski: float) -> Floats:
    return guess_light(image, minkowski=minkowski)


def shipped(image: Image, face: FaceEvidence) -> Floats:
    return as_far_as_trusted(guess_light(image))


def edges(image: Image, face: FaceEvidence) -> Floats:
    """Grey edge of second order, Minkowski 6 (van de Weijer, Gevers & Gijsenij, "Edge-based color constancy", 2007)."""
    scale = _SMALL_PX / max(image.shape[:2])
    small = cast(Image, cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    brightest = small.max(axis=2)
    untold = cv2.dilate(((brightest < 8) | (brightest >= 250)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    steps = np.abs(cv2.Laplacian(cv2.GaussianBlur(linear(small), (0, 0), 1), cv2.CV_32F))[~untold]
    return of_luminance_one(np.mean(steps**6, axis=0) ** (1 / 6) + 1e-6) if len(steps) else DAYLIGHT


def whites_of_eyes(image: Image, face: FaceEvidence) -> Floats:
    """Of each eye's pixels the brightest fifth."""
    assert face.points is not None
    found = []
    for eye in _EYES:
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(face.points[eye].round().astype(np.int32)), 1)
        pixels = image[mask > 0]
        if len(pixels) >= 10:
            levels = pixels.astype(np.float32).mean(axis=1)
            found.append(linear(pixels[levels >= np.percentile(levels, 80)][None])[0])
    return of_luminance_one(np.median(np.concatenate(found), axis=0) + 1e-4) if found else DAYLIGHT


BALANCES: dict[str, Balance] = {
    "none": nothing,
    "grey world": partial(shades, minkowski=1),
    "shades of grey, 6": partial(shades, minkowski=6),
    "shades of grey, 20": partial(shades, minkowski=20),
    "grey edge": edges,
    "whites of the eyes": whites_of_eyes,
    "as shipped": shipped,
}


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Of one photo: what was told or refused, the cost, and skin and clothes' moves (balances, casts, 2)."""

    person: Path
    told: Appearance | NoAppearance
    milliseconds: float
    moves: Doubles | None = None
    by_five_points: float | None = None


def shuffled(paths: Iterable[Path]) -> list[Path]:
    return random.Random(0).sample(ordered := sorted(paths), len(ordered))


def apart(one: tuple[Swatch, ...], two: tuple[Swatch, ...]) -> float:
    """The mean distance of one's colours to the nearest of the other's, by their shares."""
    return sum(swatch.share * min(swatch.lab.difference(other.lab) for other in two) for swatch in one)


def reading(engine: Engine, path: Path) -> Reading | None:
    jpeg = path.read_bytes()
    faces = engine.analyse(jpeg, points=True).faces
    if not faces:
        return None
    image, face = decode_frame(jpeg, limits=FrameLimits()), faces[0]
    started = time.perf_counter()
    told = read_appearance(image, face)
    milliseconds = (time.perf_counter() - started) * 1e3
    truth = read_appearance(image, face, light=DAYLIGHT)
    if not isinstance(told, Appearance) or not isinstance(truth, Appearance) or not truth.clothes:
        return Reading(path.parent, told, milliseconds)
    five = read_appearance(image, replace(face, points=None), light=DAYLIGHT)
    by_five_points = truth.skin.difference(five.skin) if isinstance(five, Appearance) else None
    return Reading(path.parent, told, milliseconds, moves(image, face, truth), by_five_points)


def moves(image: Image, face: FaceEvidence, truth: Appearance) -> Doubles:
    found = np.full((len(BALANCES), len(CASTS), 2), np.nan)
    for column, light in enumerate(CASTS.values()):
        lit, exposure = under(image, light)
        for row, balance in enumerate(BALANCES.values()):
            seen = read_appearance(lit, face, light=balance(lit, face) * exposure)
            if isinstance(seen, Appearance) and seen.clothes:
                found[row, column] = truth.skin.difference(seen.skin), apart(truth.clothes, seen.clothes)
    return found


def people_apart(found: list[Reading]) -> Table:
    """Mean CIEDE2000 of one person's colours in two photos, and of two people's."""
    told = [(each.person, each.told) for each in found if isinstance(each.told, Appearance)]
    own: dict[str, list[float]] = {"skin": [], "hair": []}
    others: dict[str, list[float]] = {"skin": [], "hair": []}
    for (person, one), (other, two) in combinations(told, 2):
        kept = own if person == other else others
        kept["skin"].append(one.skin.difference(two.skin))
        if one.hair and two.hair:
            kept["hair"].append(one.hair.difference(two.hair))
    rows: list[tuple[str, ...]] = [
        (what, f"{np.mean(own[what]):.1f} ({len(own[what])} pairs)", f"{np.mean(others[what]):.1f}") for what in own
    ]
    return Table("Mean CIEDE2000", "", ("", "one person", "two people"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--number", type=int, default=300)
    parser.add_argument("--by-person", action="store_true", help="each folder holds one person's photos")
    options = parser.parse_args()
    console, engine = Console(width=130), load_engine(threads=1)
    files = sorted(file for file in options.photos.rglob("*") if file.suffix in {".jpg", ".png"})
    # Of one person all or none, so that there are pairs.
    order = {folder: number for number, folder in enumerate(shuffled({file.parent for file in files}))}
    files = sorted(shuffled(files), key=lambda file: order[file.parent])[: options.number]
    with ThreadPoolExecutor(2) as threads:
        found = [each for each in threads.map(partial(reading, engine), files) if each is not None]
    moved = np.array([each.moves for each in found if each.moves is not None])
    for number, what in enumerate(("Skin", "Clothes")):
        mean = np.nanmean(moved[..., number], axis=0)
        rows = [(name, *(f"{value:.1f}" for value in mean[row])) for row, name in enumerate(BALANCES)]
        console.print(printed(Table(f"{what}: mean CIEDE2000", f"{len(moved)} photos", ("", *CASTS), rows)))
    codes = Counter(each.told.code if isinstance(each.told, NoAppearance) else "told" for each in found)
    told = [each.told for each in found if isinstance(each.told, Appearance)]
    if options.by_person:
        console.print(printed(people_apart(found)))
    console.print(codes)
    console.print("ms, median and p95:", np.percentile([each.milliseconds for each in found], (50, 95)).round(2))
    console.print(
        "skin by 5 points:", np.mean([each.by_five_points for each in found if each.by_five_points is not None])
    )
    console.print(
        "skin's hue, 5, 50, 95 %:", np.percentile([each.skin.hue_degrees for each in told], (5, 50, 95)).round(1)
    )


if __name__ == "__main__":
    main()
