"""How well smiles are told from faces at rest, on photos that somebody has labelled."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facepay.evaluation.folders import PEOPLE, STRANGERS, FolderError
from facepay.evaluation.metrics import NOTHING_TRIED, Counts, Doubles, Estimate, Scores, bootstrap, share_of_people
from facepay.evaluation.tables import Table, percent
from facepay.vision.evidence import FaceEvidence, FrameEvidence
from facepay.vision.expression import SMILE_THRESHOLD, smile_strength

STEPS = (0.3, SMILE_THRESHOLD, 0.7, 0.8, 0.9)
YAWS = {"turned by less than 10 degrees": (0.0, 10.0), "by 10 to 20": (10.0, 20.0), "further": (20.0, 90.0)}


@dataclass(frozen=True, slots=True)
class LabelledSmile:
    """A photo of one person, who smiles in it or doesn't. A person is the folder that the photo lies in."""

    path: Path
    person: str
    smiles: bool


def read_smiles(file: Path, root: Path) -> list[LabelledSmile]:
    """A CSV with a header `path,smile`: paths from the root or from its `people` or `strangers`, smile 1 or 0.

    Raises FolderError for a path without a photo, another value, and where not both are there.
    """
    with file.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        if not {"path", "smile"} <= set(rows.fieldnames or ()):
            raise FolderError(f"{file} needs a header with `path` and `smile`")
        labelled = [_labelled(file, root, row["path"] or "", row["smile"] or "") for row in rows]
    if len({each.smiles for each in labelled}) < 2:
        raise FolderError(f"{file} needs photos of both kinds, smiling and at rest")
    return labelled


def _labelled(file: Path, root: Path, path: str, smile: str) -> LabelledSmile:
    if smile not in ("0", "1"):
        raise FolderError(f"{file} says {smile!r} of {path}, and neither 1 (smiles) nor 0")
    places = (root / path, root / PEOPLE / path, root / STRANGERS / path)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise FolderError(f"{file} names {path!r}, which isn't there")
    return LabelledSmile(found, Path(path).parent.as_posix(), smile == "1")


@dataclass(frozen=True, slots=True, eq=False)
class SmileScores:
    """Of each labelled photo whose face was found: whose it is (a number), the label, the strength, how far it turns.

    `photos` are theirs, `missed` those without a face. `yaw_degrees` are absolute.
    """

    person: Counts
    smiles: Counts
    strength: Scores
    yaw_degrees: Scores
    photos: list[LabelledSmile]
    missed: list[LabelledSmile]


def score_smiles(labelled: Sequence[LabelledSmile], evidences: Sequence[FrameEvidence | None]) -> SmileScores:
    """The first face of each evidence counts; it must have been analysed with its points."""
    shown = [(each, face) for each, face in zip(labelled, map(_face, evidences), strict=True) if face]
    strengths = [smile_strength(face) for _, face in shown]
    kept = [
        (each, face, strength) for (each, face), strength in zip(shown, strengths, strict=True) if strength is not None
    ]
    photos = [each for each, _, _ in kept]
    found = {each.path for each in photos}
    _, person = np.unique([each.person for each in photos], return_inverse=True)
    return SmileScores(
        person=person.astype(np.int64),
        smiles=np.array([each.smiles for each in photos], np.int64),
        strength=np.array([strength for *_, strength in kept]),
        yaw_degrees=np.array([abs(face.quality.yaw_degrees) for _, face, _ in kept]),
        photos=photos,
        missed=[each for each in labelled if each.path not in found],
    )


def _face(evidence: FrameEvidence | None) -> FaceEvidence | None:
    return evidence.faces[0] if evidence and evidence.faces else None


@dataclass(frozen=True, slots=True)
class SmileSummary:
    """What came out. `true_positives` and `false_positives` are shares of smiles and of rests, by strength reached."""

    photos: int
    people: int
    smiling: int
    no_face: int
    auc: Estimate
    accuracy: Estimate
    threshold: float
    true_positives: dict[str, Estimate]
    false_positives: dict[str, Estimate]
    accuracy_by_yaw: dict[str, Estimate]


