"""Colours read from pictures: people of known colours, in known lights, and those that can't be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import simplejpeg

from facepay.vision.appearance import UNIT_PX, chest_of, crown_of, cut_out, read_appearance, unit_px
from facepay.vision.colours import Appearance, Lab, NoAppearance
from facepay.vision.engine import Engine
from facepay.vision.evidence import FaceEvidence, Floats
from facepay.vision.frames import FrameLimits, Image, decode_frame
from facepay.vision.pool import InferencePool
from facepay.vision.samples import camera_frame, package_file, people, stranger
from facepay.vision.white_balance import DAYLIGHT, as_far_as_trusted, guess_light, of_luminance_one

pytestmark = pytest.mark.anyio

Region = Callable[..., "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"]
RED_LIT: Floats = of_luminance_one(np.array([0.3, 0.7, 1.0], dtype=np.float32))


class Sitter:
    """Somebody whom a picture shows to the chest, and who can be dressed and lit anew."""

    def __init__(self, engine: Engine, photo: bytes) -> None:
        self.image = decode_frame(photo, limits=FrameLimits())
        self.face: FaceEvidence = engine.analyse(photo, points=True).faces[0]

    def read(self, image: Image | None = None) -> Appearance:
        found = read_appearance(self.image if image is None else image, self.face)
        assert isinstance(found, Appearance)
        return found

    def painted(self, region: Region, colour: str, *, share: float = 1.0) -> Image:
        """With a region in this colour, from the left to `share` of its width; shaded a little, as cloth is."""
        person = cut_out(self.image, self.face, DAYLIGHT)
        mask = region(person)
        columns = np.flatnonzero(mask.any(axis=0))
        mask[:, columns[int(share * (len(columns) - 1))] + 1 :] = False
        enlarged = unit_px(self.face) / UNIT_PX
        left, top = np.maximum(
            np.floor(self.face.landmarks[:2].mean(axis=0) - np.array([4, 3]) * unit_px(self.face)), 0
        )
        back = np.array([[enlarged, 0, left], [0, enlarged, top]])
        whole = cv2.warpAffine(mask.astype(np.uint8), back, self.image.shape[1::-1])
        shading = 1 + 0.06 * np.sin(np.arange(self.image.shape[1]) / 9)[None, :, None]
        paint = np.array([int(colour[place : place + 2], 16) for place in (5, 3, 1)])
        painted = np.where(whole[..., None] > 0, np.clip(paint * shading, 0, 255), self.image)
        return painted.astype(np.uint8)

    def lit(self, light: Floats, image: Image | None = None) -> Image:
        """In this light, as a camera shows it that corrects nothing."""
        linear = (self.image if image is None else image).astype(np.float64) / 255
        lit = 255 * np.clip(linear**2.2 * light / light.max(), 0, 1) ** (1 / 2.2)
        return np.asarray(np.round(lit), dtype=np.uint8)


@pytest.fixture(scope="module")
def sitter(engine: Engine) -> Sitter:
    return Sitter(engine, package_file("skimage", "data/astronaut.png"))


@pytest.fixture(scope="module")
def dark_haired(engine: Engine) -> Sitter:
    return Sitter(engine, people()[2])


def jpeg(image: Image) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=95, colorspace="BGR"))


@pytest.mark.parametrize("colour", ["#1c2744", "#cf2027", "#2f8f3c", "#f6dc1a", "#f4ecd8", "#16161a", "#6d398b"])
def test_what_is_worn_is_read_in_its_colour(sitter: Sitter, colour: str) -> None:
    (worn,) = sitter.read(sitter.painted(chest_of, colour)).clothes
    assert worn.share == pytest.approx(1)
    assert worn.lab.difference(Lab.from_hex(colour)) < 3


def test_two_colours_are_two_by_their_shares(sitter: Sitter) -> None:
    both = sitter.painted(chest_of, "#2f8f3c")
    left = sitter.painted(chest_of, "#fbfbfb", share=0.4)
    changed = (left != sitter.image).any(axis=2)
    both[changed] = left[changed]
    found = sitter.read(both).clothes
    assert len(found) == 2
    assert found[0].lab.difference(Lab.from_hex("#2f8f3c")) < 4
    assert found[1].lab.difference(Lab.from_hex("#fbfbfb")) < 4
    assert 0.25 < found[1].share < 0.45


@pytest.mark.parametrize("colour", ["#3b2a20", "#c9a86a", "#8e8e90", "#7a3e25"])
def test_hair_is_read_in_its_colour(sitter: Sitter, colour: str) -> None:
    hair = sitter.read(sitter.painted(crown_of, colour)).hair
    assert hair is not None
    assert hair.difference(Lab.from_hex(colour)) < 4


@pytest.mark.parametrize("crown", ["#2346a8", "#0d8456", "skin"])
def test_a_hat_or_a_bald_head_has_no_hair_colour(sitter: Sitter, crown: str) -> None:
    colour = sitter.read().skin.to_hex() if crown == "skin" else crown
    assert sitter.read(sitter.painted(crown_of, colour)).hair is None


def test_a_shirt_as_dark_as_the_hair_is_no_hair(dark_haired: Sitter) -> None:
    found = dark_haired.read(dark_haired.painted(chest_of, "#16161a"))
    assert found.hair is not None
    assert found.hair.lightness < 25
    assert found.clothes[0].lab.lightness < 15


def test_bare_shoulders_are_not_clothes(sitter: Sitter) -> None:
    assert sitter.read(sitter.painted(chest_of, sitter.read().skin.to_hex())).clothes == ()


def test_a_cast_of_the_light_is_taken_away(sitter: Sitter) -> None:
    plain, lit = sitter.read(), sitter.lit(RED_LIT)
    light = guess_light(lit)
    uncorrected = read_appearance(lit, sitter.face, light=DAYLIGHT)
    assert isinstance(uncorrected, Appearance)
    found = sitter.read(lit)
    assert found.light.colour.chroma > 20
    assert light[2] > light[1] > light[0]
    assert hue_moved(plain, found) < 0.5 * hue_moved(plain, uncorrected)


def hue_moved(one: Appearance, two: Appearance) -> float:
    """How far skin's colour is apart, whatever the exposure."""
    return float(np.hypot(one.skin.a - two.skin.a, one.skin.b - two.skin.b))


def test_light_close_to_daylight_is_left_alone() -> None:
    nearly = of_luminance_one(np.array([0.98, 1.0, 1.02]))
    assert as_far_as_trusted(nearly) == pytest.approx(DAYLIGHT)
    assert as_far_as_trusted(RED_LIT) == pytest.approx(RED_LIT, abs=1e-5)


def test_five_points_do_where_the_pack_has_no_more(sitter: Sitter) -> None:
    found = read_appearance(sitter.image, replace(sitter.face, points=None))
    assert isinstance(found, Appearance)
    assert found.skin.difference(sitter.read().skin) < 5


def test_dark_skin_is_not_dark_light(sitter: Sitter) -> None:
    left, top, right, bottom = (int(edge) for edge in sitter.face.box)
    image = sitter.image.copy()
    image[top - 20 : bottom + 10, left - 10 : right + 10] //= 3
    darker = replace(sitter.face, quality=replace(sitter.face.quality, brightness=45.0))
    assert isinstance(read_appearance(image, darker), Appearance)


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("too_dark", lambda sitter: (sitter.image // 10, sitter.face)),
        ("too_bright", lambda sitter: (np.full_like(sitter.image, 255), sitter.face)),
        ("colour_cast", lambda sitter: (sitter.image * np.array([0, 0, 1], np.uint8), sitter.face)),
        ("no_shoulders", lambda sitter: (sitter.image[: int(sitter.face.points[0][1]) + 12], sitter.face)),
        ("face_turned", lambda sitter: (sitter.image, turned(sitter.face, 60.0))),
        ("come_closer", lambda sitter: (sitter.image, smaller(sitter.face))),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_helps(
    sitter: Sitter, code: str, spoil: Callable[[Sitter], tuple[Image, FaceEvidence]]
) -> None:
    found = read_appearance(*spoil(sitter))
    assert isinstance(found, NoAppearance)
    assert found.code == code
    assert found.message.startswith(("Please", "It is", "The light"))


def turned(face: FaceEvidence, yaw_degrees: float) -> FaceEvidence:
    return replace(face, quality=replace(face.quality, yaw_degrees=yaw_degrees))


def smaller(face: FaceEvidence) -> FaceEvidence:
    return replace(face, landmarks=face.landmarks[:1] + 0.2 * (face.landmarks - face.landmarks[:1]))


async def test_colours_are_read_only_where_they_are_asked_for_and_only_of_the_nearest(engine: Engine) -> None:
    pool = InferencePool(engine, workers=1, queue_max=3)
    frame = camera_frame([stranger(), people()[0]])
    try:
        plain = await pool.analyse(frame, embed=2, points=True)
        asked = await pool.analyse(frame, embed=2, points=True, with_appearance=True)
        nobody = await pool.analyse(camera_frame([]), with_appearance=True)
    finally:
        pool.close()
    assert [face.appearance for face in plain.faces] == [None, None]
    assert isinstance(asked.faces[0].appearance, Appearance | NoAppearance)
    assert asked.faces[1].appearance is None
    assert nobody.faces == ()


async def test_the_same_picture_has_the_same_colours_on_every_worker(engine: Engine, sitter: Sitter) -> None:
    frame = jpeg(sitter.image)
    pool = InferencePool(engine, workers=3, queue_max=9)
    try:
        found = await asyncio.gather(*(pool.analyse(frame, points=True, with_appearance=True) for _ in range(4)))
    finally:
        pool.close()
    assert len({each.faces[0].appearance for each in found}) == 1
