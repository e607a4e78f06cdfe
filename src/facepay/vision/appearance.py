"""The colours of the person nearest to the camera, read from the frame and from where their face is.

Regions are placed by the face, in distances between its eyes (some 63 mm, so that it doesn't matter how large anybody
is in the picture): skin on both cheeks and the forehead, hair where every skull is, clothes where everybody's chest is.
So no background has to be told from a person, and nothing outside these regions is looked at but to guess the light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from facepay.vision.colours import Appearance, AppearanceRefusal, Illuminant, Lab, NoAppearance, Swatch
from facepay.vision.evidence import FaceEvidence, Floats
from facepay.vision.frames import Image
from facepay.vision.white_balance import (
    as_far_as_trusted,
    brightest_channel,
    colour_of_light,
    guess_light,
    in_daylight,
    shrunk,
)

Mask = npt.NDArray[np.bool_]

UNIT_PX = 24  # the distance between the eyes, in the person cut out

# 2d106det's points: the face's sides at the nose's height, the nose's wings, the brows' inner ends, the chin.
_SIDES, _WINGS, _BROWS, _CHIN = (13, 29), (77, 83), (50, 102), 0
_EYES_TO_MOUTH, _EYES_TO_CHIN, _EYES_TO_BROWS = 1.16, 1.95, 0.4  # of a mean face, where those points are missing

_UNIT_PX_MIN = 12.0
_TURNED_DEGREES = 45.0
_DARK_LEVEL, _FACE_DARK_LEVEL = 60, 25.0  # of the frame's brightest hundredth, and of the face on average
_CLIPPED_LEVEL, _CLIPPED_MAX = 250, 0.5
_CAST_MAX = 90.0  # chroma of the light: an uncorrected bulb has 55; far beyond there is nearly no blue left
_CHEST_MIN = 0.8  # square units of it within the picture

_SKIN_APART = 15.0  # a patch of the face further from the others is hair, a shadow or a frame of glasses
_HAIR_FROM_SKIN, _HAIR_SHARE_MIN = 12.0, 0.25
_HAIR_HUES, _HAIR_CHROMA = (10.0, 105.0), 14.0  # what is vividly of another hue is a hat, or hair dyed to look like one
_LIKE_SKIN, _LIKE_HAIR = 10.0, 12.0
_ALL_SKIN = 0.75
_BESIDE_HAIR_MIN = 0.35  # of the chest: where less is left, what looks like hair is mostly a shirt
_SHADE, _ONE_CLOTH = 25.0, 9.0  # in lightness, and in a*b*: folds of one cloth
_CLOTH_SHARE_MIN = 0.08
_PIXELS_MAX = 2000

ADVICE: dict[AppearanceRefusal, str] = {
    "too_dark": "It is too dark to tell colours. Please turn on the light.",
    "too_bright": "The light is too bright to tell colours. Please turn away from it.",
    "colour_cast": "The light is too coloured to tell colours. Please use white light.",
    "face_turned": "Please look straight into the mirror.",
    "come_closer": "Please come closer.",
    "no_shoulders": "Please step back until your shoulders are in the picture.",
}


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Cut out of a frame: `lab` (height, width, 3) in daylight, and where things are in it, (2,) in its pixels."""

    lab: Floats
    clipped: Mask
    eyes: Floats
    down: Floats  # a step of one pixel from the eyes to the mouth
    cheeks: Floats
    brows: Floats
    chin: Floats


def read_appearance(image: Image, face: FaceEvidence, *, light: Floats | None = None) -> Appearance | NoAppearance:
    """Skin, hair and clothes of this face's person, or why they can't be told.

    `light` is that of the frame where it is known, (3,) linear BGR of something white; without, it is guessed.
    """
    seen = guess_light(image) if light is None else light
    refusal = _refusal(image, face, seen)
    if refusal is not None:
        return NoAppearance(refusal, ADVICE[refusal])
    person = cut_out(image, face, as_far_as_trusted(seen) if light is None else light)
    chest = chest_of(person)
    skin = _skin(person)
    if skin is None:
        return NoAppearance("too_bright", ADVICE["too_bright"])
    if np.count_nonzero(chest) < _CHEST_MIN * UNIT_PX**2:
        return NoAppearance("no_shoulders", ADVICE["no_shoulders"])
    hair = _hair(person, skin)
    return Appearance(skin, hair, _clothes(person, chest, skin, hair), Illuminant(colour_of_light(seen)))


def _refusal(image: Image, face: FaceEvidence, light: Floats) -> AppearanceRefusal | None:
    quality = face.quality
    if unit_px(face) < _UNIT_PX_MIN:
        return "come_closer"
    if abs(quality.yaw_degrees) > _TURNED_DEGREES or abs(quality.pitch_degrees) > _TURNED_DEGREES:
        return "face_turned"
    # By the room, not by the face alone: dark skin isn't dark light.
    brightest = np.percentile(brightest_channel(np.ascontiguousarray(image[::8, ::8])), 99)
    if brightest < _DARK_LEVEL or (quality.brightness or 255.0) < _FACE_DARK_LEVEL:
        return "too_dark"
    return "colour_cast" if colour_of_light(light).chroma > _CAST_MAX else None


