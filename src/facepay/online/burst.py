"""The frames that a payer's browser sends: some seconds of one face, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field

from facepay.identity.capture import FRAMES_MAX, burst_body, read_burst_form
from facepay.kernel.uploads import open_form, read_fields

FRAMES_MIN = 3  # at rest, and one for each of two steps


@dataclass(frozen=True, slots=True, repr=False)
class Burst:
    """3 to 10 frames, and the challenge that they answer."""

    frames: tuple[bytes, ...]
    challenge_id: UUID


class BurstFields(BaseModel):
    challenge_id: Annotated[UUID, Field(description="The challenge that the frames answer.")]


async def read_burst(request: Request) -> Burst:
    """Raises UnsupportedMediaType, the problems of `read_burst_form`, and for invalid fields."""
    async with open_form(request, files_max=FRAMES_MAX + 1) as form:
        fields = read_fields(form, BurstFields)
        return Burst(await read_burst_form(form, frames_min=FRAMES_MIN), fields.challenge_id)


def payer_body() -> dict[str, Any]:
    """The `openapi_extra` of a route that reads one."""
    description = "In order and not mirrored: the first at rest, then at least one for each step."
    return burst_body(BurstFields, frames_min=FRAMES_MIN, description=description)
