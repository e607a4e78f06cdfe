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
    eyes_open: float | None = None
    mouth_open: float | None = None
    smile: float | None = None
    embedding_norm: float


class EnrolledFace(Answer):
    """A member's face as it is enrolled: one template for each photo."""

    member_id: UUID
    pack: str
    templates: int
    enrolled_at: datetime
    photos: list[PhotoQuality]

    @classmethod
    def of(cls, templates: Sequence[Template]) -> Self:
        first = templates[0]
        return cls(
            member_id=first.member_id,
            pack=first.pack,
            templates=len(templates),
            enrolled_at=first.created_at,
            photos=[
                PhotoQuality(**{measure: value and round(value, 3) for measure, value in template.quality.items()})
                for template in templates
            ],
        )
