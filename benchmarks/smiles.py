"""Fit how much a face smiles on labelled photos, and measure it on people whom the fit hasn't seen.

Each photo is looked at as it is and from three sides, turned on a mean head as people stand before a camera; one at
rest with its mouth opened too, since who talks doesn't smile. A ridge logistic regression of `vision.smiles.MEASURES`
is fitted to all of that, five times, each time without the people of one fold, who are then measured; `--save` writes
the fit on everybody to the package. What the person's own rest is worth is measured on all pairs of one person's photos
of which one is at rest, and on smiles that are put onto portraits by warping.

    python -m benchmarks.smiles --labels …/lfw/smile.csv --save
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg
from rich.console import Console
from rich.progress import track

from facepay.cli.running import printed
from facepay.evaluation.folds import fold_of
from facepay.evaluation.metrics import Estimate, share_of_people
from facepay.evaluation.smiles import (
    LabelledSmile,
    SmileScores,
    area_under_curve,
    mistaken,
    read_smiles,
    smile_table,
    summarise_smiles,
)
from facepay.evaluation.tables import Table, percent
from facepay.vision.engine import Engine, load_engine
from facepay.vision.evidence import FaceEvidence
from facepay.vision.expression import SMILE_THRESHOLD
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.heads import View, turned, with_expression
from facepay.vision.smiles import MEASURES, SHIPPED, SmileModel, measure_smile, save_model

Doubles = npt.NDArray[np.float64]

FOLDS = 5
RIDGE = 1.0  # on standardised measures
VIEWS, YAW_MAX, PITCH_MAX, ROLL_MAX = 3, 30.0, 20.0, 10.0
OPENED, SMILED = (0.4, 0.8), (0.3, 0.6, 0.9)
REST_SHARE = 0.75
MEDIAN_SMILE = 0.9
FACES_MAX = 8


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One look at a labelled photo: as it is, turned, with the mouth opened, or with a smile of this size put on."""

    photo: int
    kind: str
    measures: Doubles
    face: FaceEvidence


def looks(engine: Engine, number: int, labelled: LabelledSmile) -> Iterator[Seen]:
    image = decode_frame(labelled.path.read_bytes(), limits=FrameLimits())
    height, width = image.shape[:2]
    face = _nearest_to(engine, image, (width / 2, height / 2))
    if face is None:
        return
    left, top, right, bottom = (float(edge) for edge in face.box)
    middle = (left + right) / 2, (top + bottom) / 2
    random = np.random.default_rng(number)
    views = [View(*random.uniform(-1, 1, 3) * (YAW_MAX, PITCH_MAX, ROLL_MAX)) for _ in range(VIEWS)]
    altered = [("as it is", image)]
    altered += [("turned", turned(image, face.landmarks, view, step=3)) for view in views]
    if not labelled.smiles:
        altered += [(f"opened {share}", with_expression(image, face.landmarks, open_mouth=share)) for share in OPENED]
        altered += [(f"smiled {share}", with_expression(image, face.landmarks, smile=share)) for share in SMILED]
    for kind, shown in altered:
        seen = face if shown is image else _nearest_to(engine, shown, middle)
        if seen is not None and seen.points is not None:
            quality = seen.quality
            yield Seen(number, kind, measure_smile(seen.points, quality.yaw_degrees, quality.pitch_degrees), seen)


def _nearest_to(engine: Engine, image: Image, middle: tuple[float, float]) -> FaceEvidence | None:
    jpeg = bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=95, colorspace="BGR"))
    faces = [face for face in engine.analyse(jpeg, embed=FACES_MAX, points=True).faces if face.points is not None]
    if not faces:
        return None
    return min(faces, key=lambda face: float(np.hypot(*((face.box[:2] + face.box[2:]) / 2 - middle))))


def fit_logistic(measures: Doubles, smiles: npt.NDArray[np.bool_], *, ridge: float = RIDGE) -> tuple[Doubles, float]:
    """Weights and intercept of a logistic regression, by Newton's method; the ridge is on standardised measures."""
    mean, deviation = measures.mean(axis=0), measures.std(axis=0) + 1e-9
    terms = np.column_stack([np.ones(len(measures)), (measures - mean) / deviation])
    penalty = np.diag([0.0, *[ridge] * measures.shape[1]])
    solution = np.zeros(terms.shape[1])
    for _ in range(50):
        likely = 1 / (1 + np.exp(-terms @ solution))
        gradient = terms.T @ (likely - smiles) + penalty @ solution
        curvature = (terms.T * (likely * (1 - likely))) @ terms + penalty
        step = np.linalg.solve(curvature, gradient)
        solution -= step
        if np.abs(step).max() < 1e-9:
            break
    weights = solution[1:] / deviation
    return weights, float(solution[0] - weights @ mean)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A model on everybody, and the strengths of each look by the model that hadn't seen its person."""

    model: SmileModel
    log_odds: Doubles


def fit_in_folds(seen: Sequence[Seen], labelled: Sequence[LabelledSmile]) -> Fit:
    measures = np.array([look.measures for look in seen])
    smiles = np.array([labelled[look.photo].smiles for look in seen])
    fold = np.array([fold_of(labelled[look.photo].person, FOLDS) for look in seen])
    learnt_from = np.array([not look.kind.startswith("smiled") for look in seen])
    log_odds = np.zeros(len(seen))
    for number in range(FOLDS):
        weights, intercept = fit_logistic(*(side[(fold != number) & learnt_from] for side in (measures, smiles)))
        log_odds[fold == number] = measures[fold == number] @ weights + intercept
    weights, intercept = fit_logistic(measures[learnt_from], smiles[learnt_from])
    plain = np.array([look.kind == "as it is" for look in seen])
    even = equal_error_threshold(log_odds[plain], smiles[plain])
    log_odds -= even
    spread = float(np.median(log_odds[plain & smiles])) / np.log(MEDIAN_SMILE / (1 - MEDIAN_SMILE))
    model = SmileModel(
        weights=dict(zip(MEASURES, np.round(weights, 4).tolist(), strict=True)),
        intercept=round(intercept - even, 4),
        at_rest=round(float(np.median(log_odds[plain & ~smiles])), 4),
        rest_share=REST_SHARE,
        spread=round(float(spread), 4),
        fitted={},
    )
    return Fit(model, log_odds)


