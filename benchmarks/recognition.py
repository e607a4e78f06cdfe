"""Who is recognised, who is refused, and does anybody come out as somebody else?

Enrols one photo of each person, then sends all their other photos and those of strangers through the gate's own
code: enrolment, engine, gallery and policy on a Postgres of its own. `--faces` (or FACEPAY_FACES) holds
`people/<person>/<photo>`, `lfw/people/<person>/<photo>` and `lfw/strangers/<person>/<photo>`.

    python -m benchmarks.recognition --failures
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from facepay.bootstrap import with_database
from facepay.identity.calibration import load_calibration
from facepay.identity.enrolment import EnrolmentPolicy, enrol
from facepay.identity.policy import Ambiguous, Match, Uncertain, policy_for
from facepay.identity.recognition import Outcome, Recogniser
from facepay.kernel.database import Database
from facepay.kernel.errors import Problem
from facepay.kernel.metrics import Metrics
from facepay.kernel.secrets import MasterKey
from facepay.members.consents import give_consent
from facepay.members.members import register
from facepay.settings import Settings
from facepay.templates.gallery import MemoryGallery
from facepay.templates.keeper import GalleryKeeper
from facepay.templates.protection import Protection
from facepay.vision.engine import Engine, load_engine
from facepay.vision.evidence import FaceEvidence, FrameEvidence
from facepay.vision.pool import InferencePool
from facepay.vision.quality import QualityPolicy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FOLDERS = ("people", "lfw/people", "lfw/strangers")
FACES_EMBEDDED_MAX = 8

# One person under two names, seen by eye (the only pairs of people above cosine 0.45).
SAME_PERSON = {
    "people/person_0": "lfw/people/Angelina_Jolie",
    "lfw/strangers/Wang_Nan": "lfw/people/Nan_Wang",
    "lfw/strangers/John_Gruden": "lfw/people/Jon_Gruden",
    "lfw/strangers/Morgan_Hentzen": "lfw/people/Claire_Hentzen",
}


@dataclass(frozen=True, slots=True)
class Photo:
    person: str
    path: Path


class CentralFace:
    """An engine for portraits with bystanders: only the face nearest to the centre is handed on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.pack = engine.pack
        self.embedding_dim = engine.embedding_dim
        self.has_points, self.has_passive_model = engine.has_points, engine.has_passive_model

    def analyse(self, frame: bytes, *, embed: int = 1, points: bool = False) -> FrameEvidence:
        evidence = self._engine.analyse(frame, embed=FACES_EMBEDDED_MAX, points=points)
        centre = np.array([evidence.width, evidence.height]) / 2

        def distance(face: FaceEvidence) -> float:
            return float(np.linalg.norm(face.box.reshape(2, 2).mean(axis=0) - centre))

        faces = tuple(sorted(evidence.faces[:FACES_EMBEDDED_MAX], key=distance)[:1])
        return FrameEvidence(evidence.width, evidence.height, faces, evidence.pack, evidence.timings_ms)


@dataclass
class Report:
    """What became of each photo."""

    enrolled: dict[UUID, str] = field(default_factory=dict)
    not_enrolled: list[str] = field(default_factory=list)  # people without a photo good enough
    refused_photos: list[tuple[Photo, str]] = field(default_factory=list)
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    failures: list[str] = field(default_factory=list)
    threshold: float = 0.0

    def add(self, photo: Photo, outcome: Outcome) -> None:
        known = photo.person in self.enrolled.values()
        who = self.enrolled.get(outcome.member_id) if isinstance(outcome, Match | Uncertain) else None
        match outcome:
            case Match() if who == photo.person:
                verdict = "right"
            case Match():
                verdict = "wrong person" if known else "let in"
            case Uncertain() | Ambiguous():
                verdict = "stepped up"
            case _:
                verdict = "refused"
        self.outcomes["members" if known else "strangers"][verdict] += 1
        if verdict != ("right" if known else "refused"):
            similarity = getattr(outcome, "similarity", None) or 0.0
            self.failures.append(
                f"{verdict:12} {similarity:.3f}  {photo.path.parent.name}/{photo.path.name}  {who or ''}"
            )


def photos_in(root: Path, folders: Sequence[str] = FOLDERS) -> list[Photo]:
    return list(_walk(root, folders))


def _walk(root: Path, folders: Sequence[str]) -> Iterator[Photo]:
    for folder in folders:
        for person in sorted(path for path in (root / folder).iterdir() if path.is_dir()):
            name = f"{folder}/{person.name}"
            for photo in sorted(path for path in person.iterdir() if path.suffix in {".jpg", ".jpeg", ".png"}):
                yield Photo(SAME_PERSON.get(name, name), photo)


