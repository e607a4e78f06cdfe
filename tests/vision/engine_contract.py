"""What every engine must do, wherever its models run: say what the embedded one says, and refuse what it refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from facepay.kernel.errors import Problem
from facepay.vision.engine import FACES_MAX, Engine
from facepay.vision.evidence import Wanted
from facepay.vision.frames import FrameLimits, decode_frame
from facepay.vision.samples import camera_frame, people, stranger

LIMITS = FrameLimits(bytes_max=2 * 1024 * 1024, megapixels_max=4.0)
EVERYTHING: Wanted = {"embed": 3, "points": True, "with_fingerprint": True, "with_appearance": True}
FRAMES: dict[str, bytes] = {
    "one person": camera_frame([people()[0]]),
    "a crowd": camera_frame(people()),
    "a portrait": people()[3],
    "nobody": camera_frame([]),
    "a stranger beside a member": camera_frame([stranger(), people()[0]]),
}
UNREADABLE = {
    "no bytes": b"",
    "no image": b"GIF89a" + bytes(60),
    "too many bytes": people()[0] + bytes(LIMITS.bytes_max),
    "too many pixels": camera_frame([], width=2400, height=1800),
    "cut short": people()[0][:2000],
}


def crowd(columns: int = 9, rows: int = 8, side_px: int = 120) -> bytes:
    """A frame with more faces than are reported."""
    tiles = [cv2.resize(decode_frame(each, limits=LIMITS)[:260], (side_px, side_px)) for each in people()]
    lines = [np.hstack([tiles[(row + column) % len(tiles)] for column in range(columns)]) for row in range(rows)]
    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(np.vstack(lines)), quality=90, colorspace="BGR")
    return encoded


def assert_alike(found: Any, expected: Any) -> None:
    """Equal down to the last field, but for the times; floats as far as another processor may differ."""
    assert type(found) is type(expected)
    if is_dataclass(expected):
        for name in (each.name for each in fields(expected)):
            if name not in ("timings_ms", "ended_ns"):
                assert_alike(getattr(found, name), getattr(expected, name))
    elif isinstance(expected, tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    elif isinstance(expected, np.ndarray):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)
    else:
        assert found == expected


def assert_keeps_the_contract(tried: Engine, embedded: Engine, subtests: pytest.Subtests) -> None:
    """In one test, so that what it takes to have such an engine is set up once, however the tests are spread."""
    for holds in (_is_known, _sees, _reports_the_nearest, _refuses, _is_shared, _tells_what_it_took):
        with subtests.test(holds.__name__.strip("_").replace("_", " ")):
            holds(tried, embedded)


def _is_known(tried: Engine, embedded: Engine) -> None:
    for name in ("pack", "embedding_dim", "limits", "has_points", "has_passive_model"):
        assert getattr(tried, name) == getattr(embedded, name), name


def _sees(tried: Engine, embedded: Engine) -> None:
    asked: list[Wanted] = [{}, EVERYTHING, {"embed": 0}, {"embed": 4, "area_share_min": 0.9}]
    for wanted in asked:
        for frame in FRAMES.values():
            assert_alike(tried.analyse(frame, **wanted), embedded.analyse(frame, **wanted))


def _reports_the_nearest(tried: Engine, embedded: Engine) -> None:
    found = tried.analyse(crowd(), embed=2)
    assert len(found.faces) == FACES_MAX
    assert_alike(found, embedded.analyse(crowd(), embed=2))


def _refuses(tried: Engine, embedded: Engine) -> None:
    """In the same words."""
    for frame in UNREADABLE.values():
        with pytest.raises(Problem) as expected:
            embedded.analyse(frame)
        with pytest.raises(type(expected.value)) as found:
            tried.analyse(frame)
        for name in ("code", "status", "detail", "measured", "headers"):
            assert getattr(found.value, name) == getattr(expected.value, name)


def _is_shared(tried: Engine, embedded: Engine) -> None:
    """Threads get each their own answer."""
    frames = [*people(), stranger()]
    expected = [embedded.analyse(frame) for frame in frames]
    with ThreadPoolExecutor(6) as threads:
        for found, seen in zip(threads.map(tried.analyse, frames * 2), expected * 2, strict=True):
            assert_alike(found, seen)


def _tells_what_it_took(tried: Engine, _: Engine) -> None:
    timings = tried.analyse(people()[0]).timings_ms
    assert timings.keys() == {"decode", "detect", "align", "embed", "measure", "total"}
    assert all(each > 0 for each in timings.values())
