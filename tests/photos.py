"""Photographs for tests: the demo's own samples, and what only a test needs."""

from __future__ import annotations

from facepay.vision.samples import camera_frame, people, stranger, variant

__all__ = ["camera_frame", "montage", "people", "stranger", "variant"]


def montage(count: int = 10) -> bytes:
    """A wide frame with `count` faces side by side (the six people, again from the start)."""
    six = people()
    return camera_frame([six[index % len(six)] for index in range(count)], width=1920, height=1080)
