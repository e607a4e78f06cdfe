"""What the API shows of an enrolled face: how good the photos were, never the face."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from facepay.kernel.schemas import Answer
from facepay.templates.templates import Template


class PhotoQuality(Answer):
    """One enrolled photo, as measured: pixels, degrees, grey levels from 0 to 255, and ratios.

    What a photo enrolled earlier, or a model pack without the 106 points, didn't measure is null.
    """

    eye_distance_px: float
    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float
    detection_score: float
    sharpness: float
    brightness: float
    contrast: float
    light_uniformity: float | None = None
    under_exposed: float | None = None
    over_exposed: float | None = None
    mouth_colour_shift: float | None = None
    mouth_detail: float | None = None
    mouth_points_shift: float | None = None
    eyes_light: float | None = None
    eyes_open: float | None = None
    mouth_open: float | None = None
    smile: float | None = None
    embedding_norm: float


class EnrolledFace(Answer):
    """A member's face as it is enrolled: one template for each photo, and those learned from matches since."""

    member_id: UUID
    pack: str
    templates: int
    learned: int
    enrolled_at: datetime
    photos: list[PhotoQuality]

    @classmethod
    def of(cls, templates: Sequence[Template]) -> Self:
        # After a change of the model pack those of both may be there: the last made are the new ones.
        of_pack = [template for template in templates if template.pack == templates[-1].pack]
        enrolled = [template for template in of_pack if template.origin == "enrolled"]
        first = enrolled[0]
        return cls(
            member_id=first.member_id,
            pack=first.pack,
            templates=len(enrolled),
            learned=len(of_pack) - len(enrolled),
            enrolled_at=first.created_at,
            photos=[
                PhotoQuality(**{measure: value and round(value, 3) for measure, value in template.quality.items()})
                for template in enrolled
            ],
        )
