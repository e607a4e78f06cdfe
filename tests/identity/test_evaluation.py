"""Recognition on photos of a few people taken at different times, through the gate's own code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benchmarks.recognition import measure, photos_in
from rich.progress import Progress

from facepay.settings import Settings
from facepay.vision.engine import Engine

pytestmark = pytest.mark.anyio
FACES = os.environ.get("FACEPAY_FACES")


@pytest.mark.skipif(not FACES, reason="FACEPAY_FACES names no folder of face photographs")
async def test_with_one_photo_enrolled_each_nobody_is_taken_for_another(database_url: str, engine: Engine) -> None:
    assert FACES
    photos = photos_in(Path(FACES), ["people"])
    with Progress(disable=True) as progress:
        report = await measure(photos, engine, Settings(database_url=database_url, _env_file=None), progress)
    members = report.outcomes["members"]
    assert len(report.enrolled) == 9
    assert members["wrong person"] == 0
    assert members["refused"] == 0, report.failures
    assert members["right"] >= 0.9 * members.total(), report.failures
