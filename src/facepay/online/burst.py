"""The frames that a payer's browser sends: some seconds of one face, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field

from facepay.identity.capture import BYTES_MAX, FRAMES_MAX, IMAGE, TooManyFrames
from facepay.kernel.errors import Problem
from facepay.kernel.uploads import BodyTooLarge, FrameMissing, UnsupportedMediaType, open_form, read_fields, read_files
from facepay.vision.frames import CorruptImage, EmptyFrame, FrameTooLarge, UnsupportedImageType

FRAMES_MIN = 3  # at rest, and one for each of two steps
UNREADABLE: tuple[type[Problem], ...] = (
    FrameMissing,
    EmptyFrame,
    FrameTooLarge,
    BodyTooLarge,
    TooManyFrames,
    UnsupportedImageType,
    UnsupportedMediaType,
    CorruptImage,
)


@dataclass(frozen=True, slots=True, repr=False)
class Burst:
    """3 to 10 frames, and the challenge that they answer."""

    frames: tuple[bytes, ...]
    challenge_id: UUID


class BurstFields(BaseModel):
    challenge_id: Annotated[UUID, Field(description="The challenge that the frames answer.")]


async def read_burst(request: Request) -> Burst:
    """Raises FrameMissing, TooManyFrames, BodyTooLarge, UnsupportedMediaType, and for invalid fields."""
    async with open_form(request, files_max=FRAMES_MAX + 1) as form:
        fields = read_fields(form, BurstFields)
        frames = await read_files(form, "frame", least=FRAMES_MIN)
    if len(frames) > FRAMES_MAX:
        raise TooManyFrames(f"Send at most {FRAMES_MAX} frames.", frames=len(frames), frames_max=FRAMES_MAX)
    if sum(map(len, frames)) > BYTES_MAX:
        raise BodyTooLarge(f"A burst has at most {BYTES_MAX:,} bytes in all.", bytes_max=BYTES_MAX)
    return Burst(tuple(frames), fields.challenge_id)


def burst_body() -> dict[str, Any]:
    """The `openapi_extra` of a route that reads one."""
    frame = {
        "type": "array",
        "minItems": FRAMES_MIN,
        "maxItems": FRAMES_MAX,
        "items": IMAGE,
        "description": "In order and not mirrored: the first at rest, then at least one for each step.",
    }
    properties = {"frame": frame, "challenge_id": {"type": "string", "format": "uuid"}}
    form = {"schema": {"type": "object", "required": list(properties), "properties": properties}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": form}}}
