"""The same two models called as others call them, each rebuilt by what its public code does: a JPEG in, faces out."""

from __future__ import annotations

import asyncio
import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import simplejpeg
from PIL import Image

from facepay.vision.packs import find_pack

Run = Callable[[], object]
SIDE_PX = 640


def plain_insightface(frame: bytes) -> Run:
    """`FaceAnalysis.get` with InsightFace's and ONNX Runtime's defaults, on the decoded frame."""
    from insightface.app import FaceAnalysis

    warnings.filterwarnings("ignore", category=FutureWarning, module="insightface")
    folder = Path(tempfile.mkdtemp(prefix="facepay-bench-"))
    for file in (find_pack().detector, find_pack().recogniser):
        (folder / file.path.name).symlink_to(file.path)
    app = FaceAnalysis(name=str(folder), providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=0, det_size=(SIDE_PX, SIDE_PX))
    image = simplejpeg.decode_jpeg(frame, "BGR")
    return lambda: app.get(image)


def immich(frame: bytes) -> Run:
    """Pillow decodes; two threads per model, no arena; detector at 640x640; all faces embedded in one call."""
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX
    from insightface.model_zoo.scrfd import SCRFD
    from insightface.utils.face_align import norm_crop

    detector = SCRFD(str(find_pack().detector.path), session=_immich_session(find_pack().detector.path))
    detector.prepare(ctx_id=0, det_thresh=0.7, input_size=(SIDE_PX, SIDE_PX))
    path = find_pack().recogniser.path
    recogniser = ArcFaceONNX(str(path), session=_immich_session(path))

    def run() -> Any:
        picture = np.asarray(Image.open(io.BytesIO(frame)).convert("RGB"))
        image = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        _, landmarks = detector.detect(image)
        return recogniser.get_feat([norm_crop(image, points) for points in landmarks])

    return run


def _immich_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False
    options.inter_op_num_threads, options.intra_op_num_threads = 1, 2
    providers = [("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})]
    return onnxruntime.InferenceSession(str(path), options, providers=providers)


def insightface_rest(frame: bytes) -> Run:
    """TurboJPEG decodes; scaled by area onto 640x640 for default sessions; faces embedded one by one.

    Its Numba loops over the detector's outputs are InsightFace's numpy here, and its own alignment is `norm_crop`.
    """
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX
    from insightface.model_zoo.scrfd import SCRFD
    from insightface.utils.face_align import norm_crop

    def session(path: Path) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    detector = SCRFD(str(find_pack().detector.path), session=session(find_pack().detector.path))
    detector.prepare(ctx_id=0, det_thresh=0.6, input_size=(SIDE_PX, SIDE_PX))
    path = find_pack().recogniser.path
    recogniser = ArcFaceONNX(str(path), session=session(path))

    async def get() -> list[Any]:
        image = simplejpeg.decode_jpeg(frame, "BGR")
        scale = SIDE_PX / max(image.shape[:2])
        small = cv2.resize(image, (0, 0), fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        below, right = SIDE_PX - small.shape[0], SIDE_PX - small.shape[1]
        square = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT)
        _, landmarks = detector.detect(square)
        await asyncio.sleep(0)
        return [recogniser.get_feat(norm_crop(image, points / scale)) for points in landmarks]

    return lambda: asyncio.run(get())


def bare_detector(session: Any) -> Run:
    """640x384, as a 16:9 frame is shown to it."""
    return _bare(session, (1, 3, 384, SIDE_PX))


def bare_recogniser(session: Any) -> Run:
    return _bare(session, (1, 3, 112, 112))


def _bare(session: Any, shape: tuple[int, ...]) -> Run:
    name = session.get_inputs()[0].name
    blob = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return lambda: session.run(None, {name: blob})
