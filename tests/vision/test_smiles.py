"""How much a face smiles: on portraits that smile and don't, on smiles put onto them, however the head is held."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import simplejpeg

from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceEvidence
from facepay.vision.expression import SMILE_THRESHOLD, smile_strength
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.heads import View, turned, with_expression
from facepay.vision.smiles import MEASURES, measure_smile, shipped_model
from tests.photos import people

AT_REST, SMILING = (0, 1, 4), (2, 3, 5)


class Portraits:
    """The package's people, with other expressions and from other sides."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.see = cache(self._see)

    def _analysed(self, image: Image) -> FaceEvidence:
        jpeg = bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=92, colorspace="BGR"))
        return self._engine.analyse(jpeg, points=True).faces[0]

    def _see(self, person: int, *, view: View | None = None, **expression: float) -> FaceEvidence:
        portrait = decode_frame(people()[person], limits=FrameLimits())
        if view is None and not expression:
            return self._analysed(portrait)
        landmarks = self.see(person).landmarks
        image = with_expression(portrait, landmarks, **expression) if expression else portrait
        return self._analysed(turned(image, landmarks, view, step=6) if view else image)


@pytest.fixture(scope="module")
def portraits(engine: Engine) -> Portraits:
    return Portraits(engine)


def strength(face: FaceEvidence, neutral: FaceEvidence | None = None) -> float:
    found = smile_strength(face, neutral)
    assert found is not None
    return found


def test_who_smiles_smiles_and_who_is_at_rest_does_not(portraits: Portraits) -> None:
    for person in AT_REST:
        assert strength(portraits.see(person)) < 0.3
    for person in SMILING:
        assert strength(portraits.see(person)) > 0.7


@pytest.mark.parametrize("person", [*AT_REST[:2], *SMILING[:2]])
def test_a_smile_grows_against_the_person_s_own_rest(person: int, portraits: Portraits) -> None:
    rest = portraits.see(person)
    grown = [strength(portraits.see(person, smile=size) if size else rest, rest) for size in (0, 0.4, 0.8)]
    assert grown == sorted(grown)
    assert grown[0] < SMILE_THRESHOLD < grown[2]


@pytest.mark.parametrize("person", AT_REST[:2])  # the third shows a half profile
def test_neither_talking_nor_blinking_nor_turning_is_a_smile(person: int, portraits: Portraits) -> None:
    rest = portraits.see(person)
    for other in (
        portraits.see(person, open_mouth=0.8),
        portraits.see(person, closed_eyes=1.0),
        portraits.see(person, view=View(yaw=25)),
        portraits.see(person, view=View(yaw=-25)),
        portraits.see(person, view=View(pitch=15)),
        portraits.see(person, view=View(pitch=-15)),
    ):
        assert strength(other, rest) < SMILE_THRESHOLD


@pytest.mark.parametrize("person", SMILING[:2])
def test_a_smile_stays_one_when_the_head_turns(person: int, portraits: Portraits) -> None:
    for view in (View(yaw=20), View(yaw=-20), View(pitch=12), View(pitch=-12)):
        assert strength(portraits.see(person, view=view)) > SMILE_THRESHOLD


def test_somebody_who_always_looks_merry_must_smile_more(portraits: Portraits) -> None:
    merry, grave = portraits.see(SMILING[0]), portraits.see(AT_REST[0])
    assert strength(merry, merry) < SMILE_THRESHOLD < strength(merry)
    assert strength(grave, grave) == pytest.approx(strength(merry, merry), abs=0.35)


def test_size_and_tilt_of_the_face_change_nothing(portraits: Portraits) -> None:
    points = portraits.see(3).points
    assert points is not None
    angle = np.radians(25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = ((points * 2.5) @ turn.T + 70).astype(np.float32)
    assert measure_smile(moved, 12.0, 5.0) == pytest.approx(measure_smile(points, 12.0, 5.0), abs=1e-3)


def test_without_points_nothing_is_said(portraits: Portraits) -> None:
    face = portraits.see(0)
    blank = replace(face, points=None)
    assert smile_strength(blank) is None
    assert smile_strength(face, blank) is None


def test_the_shipped_model_says_what_it_was_fitted_on() -> None:
    model = shipped_model()
    assert tuple(model.weights) == MEASURES
    assert model.fitted["photos"] == 1019
    assert model.fitted["people"] == 790
    auc, low, high = model.fitted["auc_in_folds"]
    assert 0.95 < low <= auc <= high < 1
    assert model.at_rest < 0 < model.spread
