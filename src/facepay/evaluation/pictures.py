"""Pictures of what went wrong: the photo searched for beside the enrolled ones that it was or wasn't taken for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from facepay.evaluation.folders import Photo
from facepay.evaluation.smiles import SmileScores, mistaken
from facepay.evaluation.trial import Search, Trial, Verdict
from facepay.identity.policy import Ambiguous, Use
from facepay.kernel.errors import Problem
from facepay.templates.gallery import Candidate
from facepay.vision.frames import FrameLimits, Image, decode_frame

SIDE_PX, GAP_PX = 160, 6
FAILURES_MAX = 60
_WORST_FIRST: tuple[Verdict, ...] = ("wrong person", "let in", "refused", "stepped up")


@dataclass(frozen=True, slots=True, repr=False)
class Failure:
    """What went wrong once, as a strip of JPEG, and what it was."""

    verdict: str
    caption: str
    jpeg: bytes


def failures_of(trial: Trial, *, use: Use = "gate") -> list[Failure]:
    """The worst first, at most FAILURES_MAX: members not right, and strangers not refused."""
    wrong = [search for search in trial.searches if _went_wrong(trial, search, use)]
    wrong.sort(key=lambda search: (_WORST_FIRST.index(search.verdicts[use]), -_best(search)))
    return [_failure(trial, search, use) for search in wrong[:FAILURES_MAX]]


def smile_failures_of(scores: SmileScores) -> list[Failure]:
    """The photos taken for the other kind, the surest mistakes first, at most FAILURES_MAX."""
    return [
        Failure(
            "missed" if labelled.smiles else "taken for a smile",
            f"{labelled.person}/{labelled.path.name}, strength {strength:.2f}",
            _strip([labelled.path]),
        )
        for labelled, strength in mistaken(scores)[:FAILURES_MAX]
    ]


def _went_wrong(trial: Trial, search: Search, use: Use) -> bool:
    verdict = search.verdicts[use]
    if search.person in trial.members:
        return search.expected and verdict != "right"
    return verdict != "refused"


def _best(search: Search) -> float:
    return search.ranking.best.similarity if search.ranking and search.ranking.best else -1.0


def _failure(trial: Trial, search: Search, use: Use) -> Failure:
    verdict, name_of = search.verdicts[use], trial.name_of
    shown = [search.photos[0], *_enrolled(trial, search.person)]
    words = [f"{search.person}/{search.photos[0].path.name}"]
    if search.refusal:
        words.append(search.refusal)
    if search.mated is not None:
        words.append(f"own {search.mated:.3f}")
    other = _rival(trial, search, use)
    if other:
        words.append(f"{name_of[other.member_id]} {other.similarity:.3f}")
        shown += _enrolled(trial, name_of[other.member_id])
    if use in search.decisions:
        words.append(f"threshold {search.decisions[use].threshold:.3f}")
    return Failure(verdict, ", ".join(words), _strip([photo.path for photo in shown]))


def _rival(trial: Trial, search: Search, use: Use) -> Candidate | None:
    """Whom it was taken for, or came too near to."""
    if search.ranking is None:
        return None
    own = trial.members.get(search.person)
    best = search.ranking.best
    if best and best.member_id == own:
        return search.ranking.runner_up if isinstance(search.decisions[use], Ambiguous) else None
    return best


def _enrolled(trial: Trial, person: str) -> Sequence[Photo]:
    return trial.photos_of.get(person, ())[:1]


def _strip(paths: Sequence[Path]) -> bytes:
    tiles = [tile for path in paths for tile in (np.full((SIDE_PX, GAP_PX, 3), 255, np.uint8), _tile(path))]
    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(np.hstack(tiles[1:])), quality=80, colorspace="BGR")
    return encoded


def _tile(path: Path) -> Image:
    """The photo in a square, whole."""
    tile = np.full((SIDE_PX, SIDE_PX, 3), 235, np.uint8)
    try:
        image = decode_frame(path.read_bytes(), limits=FrameLimits())
    except Problem:
        return tile
    scale = SIDE_PX / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:SIDE_PX, :SIDE_PX]
    top, left = (SIDE_PX - small.shape[0]) // 2, (SIDE_PX - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile
