"""Copies of a photo as poor cameras, bad light and haste make them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import simplejpeg

from facepay.evaluation.observing import Alter
from facepay.evaluation.summary import members_searches, strangers_searches
from facepay.evaluation.tables import Table
from facepay.evaluation.trial import Trial
from facepay.vision.frames import FrameLimits, Image, decode_frame

JPEG_QUALITY = 92
BLUR_SHARE = 0.008  # a Gaussian's standard deviation, of the photo's long side: 2 px of 250
NOISE = 12.0  # grey levels, standard deviation


def _jpeg_30(image: Image) -> Image:
    encoded = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=30, colorspace="BGR", colorsubsampling="420")
    return simplejpeg.decode_jpeg(encoded, colorspace="BGR")  # type: ignore[no-any-return]


def _half_size(image: Image) -> Image:
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _rolled(image: Image) -> Image:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 15, 1.0)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _half_light(image: Image) -> Image:
    return cv2.convertScaleAbs(image, alpha=0.5)  # type: ignore[return-value]


def _double_light(image: Image) -> Image:
    return cv2.convertScaleAbs(image, alpha=2.0)  # type: ignore[return-value]


def _blurred(image: Image) -> Image:
    return cv2.GaussianBlur(image, (0, 0), BLUR_SHARE * max(image.shape[:2]))  # type: ignore[return-value]


def _noisy(image: Image) -> Image:
    noise = np.random.default_rng(int(image.sum())).normal(0, NOISE, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


_COPIES = {
    "as it is": lambda image: image,
    "JPEG 30": _jpeg_30,
    "half size": _half_size,
    "15 degrees of roll": _rolled,
    "half brightness": _half_light,
    "double brightness": _double_light,
    "blurred": _blurred,
    "noisy": _noisy,
}


def degradations() -> Mapping[str, Alter]:
    """Name -> what it does to an encoded photo. Each raises the Problems of `decode_frame`."""
    return {name: _on_bytes(name) for name in _COPIES}


def _on_bytes(name: str) -> Alter:
    def alter(frame: bytes) -> bytes:
        image = _COPIES[name](decode_frame(frame, limits=FrameLimits()))
        encoded: bytes = simplejpeg.encode_jpeg(
            np.ascontiguousarray(image), quality=JPEG_QUALITY, colorspace="BGR", colorsubsampling="444"
        )
        return encoded

    return alter


def degradation_table(title: str, trials: Mapping[str, Trial]) -> Table:
    """Counts at the gate, where enrolled photos are as they were and those searched for are copies."""
    return Table(
        title,
        "Enrolled from the photos as they are; searched for with copies, at the gate's threshold.",
        ("copies", "members", "right", "wrong", "stepped up", "quality refused", "unknown", "strangers", "let in"),
        [(name, *_counts(trial)) for name, trial in trials.items()],
    )


def _counts(trial: Trial) -> Sequence[str]:
    members, strangers = members_searches(trial), strangers_searches(trial)
    found = Counter(search.verdicts["gate"] for search in members)
    poor = sum(search.refusal is not None for search in members)
    let_in = sum(search.verdicts["gate"] == "let in" for search in strangers)
    return [
        str(count)
        for count in (
            len(members),
            found["right"],
            found["wrong person"],
            found["stepped up"],
            poor,
            found["refused"] - poor,
            len(strangers),
            let_in,
        )
    ]