def unit_px(face: FaceEvidence) -> float:
    """The distance between the eyes as if the face were seen straight: turned aside, from eyes to mouth says more."""
    left, right, _, *mouth = face.landmarks
    height = float(np.linalg.norm((mouth[0] + mouth[1] - left - right) / 2))
    return max(float(np.linalg.norm(right - left)), height / _EYES_TO_MOUTH, 1e-6)


def cut_out(image: Image, face: FaceEvidence, light: Floats) -> Person:
    """Head and chest, upright as in the frame, scaled to `UNIT_PX`."""
    unit = unit_px(face)
    left, right, _, mouth_left, mouth_right = face.landmarks
    eyes = (left + right) / 2
    down = (mouth_left + mouth_right) / 2 - eyes
    down = down / max(float(np.linalg.norm(down)), 1e-6)
    if face.points is not None:
        cheeks = 0.45 * face.points[list(_SIDES)] + 0.55 * face.points[list(_WINGS)]
        brows, chin = face.points[list(_BROWS)].mean(axis=0), face.points[_CHIN]
    else:
        cheeks = 0.45 * np.stack([left, right]) + 0.55 * np.stack([mouth_left, mouth_right])
        brows, chin = eyes - _EYES_TO_BROWS * unit * down, eyes + _EYES_TO_CHIN * unit * down
    start = np.maximum(np.floor(eyes - unit * np.array([4, 3])), 0).astype(int)
    end = np.ceil([eyes[0] + 4 * unit, chin[1] + 4 * unit]).astype(int)
    scale = UNIT_PX / unit
    small = shrunk(image[start[1] : end[1], start[0] : end[0]], scale)
    places = [((point - start) * scale).astype(np.float32) for point in (eyes, cheeks, brows, chin)]
    return Person(
        lab=in_daylight(small, light),
        clipped=brightest_channel(small) >= _CLIPPED_LEVEL,
        eyes=places[0],
        down=down.astype(np.float32),
        cheeks=places[1],
        brows=places[2],
        chin=places[3],
    )


def patches_of(person: Person) -> list[Mask]:
    """Where skin is looked for: both cheeks and the forehead."""
    forehead = person.brows - 0.3 * UNIT_PX * person.down
    ends = [forehead + side * 0.3 * UNIT_PX * _across(person) for side in (-1, 1)]
    masks = [_painted(person, [cheek, cheek], thickness=int(0.4 * UNIT_PX)) for cheek in person.cheeks]
    return [*masks, _painted(person, ends, thickness=int(0.3 * UNIT_PX))]


def crown_of(person: Person) -> Mask:
    """Above the forehead and below the top of any skull: hair, skin or a hat, but never background."""
    corners = [(-0.8, -1.1), (0.8, -1.1), (0.6, -1.65), (-0.6, -1.65)]
    return _painted(person, [person.eyes + UNIT_PX * (x * _across(person) + y * person.down) for x, y in corners])


def chest_of(person: Person) -> Mask:
    """From below the chin to a chest's height, nowhere wider than anybody's shoulders."""
    corners = [(-0.9, 0.8), (0.9, 0.8), (2.2, 1.6), (2.2, 3.6), (-2.2, 3.6), (-2.2, 1.6)]
    middle = np.array([(person.eyes[0] + person.chin[0]) / 2, person.chin[1]])
    return _painted(person, [middle + UNIT_PX * np.array(corner) for corner in corners])


def _skin(person: Person) -> Lab | None:
    """The middle of what the cheeks and the forehead agree on, without highlights and shadows."""
    patches = patches_of(person)
    whole = np.logical_or.reduce(patches)
    if not whole.any() or person.clipped[whole].mean() > _CLIPPED_MAX:
        return None
    found = []
    for patch in patches:
        pixels = person.lab[patch & ~person.clipped]
        if len(pixels):
            dark, bright = np.percentile(pixels[:, 0], (25, 85))
            found.append(pixels[(pixels[:, 0] >= dark) & (pixels[:, 0] <= bright)])
    middles = np.array([np.median(pixels, axis=0) for pixels in found])
    apart = np.linalg.norm(middles - np.median(middles, axis=0), axis=1)
    agreeing = [pixels for pixels, distance in zip(found, apart, strict=True) if distance <= _SKIN_APART]
    return _lab(np.median(np.concatenate(agreeing or found), axis=0))


def _hair(person: Person, skin: Lab) -> Lab | None:
    found = _clusters(person.lab[crown_of(person)], 3)
    hairy = [swatch for swatch in found if swatch.lab.difference(skin) > _HAIR_FROM_SKIN]
    if sum(swatch.share for swatch in hairy) < _HAIR_SHARE_MIN:
        return None
    colour = max(hairy, key=lambda swatch: swatch.share).lab
    natural = _HAIR_HUES[0] <= colour.hue_degrees <= _HAIR_HUES[1] or colour.chroma <= _HAIR_CHROMA
    return colour if natural else None


def _clothes(person: Person, chest: Mask, skin: Lab, hair: Lab | None) -> tuple[Swatch, ...]:
    """What is left of the chest without a bare neck and long hair; nothing where nearly all of it looks like skin."""
    bare = chest & _is_like(person.lab, skin, _LIKE_SKIN, shade=_SHADE)
    if np.count_nonzero(bare) > _ALL_SKIN * np.count_nonzero(chest):
        return ()
    covered = chest & ~bare
    if hair is not None:
        beside_hair = covered & ~_hanging_hair(person, hair)
        if np.count_nonzero(beside_hair) > _BESIDE_HAIR_MIN * np.count_nonzero(covered):
            covered = beside_hair
    merged: list[Swatch] = []
    for swatch in _clusters(person.lab[covered], 5):
        same = next((other for other in merged if _is_one_cloth(swatch.lab, other.lab)), None)
        if same is None:
            merged.append(swatch)
        else:
            merged[merged.index(same)] = _together(same, swatch)
    kept = [swatch for swatch in merged if swatch.share >= _CLOTH_SHARE_MIN]
    whole = sum(swatch.share for swatch in kept)
    return tuple(Swatch(swatch.lab, swatch.share / whole) for swatch in sorted(kept, key=lambda kept: -kept.share))


def _hanging_hair(person: Person, hair: Lab) -> Mask:
    """What looks like hair and hangs together with what does beside the face, so that a black shirt isn't hair."""
    alike = _is_like(person.lab, hair, _LIKE_HAIR, shade=_SHADE).astype(np.uint8)
    _, labels = cv2.connectedComponents(alike, connectivity=4)
    beside = np.zeros(alike.shape, dtype=np.bool_)
    for side in (-1, 1):
        low, high = sorted((person.eyes[0] + side * 1.1 * UNIT_PX, person.eyes[0] + side * 1.6 * UNIT_PX))
        beside[_range(person.eyes[1], person.chin[1]), _range(low, high)] = True
    hanging = np.unique(labels[beside & (alike > 0)])
    return np.isin(labels, hanging[hanging > 0])


def _clusters(pixels: Floats, count: int) -> list[Swatch]:
    """By k-means in CIELAB, the largest first; the same pixels make the same clusters."""
    pixels = np.ascontiguousarray(pixels[:: 1 + len(pixels) // _PIXELS_MAX])
    if len(pixels) < 10 * count:
        return []
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    untold = np.zeros((len(pixels), 1), np.int32)
    _, labels, centres = cv2.kmeans(pixels, count, untold, stop, 1, cv2.KMEANS_PP_CENTERS)
    shares = np.bincount(np.ravel(labels).astype(np.int64), minlength=count) / len(pixels)
    found = [Swatch(_lab(centre), float(share)) for centre, share in zip(centres, shares, strict=True)]
    return sorted(found, key=lambda swatch: -swatch.share)


def _is_like(lab: Floats, colour: Lab, distance: float, *, shade: float) -> Mask:
    """Of about its hue and chroma, and not much lighter or darker."""
    away = np.hypot(lab[..., 1] - colour.a, lab[..., 2] - colour.b)
    return cast(Mask, (away < distance) & (np.abs(lab[..., 0] - colour.lightness) < shade))


def _is_one_cloth(one: Lab, two: Lab) -> bool:
    return np.hypot(one.a - two.a, one.b - two.b) < _ONE_CLOTH and abs(one.lightness - two.lightness) < _SHADE


def _together(one: Swatch, two: Swatch) -> Swatch:
    share = one.share + two.share
    mean = ((one.share * a + two.share * b) / share for a, b in zip(_parts(one.lab), _parts(two.lab), strict=True))
    return Swatch(Lab(*mean), share)


def _parts(colour: Lab) -> tuple[float, float, float]:
    return colour.lightness, colour.a, colour.b


def _lab(values: Floats) -> Lab:
    return Lab(*(float(value) for value in values))


def _across(person: Person) -> Floats:
    return np.array([person.down[1], -person.down[0]], dtype=np.float32)


def _range(low: float, high: float) -> slice:
    return slice(max(0, round(float(low))), max(0, round(float(high))))


def _painted(person: Person, points: Sequence[Floats], *, thickness: int = 0) -> Mask:
    """A polygon, or with `thickness` a line or a dot."""
    mask = np.zeros(person.lab.shape[:2], np.uint8)
    corners = np.round(np.array(points)).astype(np.int32)
    if thickness:
        cv2.polylines(mask, [corners], False, 1, thickness)
    else:
        cv2.fillPoly(mask, [corners], 1)
    return mask.astype(np.bool_)
