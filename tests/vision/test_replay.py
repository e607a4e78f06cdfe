from __future__ import annotations

import numpy as np
import pytest
import simplejpeg

from facepay.vision.engine import Engine
from facepay.vision.evidence import FrameFingerprint
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.heads import View, turned
from facepay.vision.liveness.replay import bands_of, is_copy, look_distance
from tests.photos import camera_frame, people, stranger, variant


def fingerprint(engine: Engine, frame: bytes) -> FrameFingerprint:
    found = engine.analyse(frame, with_fingerprint=True).fingerprint
    assert found is not None
    return found


def jpeg(image: Image, quality: int = 90) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=quality, colorspace="BGR"))


def cropped(frame: bytes, share: float) -> bytes:
    image = decode_frame(frame, limits=FrameLimits())
    down, right = (round(side * share) for side in image.shape[:2])
    return jpeg(image[down : -down // 2, right // 2 : -right])


@pytest.fixture(scope="module")
def frame() -> bytes:
    return camera_frame([stranger()], width=960, height=720)


def test_a_copy_is_known_again_however_it_was_saved(engine: Engine, frame: bytes) -> None:
    original = fingerprint(engine, frame)
    for name, copy in {
        "the same bytes": frame,
        "other metadata": frame + b"\0",
        "saved again": variant(frame, quality=30),
        "half the size": variant(frame, scale=0.5),
        "larger": variant(frame, scale=1.3),
        "darker": variant(frame, brightness=0.75),
        "brighter": variant(frame, brightness=1.2),
        "cropped": cropped(frame, 0.03),
        "all of it": cropped(variant(frame, scale=0.8, brightness=0.9, quality=60), 0.02),
    }.items():
        seen = fingerprint(engine, copy)
        assert is_copy(original, seen), name
        assert original.look is not None
        assert seen.look is not None
        assert set(bands_of(original.look)) & set(bands_of(seen.look)), name


def test_other_people_and_the_same_one_at_another_time_are_no_copies(engine: Engine, frame: bytes) -> None:
    original = fingerprint(engine, frame)
    image = decode_frame(frame, limits=FrameLimits())
    landmarks = engine.analyse(frame).faces[0].landmarks
    tomorrow = turned(image, landmarks, View(yaw=8, pitch=4, roll=2, shift=(0.3, 0.2)), step=4)
    assert not is_copy(original, fingerprint(engine, jpeg(tomorrow)))
    for portrait in people()[:2]:
        assert not is_copy(original, fingerprint(engine, camera_frame([portrait], width=960, height=720)))


def test_a_frame_without_a_face_is_known_by_its_bytes_alone(engine: Engine) -> None:
    empty = camera_frame([])
    assert is_copy(fingerprint(engine, empty), fingerprint(engine, empty))
    assert not is_copy(fingerprint(engine, empty), fingerprint(engine, variant(empty, quality=50)))


def test_a_copy_shares_a_band_of_its_look() -> None:
    random = np.random.default_rng(3)
    found = 0
    for _ in range(300):
        bits = random.integers(0, 2, 256, dtype=np.uint8)
        copied = bits ^ (random.random(256) < 0.06)  # twice as many as differ in the median when it's saved again
        bands, others = bands_of(np.packbits(bits).tobytes()), bands_of(np.packbits(copied).tobytes())
        assert len(set(bands)) == 16
        found += bool(set(bands) & set(others))
    assert found > 290


def test_the_look_differs_in_half_of_its_bits_at_most_by_chance() -> None:
    assert look_distance(bytes(32), bytes([255] * 32)) == 256
    assert look_distance(b"\x01" + bytes(31), bytes(32)) == 1