async def measure(photos: Sequence[Photo], engine: Engine, settings: Settings, progress: Progress) -> Report:
    """Enrol the first good photo of each person and send the others to the gate. `settings` name the database."""
    assert settings.database_url
    database, report = Database(settings.database_url), Report()
    protection = Protection(MasterKey(os.urandom(32)))
    inference = InferencePool(engine, workers=settings.inference_workers, queue_max=settings.inference_queue_max)
    keeper = GalleryKeeper(gallery=MemoryGallery(protection.rotate), protection=protection, pack=engine.pack)
    recogniser = Recogniser(database, inference, keeper, load_calibration(engine.pack), settings, Metrics())
    try:
        left = await _enrol_people(recogniser, photos, report, progress)
        step = progress.add_task("at the gate", total=len(left))
        for start in range(0, len(left), settings.inference_workers):
            portion = left[start : start + settings.inference_workers]
            sightings = await asyncio.gather(*(recogniser.at_gate(photo.path.read_bytes()) for photo in portion))
            for photo, sighting in zip(portion, sightings, strict=True):
                report.add(photo, sighting.outcome)
            progress.advance(step, len(portion))
        policy = policy_for("gate", settings)
        report.threshold = policy.threshold(recogniser.calibration, keeper.gallery.size)
    finally:
        inference.close()
        await database.close()
    return report


async def _enrol_people(
    recogniser: Recogniser, photos: Sequence[Photo], report: Report, progress: Progress
) -> list[Photo]:
    """Enrol everybody but the strangers; returns the photos that were not used for it."""
    by_person: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        by_person[photo.person].append(photo)
    members = {person: each for person, each in by_person.items() if "/strangers/" not in person}
    left = [photo for person, each in by_person.items() if person not in members for photo in each]
    for person, each in progress.track(members.items(), description="enrolling", total=len(members)):
        used = await _enrol_first_good(recogniser, person, each, report)
        if used is None:
            report.not_enrolled.append(person)
        else:
            left += [photo for photo in each if photo != used]
    return left


async def _enrol_first_good(
    recogniser: Recogniser, person: str, photos: Sequence[Photo], report: Report
) -> Photo | None:
    policy = EnrolmentPolicy(QualityPolicy(), policy_for("gate", recogniser.settings), recogniser.calibration)
    async with recogniser.database.begin() as session:
        member = await register(session, display_name=person[:200], phone=None, now=NOW)
        await give_consent(session, member_id=member.id, policy_version="2026-01", now=NOW)
    for photo in photos:
        evidence = await recogniser.inference.analyse(photo.path.read_bytes())
        try:
            async with recogniser.database.begin() as session:
                await enrol(
                    session,
                    member_id=member.id,
                    evidences=[evidence],
                    keeper=recogniser.keeper,
                    policy=policy,
                    now=NOW,
                )
        except Problem as problem:
            report.refused_photos.append((photo, problem.code))
            continue
        await recogniser.keeper.follow(recogniser.database)
        report.enrolled[member.id] = person
        return photo
    return None


def show(report: Report, console: Console, *, failures: bool) -> None:
    members, strangers = report.outcomes["members"], report.outcomes["strangers"]
    table = Table(title=f"{len(report.enrolled)} people enrolled, one photo each; threshold {report.threshold:.3f}")
    for column in ("", "photos", "right", "wrong person", "let in", "stepped up", "refused"):
        table.add_column(column, justify="left" if not column else "right")
    for name, counts in (("members", members), ("strangers", strangers)):
        total = counts.total()
        shown = [
            f"{counts[verdict]} ({counts[verdict] / max(1, total):.2%})"
            for verdict in ("right", "wrong person", "let in", "stepped up", "refused")
        ]
        table.add_row(name, str(total), *shown)
    console.print(table)
    refusals = Counter(code for _, code in report.refused_photos)
    console.print(f"Photos not good enough to enrol: {dict(refusals)}; people without any: {report.not_enrolled}")
    if failures:
        for line in sorted(report.failures):
            console.print(line, highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, default=os.environ.get("FACEPAY_FACES"), help="the folder of photos")
    parser.add_argument("--failures", action="store_true", help="list each photo that went wrong")
    options = parser.parse_args()
    if options.faces is None:
        parser.error("give --faces or set FACEPAY_FACES")
    photos, console = photos_in(options.faces), Console()
    engine = CentralFace(load_engine(threads=1, progress=console.print))
    with (
        TemporaryDirectory(prefix="facepay-benchmark-") as folder,
        with_database(Settings(data_dir=Path(folder), database_url=None)) as settings,
        Progress(console=console) as progress,
    ):
        report = asyncio.run(measure(photos, engine, settings, progress))
    show(report, console, failures=options.failures)


if __name__ == "__main__":
    main()