@dataclass(frozen=True, slots=True, eq=False)
class SmileTrial:
    """What was measured of one pack's points, and what it comes to."""

    scores: SmileScores
    summary: SmileSummary


def summarise_smiles(scores: SmileScores) -> SmileSummary:
    """With 95 % intervals over people."""
    right = (scores.strength >= SMILE_THRESHOLD) == (scores.smiles == 1)
    return SmileSummary(
        photos=len(scores.photos),
        people=len(np.unique(scores.person)),
        smiling=int(scores.smiles.sum()),
        no_face=len(scores.missed),
        auc=area_under_curve(scores.strength, scores.smiles, scores.person),
        accuracy=share_of_people(right, scores.person),
        threshold=SMILE_THRESHOLD,
        true_positives=_reached(scores, smiles=1),
        false_positives=_reached(scores, smiles=0),
        accuracy_by_yaw={
            name: share_of_people(right[of], scores.person[of])
            for name, (least, most) in YAWS.items()
            if (of := (scores.yaw_degrees >= least) & (scores.yaw_degrees < most)).any()
        },
    )


def _reached(scores: SmileScores, *, smiles: int) -> dict[str, Estimate]:
    of = scores.smiles == smiles
    return {f"{step:g}": share_of_people(scores.strength[of] >= step, scores.person[of]) for step in STEPS}


def area_under_curve(strength: Scores, smiles: Counts, person: Counts) -> Estimate:
    """How often a smile is stronger than a rest, ties for a half (Mann and Whitney), over people drawn anew."""
    if len(np.unique(smiles)) < 2:
        return NOTHING_TRIED
    order = np.argsort(strength, kind="stable")
    _, tie = np.unique(strength[order], return_inverse=True)
    sorted_smiles, sorted_person = smiles[order] == 1, person[order]

    def area(weights: Scores) -> float:
        of_each = weights[sorted_person]
        positive = np.bincount(tie, weights=of_each * sorted_smiles)
        negative = np.bincount(tie, weights=of_each * ~sorted_smiles)
        below = np.cumsum(negative) - negative / 2
        pairs = positive.sum() * negative.sum()
        return float(positive @ below / pairs) if pairs else float("nan")

    return bootstrap(area, people=int(person.max()) + 1, trials=len(strength))


def receiver_operating_curve(strength: Scores, smiles: Counts) -> tuple[Doubles, Doubles]:
    """False and true positive rates, from (0, 0) to (1, 1), at each strength as the threshold."""
    at = np.concatenate([[np.inf], np.unique(strength)[::-1]])
    rates = [[(strength[smiles == kind] >= threshold).mean() for threshold in at] for kind in (0, 1)]
    return np.array(rates[0]), np.array(rates[1])


def smile_table(summary: SmileSummary) -> Table:
    rows: list[tuple[str, ...]] = [
        ("photos, people", f"{summary.photos:,}, {summary.people:,}"),
        ("photos smiling", f"{summary.smiling:,}"),
        ("no face found", f"{summary.no_face:,}"),
        ("area under the ROC curve (AUC)", percent(summary.auc)),
        (f"accuracy at {summary.threshold:g}", percent(summary.accuracy)),
        *((f"accuracy, {name} ({rate.trials})", percent(rate)) for name, rate in summary.accuracy_by_yaw.items()),
        *((f"smiles of {step} and more", percent(rate)) for step, rate in summary.true_positives.items()),
        *((f"rests of {step} and more", percent(rate)) for step, rate in summary.false_positives.items()),
    ]
    return Table(
        "Smiles",
        "Strength of a smile in single photos, without knowing the person's face at rest, with 95 % intervals over "
        "people. Photos that the model was fitted on flatter it.",
        ("", "measured"),
        rows,
    )


def mistaken(scores: SmileScores) -> list[tuple[LabelledSmile, float]]:
    """The photos that were taken for the other kind, the surest mistakes first."""
    wrong = (scores.strength >= SMILE_THRESHOLD) != (scores.smiles == 1)
    surest = np.argsort(-np.abs(scores.strength - SMILE_THRESHOLD))
    return [(scores.photos[index], float(scores.strength[index])) for index in surest if wrong[index]]