def equal_error_threshold(scores: Doubles, smiles: npt.NDArray[np.bool_]) -> float:
    """Where as large a share of smiles lies below as of rests above."""
    at = np.unique(scores)
    missed = np.array([(scores[smiles] < threshold).mean() for threshold in at])
    taken = np.array([(scores[~smiles] >= threshold).mean() for threshold in at])
    return float(at[np.argmin(np.abs(missed - taken))])


def scored(
    seen: Sequence[Seen], strengths: Doubles, labelled: list[LabelledSmile], *, missed: list[LabelledSmile]
) -> SmileScores:
    photos = [labelled[look.photo] for look in seen]
    _, person = np.unique([photo.person for photo in photos], return_inverse=True)
    return SmileScores(
        person=person.astype(np.int64),
        smiles=np.array([photo.smiles for photo in photos], np.int64),
        strength=strengths,
        yaw_degrees=np.array([abs(look.face.quality.yaw_degrees) for look in seen]),
        photos=photos,
        missed=missed,
    )


def against_rest(seen: Sequence[Seen], fit: Fit, labelled: Sequence[LabelledSmile]) -> Table:
    """What knowing the person's own rest is worth: each other look at a person, alone and against a photo at rest."""
    plain = {look.photo: index for index, look in enumerate(seen) if look.kind == "as it is"}
    at_rest = [photo for photo in plain if not labelled[photo].smiles]
    pairs = [
        (plain[rest], plain[other])
        for rest in at_rest
        for other in plain
        if other != rest and labelled[other].person == labelled[rest].person
    ]
    kinds = {"real photos": pairs}
    for look in seen:
        if look.kind not in ("as it is", "turned"):
            kinds.setdefault(look.kind, [])
    for index, look in enumerate(seen):
        if look.kind in kinds:
            kinds[look.kind].append((plain[look.photo], index))
    rows: list[tuple[str, ...]] = []
    for kind, compared in kinds.items():
        rest, other = np.array(compared).T
        _, person = np.unique([labelled[seen[index].photo].person for index in rest], return_inverse=True)
        smiles = np.array([labelled[seen[index].photo].smiles or kind.startswith("smiled") for index in other])
        for name, share in (("alone", 0.0), (f"against rest ({fit.model.rest_share:g})", fit.model.rest_share)):
            log_odds = fit.log_odds[other] - share * (fit.log_odds[rest] - fit.model.at_rest)
            says = log_odds >= 0
            auc = area_under_curve(log_odds, smiles.astype(np.int64), person)
            rows.append(
                (
                    f"{kind}, {name}",
                    f"{len(other):,} ({len(np.unique(person)):,} people, {smiles.sum():,} smiling)",
                    percent(auc),
                    percent(share_of_people(says[smiles], person[smiles])),
                    percent(share_of_people(says[~smiles], person[~smiles])),
                )
            )
    return Table(
        "With the person's own rest",
        "Real photos: each pair of one person's. Opened and smiled: portraits at rest, warped, against themselves.",
        ("", "trials", "AUC", "smiles found", "rests taken for one"),
        rows,
    )


def _with_interval(rate: Estimate) -> list[float]:
    return [round(value, 4) for value in (rate.value, rate.low, rate.high)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True, help="a CSV of path,smile beside its photos")
    parser.add_argument("--save", action="store_true", help="write the fit on everybody to the package")
    options = parser.parse_args()
    console, engine = Console(width=130), load_engine(threads=1)
    labelled = read_smiles(options.labels, options.labels.parent)
    with ThreadPoolExecutor(2) as threads:
        looked = threads.map(lambda numbered: list(looks(engine, *numbered)), enumerate(labelled))
        seen = [look for each in track(looked, "photos", total=len(labelled)) for look in each]
    fit = fit_in_folds(seen, labelled)
    strengths = 1 / (1 + np.exp(-fit.log_odds / fit.model.spread))
    found = {look.photo for look in seen}
    missed = [photo for number, photo in enumerate(labelled) if number not in found]
    for kind in ("as it is", "turned"):
        of = [index for index, look in enumerate(seen) if look.kind == kind]
        scores = scored([seen[index] for index in of], strengths[of], labelled, missed=missed)
        summary = summarise_smiles(scores)
        table = replace(smile_table(summary), title=f"Smiles, {kind}", note=f"In {FOLDS} folds of people.")
        console.print(printed(table))
        if kind == "as it is":
            wrong, whole = mistaken(scores), summary
    console.print(printed(against_rest(seen, fit, labelled)))
    for photo, strength in wrong:
        console.print(f"{photo.person}/{photo.path.name}: {'smiles' if photo.smiles else 'at rest'}, {strength:.2f}")
    fitted = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "by": "python -m benchmarks.smiles",
        "photos": whole.photos,
        "people": whole.people,
        "looks": sum(not look.kind.startswith("smiled") for look in seen),
        "auc_in_folds": _with_interval(whole.auc),
        "accuracy_in_folds": _with_interval(whole.accuracy),
        "threshold": SMILE_THRESHOLD,
    }
    model = replace(fit.model, fitted=fitted)
    console.print(model)
    if options.save:
        save_model(model, Path(str(SHIPPED)))


if __name__ == "__main__":
    main()
