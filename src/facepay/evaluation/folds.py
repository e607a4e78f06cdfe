"""Thresholds from some people, tried on others: fitted and tested on the same, they would look too good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np

from facepay.calibration.calibration import Calibration
from facepay.calibration.impostors import compare, probes_of
from facepay.calibration.tail import fit
from facepay.evaluation.folders import Photo
from facepay.evaluation.trial import Evidences, Trial, Variant, run
from facepay.vision.evidence import Floats

Progress = Callable[[int, int], None]


def run_in_folds(variant: Variant, photos: Sequence[Photo], evidence_of: Evidences, *, pack: str, folds: int) -> Trial:
    """Each fold's people are enrolled and searched for by themselves, under what all other people calibrate.

    Raises `facepay.calibration.impostors.TooFewPeople`.
    """
    trials: list[Trial] = []
    for fold in range(folds):
        others = [photo for photo in photos if fold_of(photo.person, folds) != fold]
        calibration = calibrated_on(others, evidence_of, pack=pack, source=f"the other {folds - 1} of {folds} folds")
        mine = [photo for photo in photos if fold_of(photo.person, folds) == fold]
        trials.append(
            run(variant, mine, evidence_of, calibration, members_before=sum(len(trial.members) for trial in trials))
        )
    return _together(trials)


def fold_of(person: str, folds: int) -> int:
    """The same for the same name, in whatever order the people come."""
    return int.from_bytes(sha256(person.encode()).digest()[:8], "big") % folds


def calibrated_on(photos: Sequence[Photo], evidence_of: Evidences, *, pack: str, source: str) -> Calibration:
    """A calibration of all photos against all of other people, one by one as a search meets them."""
    embeddings: dict[str, list[Floats]] = {}
    for photo in photos:
        evidence = evidence_of(photo)
        if evidence and evidence.faces and evidence.faces[0].embedding is not None:
            embeddings.setdefault(photo.person, []).append(evidence.faces[0].embedding)
    faces = probes_of(list(embeddings.values()))
    return fit(compare(faces, faces), pack=pack, source=source).calibration


def _together(trials: Sequence[Trial]) -> Trial:
    first = trials[0]
    return replace(
        first,
        members={person: member for trial in trials for person, member in trial.members.items()},
        photos_of={person: photos for trial in trials for person, photos in trial.photos_of.items()},
        refused_photos=[each for trial in trials for each in trial.refused_photos],
        not_enrolled=[person for trial in trials for person in trial.not_enrolled],
        searches=[search for trial in trials for search in trial.searches],
        templates=sum(trial.templates for trial in trials),
        genuine=np.concatenate([trial.genuine for trial in trials]),
        impostor=np.concatenate([trial.impostor for trial in trials]),
        people=[person for trial in trials for person in trial.people],
    )
