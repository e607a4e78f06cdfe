"""Recognition on photos of a few people taken at different times, by the product's own rules."""

from __future__ import annotations

import os
from collections import Counter
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pytest

from facepay.calibration.calibration import load_calibration
from facepay.evaluation.folders import photos_in
from facepay.evaluation.observing import Observer
from facepay.evaluation.trial import Variant, product_policies, run
from facepay.settings import Settings
from facepay.vision.engine import Engine

FACES = os.environ.get("FACEPAY_FACES")


@pytest.mark.skipif(not FACES, reason="FACEPAY_FACES names no folder of face photographs")
def test_with_one_photo_enrolled_each_nobody_is_taken_for_another_or_refused(engine: Engine) -> None:
    assert FACES
    of_each = {
        person: list(theirs) for person, theirs in groupby(photos_in(Path(FACES) / "people"), attrgetter("person"))
    }
    photos = [photo for theirs in of_each.values() for photo in (theirs[0], theirs[-1])]
    paths = [photo.path for photo in photos]
    seen = dict(zip(paths, Observer(engine, subject="central").observe(paths), strict=True))
    trial = run(
        Variant(name="gate", policies=product_policies(Settings(_env_file=None))),
        photos,
        lambda photo: seen[photo.path],
        load_calibration(engine.pack),
    )
    verdicts = Counter(search.verdicts["gate"] for search in trial.searches)
    assert len(trial.members) == 9
    assert verdicts == {"right": 9}
