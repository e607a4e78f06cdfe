"""How often does a watchlist stop people for nothing, and how often does it miss whom it names?

Draws, from the labelled photos in `--faces` (or FACEPAY_FACES; as `facepay evaluate` takes them), people who are
banned with one photo, members with two, and strangers. All other photos come to the door one by one, as
`facepay.watchlist.lookout.Likeness` decides on them. `enrolled` are banned people who signed up as members.

    OPENBLAS_NUM_THREADS=2 python -m benchmarks.watchlist --lists 10 100 1000
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from facepay.calibration.calibration import Calibration
from facepay.calibration.versions import CalibrationKeeper
from facepay.evaluation.folders import photos_in, read_same_person
from facepay.evaluation.observing import Observer
from facepay.kernel.ids import new_id
from facepay.kernel.secrets import KEY_BYTES, MasterKey
from facepay.settings import Settings
from facepay.templates.keeper import GalleryKeeper
from facepay.templates.memory_gallery import MemoryGallery
from facepay.templates.protection import Protection
from facepay.vision.engine import Engine, load_engine
from facepay.vision.evidence import Floats
from facepay.vision.quality import RECOGNITION, assess
from facepay.watchlist.gallery import keeper_of, protection_of
from facepay.watchlist.lookout import Likeness

SAME_PERSON = Path(__file__).with_name("same_person.csv")
MEMBER_PHOTOS = 2
KEY = MasterKey(bytes(KEY_BYTES))
Faces = Sequence[Floats]  # of one person, each as long as its photo is good


@dataclass(slots=True)
class Count:
    """How many were stopped, of how many."""

    stopped: int = 0
    of: int = 0

    def __str__(self) -> str:
        return f"{self.stopped} of {self.of} ({100 * self.stopped / max(1, self.of):.2f} %)"


@dataclass(slots=True)
class Counts:
    strangers: Count = field(default_factory=Count)
    members: Count = field(default_factory=Count)
    banned: Count = field(default_factory=Count)
    enrolled: Count = field(default_factory=Count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, default=os.environ.get("FACEPAY_FACES"), help="the folder of photos")
    parser.add_argument("--lists", type=int, nargs="+", default=[10, 100, 1000], help="how many are banned")
    parser.add_argument("--targets", type=float, nargs="+", default=[Settings().watchlist_fpir_target])
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    if options.faces is None:
        parser.error("give --faces or set FACEPAY_FACES")
    engine = load_engine()
    several, single = _people(options.faces, engine)
    calibration = CalibrationKeeper.of(engine.pack).current
    table = Table(
        "banned", "target", "strangers stopped", "members stopped", "banned caught", "banned, enrolled, caught"
    )
    for size in options.lists:
        for target in options.targets:
            settings = Settings(watchlist_fpir_target=target)
            counts = Counts()
            for draw in range(options.draws):
                asyncio.run(_try(counts, several, single, size, settings, calibration, np.random.default_rng(draw)))
            shown = (counts.strangers, counts.members, counts.banned, counts.enrolled)
            table.add_row(str(size), f"{target:g}", *map(str, shown))
    Console().print(table)


def _people(folder: Path, engine: Engine) -> tuple[list[Faces], list[Faces]]:
    """Those with several photos, and those with one, by the photos that are good enough to decide on."""
    observer = Observer(engine, subject="central", workers=os.cpu_count() or 1)
    faces_of: defaultdict[str, list[Floats]] = defaultdict(list)
    for photo in track(photos_in(folder, same_person=read_same_person(SAME_PERSON)), "photos"):
        (evidence,) = observer.observe([photo.path])
        face = evidence.faces[0] if evidence and evidence.faces else None
        if face is not None and face.embedding is not None and not assess(face, policy=RECOGNITION):
            faces_of[photo.person].append(face.embedding * np.float32(face.quality.embedding_norm or 1))
    several: list[Faces] = [faces for faces in faces_of.values() if len(faces) > MEMBER_PHOTOS]
    return several, [faces for faces in faces_of.values() if len(faces) == 1]


async def _try(
    counts: Counts,
    several: Sequence[Faces],
    single: Sequence[Faces],
    size: int,
    settings: Settings,
    calibration: Calibration,
    random: np.random.Generator,
) -> None:
    """One draw: half of those with several photos are members, the others banned as far as the list goes; who has one
    photo fills it up, and comes as a stranger otherwise.
    """
    mixed = [several[index] for index in random.permutation(len(several))]
    members, banned = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :][:size]
    others = [single[index] for index in random.permutation(len(single))]
    filling, strangers = others[: size - len(banned)], others[size - len(banned) :]
    signed_up, banned_only = banned[: len(banned) // 2], banned[len(banned) // 2 :]
    watchlist = keeper_of(protection_of(KEY), pack="")
    bans = _fill(watchlist, [faces[:1] for faces in (*banned, *filling)])
    gallery = Protection(KEY)
    keeper = GalleryKeeper(gallery=MemoryGallery(gallery.rotate), protection=gallery, pack="")
    # Who signed up though they are banned shows other photos than the one of the ban.
    _fill(keeper, [faces[:MEMBER_PHOTOS] for faces in members] + [faces[1:2] for faces in signed_up])
    likeness = Likeness(watchlist, keeper, settings)

    async def come(count: Count, faces: Iterable[Floats]) -> None:
        for face in faces:
            count.of += 1
            count.stopped += await likeness.of(face / np.linalg.norm(face), bans, calibration) is not None

    await come(counts.strangers, (face for faces in strangers for face in faces))
    await come(counts.members, (face for faces in members for face in faces[MEMBER_PHOTOS:]))
    await come(counts.banned, (face for faces in banned_only for face in faces[1:]))
    await come(counts.enrolled, (face for faces in signed_up for face in faces[2:]))


def _fill(keeper: GalleryKeeper, people: Sequence[Faces]) -> list[UUID]:
    ids = [new_id() for _ in people]
    templates = {
        owner: [keeper.protection.rotate(face) for face in faces] for owner, faces in zip(ids, people, strict=True)
    }
    keeper.gallery.replace(templates, version=1)
    return ids


if __name__ == "__main__":
    main()
