"""From the bytes of a frame to evidence: decode once, detect, then align and embed only the faces asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, Unpack

import cv2
import numpy as np

from facepay.vision.alignment import align
from facepay.vision.appearance import read_appearance
from facepay.vision.detection import Detector, network_of
from facepay.vision.emotions import ExpressionModel, load_expression_model
from facepay.vision.evidence import FaceEvidence, Floats, FrameEvidence, Wanted
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.landmarks import Landmarker
from facepay.vision.liveness.passive import PassiveModel, load_passive_model
from facepay.vision.liveness.replay import fingerprint
from facepay.vision.optimised import Rewrite, default_cache
from facepay.vision.packs import DEFAULT_PACK, ModelPack, find_pack
from facepay.vision.quality import measure
from facepay.vision.recognition import FaceRecogniser
from facepay.vision.sessions import Load, Provider, Sessions

FACES_MAX = 64
"""A frame reports at most so many faces, the nearest."""

WARM_UP_SIZES = ((360, 640), (480, 640), (640, 640))


class Engine(Protocol):
    """Whatever turns frames into evidence: here, or on another machine."""

    @property
    def pack(self) -> str: ...

    @property
    def embedding_dim(self) -> int: ...

    @property
    def limits(self) -> FrameLimits:
        """What one frame may cost."""

    @property
    def has_points(self) -> bool:
        """Whether the pack finds the 106 points, and with them expressions."""
        ...

    @property
    def has_passive_model(self) -> bool:
        """Whether embedded faces get a `live_score`."""
        ...

    def analyse(self, frame: bytes, **wanted: Unpack[Wanted]) -> FrameEvidence:
        """Find all faces of a frame, and of the nearest what is wanted. Keeps a core busy for some 20 ms.

        Raises the Problems of `decode_frame`. A frame without a face is evidence with no faces.
        """
        ...

    def close(self) -> None:
        """Give up what is held open. Nobody may ask any more."""


class InsightFaceEngine:
    """InsightFace's detector and recogniser on ONNX Runtime. Any number of threads may share one.

    `load` counts the frames at work for the sessions that go by it.
    """

    def __init__(
        self,
        pack: ModelPack,
        detector: Detector,
        recogniser: FaceRecogniser,
        landmarker: Landmarker | None,
        *,
        load: Load,
        passive: PassiveModel | None = None,
        expression: ExpressionModel | None = None,
        limits: FrameLimits,
    ) -> None:
        self.pack = pack.label
        self._norm_scale = pack.norm_scale
        self.embedding_dim = recogniser.embedding_dim
        self.detector = detector
        self.recogniser = recogniser
        self.landmarker = landmarker
        self.has_points = landmarker is not None
        self.passive = passive
        self.has_passive_model = passive is not None
        self.expression = expression
        self.limits = limits
        self._load = load

    def analyse(self, frame: bytes, **wanted: Unpack[Wanted]) -> FrameEvidence:
        with self._load.frame():
            return self._analyse(frame, **wanted)

    def _analyse(
        self,
        frame: bytes,
        *,
        embed: int = 1,
        area_share_min: float = 0.0,
        points: bool = False,
        with_fingerprint: bool = False,
        with_appearance: bool = False,
    ) -> FrameEvidence:
        started = time.perf_counter()
        image = decode_frame(frame, limits=self.limits)
        decoded = time.perf_counter()
        found = self.detector.detect(image)
        detected = time.perf_counter()
        areas = np.prod(found.boxes[:embed, 2:] - found.boxes[:embed, :2], axis=1)
        near = np.count_nonzero(areas >= area_share_min * areas[:1])
        crops = [align(image, landmarks) for landmarks in found.landmarks[:near]]
        aligned = time.perf_counter()
        embeddings = self._embed(crops)
        embedded = time.perf_counter()
        faces = []
        for index in range(min(len(found.boxes), FACES_MAX)):
            box, landmarks, score = found.boxes[index], found.landmarks[index], float(found.scores[index])
            if index < len(crops):
                embedding = embeddings[index]
                norm = float(np.linalg.norm(embedding))
                contour = self.landmarker.find(image, box) if points and self.landmarker else None
                quality = measure(landmarks, score, crops[index], norm * self._norm_scale, contour)
                live = self.passive.live_score(image, box, landmarks) if self.passive else None
                happy = self.expression.happiness(image, box, crops[index]) if points and self.expression else None
                faces.append(FaceEvidence(box, landmarks, quality, embedding / np.float32(norm), contour, live, happy))
            else:
                faces.append(FaceEvidence(box, landmarks, measure(landmarks, score)))
        if with_appearance and crops:
            faces[0] = replace(faces[0], appearance=read_appearance(image, faces[0]))
        nearest = faces[0].landmarks if faces else None
        frame_print = fingerprint(frame, image, nearest) if with_fingerprint else None
        done = time.perf_counter()
        return FrameEvidence(
            width=image.shape[1],
            height=image.shape[0],
            faces=tuple(faces),
            pack=self.pack,
            timings_ms={
                "decode": (decoded - started) * 1e3,
                "detect": (detected - decoded) * 1e3,
                "align": (aligned - detected) * 1e3,
                "embed": (embedded - aligned) * 1e3,
                "measure": (done - embedded) * 1e3,
                "total": (done - started) * 1e3,
            },
            fingerprint=frame_print,
            ended_ns=time.time_ns(),
        )

    def close(self) -> None:
        """Models need no closing."""

    def _embed(self, crops: list[Image]) -> Floats:
        if not crops:
            return np.empty((0, self.embedding_dim), dtype=np.float32)
        return self.recogniser.get_feat(crops)


def available_cores() -> int:
    """Cores that this process may use (a container's CPU set, not the machine's)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_engine(
    pack: str | Path = DEFAULT_PACK,
    *,
    liveness_model: Path | None = None,
    expression_model: Path | None = None,
    limits: FrameLimits | None = None,
    threads: int | None = None,
    provider: Provider = "auto",
    progress: Callable[[str], None] = lambda step: None,
) -> InsightFaceEngine:
    """Load a model pack and run it once. `threads` are those of a frame that is alone (default: all cores); of several
    at work, each has one.
    `liveness_model` is a passive model of one of the forms in `liveness.passive`, `expression_model` one of those in
    `emotions`, which then says how much a face smiles.

    `progress` is told each step in a few words. Raises `packs.PackError`, `sessions.ProviderError`,
    `PassiveModelError` and `ExpressionModelError`.
    """
    progress("checking the model pack")
    models = find_pack(pack)
    threads = threads or available_cores()
    sessions = Sessions(provider, threads=threads, cache=default_cache())
    cv2.setNumThreads(1)  # requests run side by side; OpenCV's own threads would only get in their way
    progress("loading the detector")
    detector = Detector(network_of(sessions.open(models.detector, "for_any_size")))
    progress("loading the recogniser")
    faces: Rewrite = "for_any_number_of_faces" if sessions.provider == "cuda" else "for_one_face"
    recogniser = FaceRecogniser(sessions.open(models.recogniser, faces, may_round=True))
    landmarker = Landmarker(sessions.open(models.landmarks, "unchanged")) if models.landmarks else None
    passive = load_passive_model(liveness_model, threads=threads) if liveness_model else None
    expression = load_expression_model(expression_model, threads=threads) if expression_model else None
    engine = InsightFaceEngine(
        models,
        detector,
        recogniser,
        landmarker,
        load=sessions.load,
        passive=passive,
        expression=expression,
        limits=limits or FrameLimits(),
    )
    progress("warming up")
    warm_up(engine)
    if sessions.threads > 1:
        with sessions.load.frame(), sessions.load.frame():
            warm_up(engine)
    return engine


def warm_up(engine: InsightFaceEngine) -> None:
    for height, width in WARM_UP_SIZES:
        engine.detector.detect(np.zeros((height, width, 3), dtype=np.uint8))
    engine._embed([np.zeros((112, 112, 3), dtype=np.uint8)])
