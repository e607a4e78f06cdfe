"""What is kept of a picture shows the member, and nobody who stood by."""

from __future__ import annotations

from facepay.vision.engine import Engine
from facepay.vision.frames import FrameLimits
from facepay.vision.portraits import portrait
from tests.photos import close_up, people


def test_a_portrait_shows_nobody_who_stood_behind(engine: Engine) -> None:
    (alone,) = engine.analyse(people()[0]).faces
    frame = close_up(people()[0], alone.box, fill=0.5, behind=people()[1])
    faces = engine.analyse(frame).faces
    assert len(faces) == 2
    (kept,) = engine.analyse(portrait(frame, faces, limits=FrameLimits())).faces
    assert alone.embedding is not None
    assert kept.embedding is not None
    assert float(alone.embedding @ kept.embedding) > 0.95
    assert len(engine.analyse(portrait(frame, faces[:1], limits=FrameLimits())).faces) == 2, "who was in the picture"
