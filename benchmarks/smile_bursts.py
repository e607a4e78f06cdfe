"""What passes for a smile in a burst: smiles drawn on portraits, prints that are moved, and photos that are swapped.

Portraits are the sample people who are at rest; prints are drawn flat and bent on the mean head's camera. Swapped are
two photos of one person, one labelled as at rest and one as smiling, of Labeled Faces in the Wild.

    python -m benchmarks.smile_bursts --labels …/lfw/smile.csv --photos …/lfw/people
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from facepay.campaigns.smiling import Smile, SmilePolicy, judge_smile
from facepay.vision.engine import Engine, load_engine
from facepay.vision.evidence import FaceEvidence
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.heads import HEAD, Surface, View, sheet, turned, with_expression
from facepay.vision.samples import people

FIRST_STEP = 0.4
SAME_PERSON_MIN = 0.25
CALM = (0, 1, 4)  # of the sample people
MOVES = [View(pitch=angle) for angle in (-30, -20, -10, 10, 20, 30)]
MOVES += [View(yaw=angle) for angle in (-15, 15)] + [View(roll=12), View(shift=(0.2, 0.1)), View(pitch=-15, yaw=10)]
SURFACES = {
    "flat print": sheet(),
    "print bent around an upright axis": sheet(radius=1.2),
    "print bent around a level axis": sheet(radius=1.5, axis="horizontal"),
    "head at rest": HEAD,
}
NO_CONTINUITY = SmilePolicy(jump_degrees_max=180, jump_share_max=99, jump_scale_max=99, jump_cosine_min=-1)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--labels", type=Path, help="a CSV of path and smile (0, 1)")
    arguments.add_argument("--photos", type=Path, help="what its paths are in")
    asked = arguments.parse_args()
    engine = load_engine()
    for drawn in (0.2, 0.3, 0.5, 1.0):
        _report(f"smile of {drawn} drawn", [_drawn(engine, who, (0.0, drawn / 2, drawn)) for who in CALM])
    for name, surface in SURFACES.items():
        _report(name, [_moved(engine, who, surface, move) for who in CALM for move in MOVES])
    if asked.labels and asked.photos:
        pairs = _swapped(engine, asked.labels, asked.photos)
        _report("photos swapped", pairs)
        _report("the same, if jumps were allowed", pairs, NO_CONTINUITY)


def _report(what: str, bursts: Sequence[Sequence[FaceEvidence]], policy: SmilePolicy = SmilePolicy()) -> None:
    outcomes = Counter(_outcome(burst, policy) for burst in bursts)
    print(f"{what}: {outcomes.pop('won', 0)} of {len(bursts)} win; {dict(outcomes)}")


def _outcome(burst: Sequence[FaceEvidence], policy: SmilePolicy) -> str:
    smile = judge_smile(burst, same_person_cosine_min=SAME_PERSON_MIN, policy=policy)
    if isinstance(smile, Smile):
        return "won" if smile.strength >= FIRST_STEP else "no_smile"
    return smile.code


def _drawn(engine: Engine, who: int, smiles: Sequence[float]) -> list[FaceEvidence]:
    portrait, rest = _portrait(engine, who)
    return [_see(engine, with_expression(portrait, rest.landmarks, smile=smile)) for smile in smiles]


def _moved(engine: Engine, who: int, surface: Surface, move: View) -> list[FaceEvidence]:
    portrait, rest = _portrait(engine, who)
    half = View(move.yaw / 2, move.pitch / 2, move.roll / 2, shift=(move.shift[0] / 2, move.shift[1] / 2))
    views = (View(), half, move)
    return [_see(engine, turned(portrait, rest.landmarks, view, surface=surface, step=3)) for view in views]


def _swapped(engine: Engine, labels: Path, photos: Path) -> list[list[FaceEvidence]]:
    """One photo twice, then the other, laid where they are: all of them are centred and upright."""
    of_person: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    with labels.open() as file:
        for row in csv.DictReader(file):
            path = photos / row["path"]
            if path.exists():
                of_person[path.parent.name][row["smile"]].append(path)
    seen = [
        (_middle(engine, rest.read_bytes()), _middle(engine, smiling.read_bytes()))
        for shown in of_person.values()
        for rest, smiling in product(shown["0"], shown["1"])
    ]
    return [[rest, rest, smiling] for rest, smiling in seen if rest and smiling]


def _portrait(engine: Engine, who: int) -> tuple[Image, FaceEvidence]:
    image = decode_frame(people()[who], limits=FrameLimits())
    large = cv2.resize(image, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return large, _see(engine, large)


def _see(engine: Engine, image: Image) -> FaceEvidence:
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=92, colorspace="BGR")
    return engine.analyse(jpeg, embed=1, points=True).faces[0]


def _middle(engine: Engine, photo: bytes) -> FaceEvidence | None:
    frame = engine.analyse(photo, embed=8, points=True)
    middle = np.array([frame.width, frame.height])
    return min(frame.faces, key=lambda face: float(np.abs(face.box[:2] + face.box[2:] - middle).sum()), default=None)


if __name__ == "__main__":
    main()
