"""Every photo once through the engine, however many variants ask for it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

from facepay.kernel.errors import Problem
from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceEvidence, FrameEvidence

FACES_EMBEDDED_MAX = 8
Subject = Literal["nearest", "central"]
Progress = Callable[[int, int], None]  # photos done, photos in all
Alter = Callable[[bytes], bytes]


class Observer:
    """An engine that remembers what it saw, by the bytes' hash. Nothing outlives it: embeddings are biometrics.

    `subject` says which face of a photo the label is about: the nearest, as at every device, or the central one,
    as in collections of portraits; then only that one is handed on.
    """

    def __init__(self, engine: Engine, *, subject: Subject = "nearest", workers: int = 1) -> None:
        self.pack = engine.pack
        self._engine = engine
        self._subject = subject
        self._workers = workers
        self._seen: dict[bytes, FrameEvidence | None] = {}

    def observe(
        self, paths: Sequence[Path], *, alter: Alter | None = None, progress: Progress | None = None
    ) -> list[FrameEvidence | None]:
        """The evidence of each photo, after `alter` where given; None where it can't be decoded."""
        found = []
        with ThreadPoolExecutor(self._workers) as threads:
            for evidence in threads.map(lambda path: self._look(path.read_bytes(), alter), paths):
                found.append(evidence)
                if progress:
                    progress(len(found), len(paths))
        return found

    def _look(self, frame: bytes, alter: Alter | None) -> FrameEvidence | None:
        frame = alter(frame) if alter else frame
        key = hashlib.sha256(frame).digest()
        if key not in self._seen:
            self._seen[key] = self._analyse(frame)
        return self._seen[key]

    def _analyse(self, frame: bytes) -> FrameEvidence | None:
        try:
            if self._subject == "nearest":
                return self._engine.analyse(frame, points=True)
            evidence = self._engine.analyse(frame, embed=FACES_EMBEDDED_MAX, points=True)
        except Problem:
            return None
        return replace(evidence, faces=_central(evidence))


def _central(evidence: FrameEvidence) -> tuple[FaceEvidence, ...]:
    def offset(face: FaceEvidence) -> float:
        left, top, right, bottom = (float(edge) for edge in face.box)
        return math.hypot(left + right - evidence.width, top + bottom - evidence.height)

    embedded = [face for face in evidence.faces if face.embedding is not None]
    return tuple(sorted(embedded, key=offset)[:1])
