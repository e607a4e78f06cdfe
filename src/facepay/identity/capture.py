"""What a device sends to be decided on, parsed in one place.

A raw image is one frame and the fastest way (handled 1.4 times as fast as multipart). A multipart form holds what an
image can't: a burst, a depth map, the challenge that the frames answer, the digits that the person typed first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field, StringConstraints
from starlette.datastructures import FormData

from facepay.kernel.errors import Problem
from facepay.kernel.uploads import (
    IMAGE_TYPES,
    BodyTooLarge,
    FrameMissing,
    UnsupportedMediaType,
    is_image,
    open_form,
    read_fields,
    read_files,
    read_raw,
)
from facepay.templates.milvus import GalleryUnavailable
from facepay.vision.away import EngineMismatch, EngineUnavailable
from facepay.vision.depth_maps import DepthMismatch, DepthUnreadable
from facepay.vision.frames import CorruptImage, EmptyFrame, FrameTooLarge, UnsupportedImageType

FRAMES_MAX = 10
BYTES_MAX = 32 * 1024 * 1024
SIGNED_FACE_MAX = 32 * 1024  # 512 dimensions take 4 kB
FILES_MAX = FRAMES_MAX + 2  # a depth map, and one frame too many, which gets a problem that says so

IMAGE = {"type": "string", "format": "binary"}
PhoneSuffix = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]


class TooManyFrames(Problem):
    """A burst has at most 10 frames, and a capture one depth map."""

    status = 422
    code = "too_many_frames"
    title = "Too many frames"


# What can be wrong with frames, and with all parts of a capture, here, when they are decoded, or with who sees them.
UNREADABLE_FRAMES: tuple[type[Problem], ...] = (
    FrameMissing,
    EmptyFrame,
    FrameTooLarge,
    BodyTooLarge,
    TooManyFrames,
    UnsupportedImageType,
    UnsupportedMediaType,
    CorruptImage,
    EngineUnavailable,
    GalleryUnavailable,
    EngineMismatch,
)
UNREADABLE = (*UNREADABLE_FRAMES, DepthUnreadable, DepthMismatch)


@dataclass(frozen=True, slots=True, repr=False)
class Capture:
    """1 to 10 frames of one moment, and what belongs to them."""

    frames: tuple[bytes, ...]
    depth: bytes | None = None
    challenge_id: UUID | None = None
    phone_suffix: str | None = None
    signed_face: str | None = None  # takes the place of the frames

    def parts(self) -> tuple[bytes, ...]:
        """Everything in it, in an order that no other capture shares: for a fingerprint."""
        texts = (str(self.challenge_id or ""), self.phone_suffix or "", self.signed_face or "")
        rest = (self.depth or b"", *(text.encode() for text in texts))
        return (str(len(self.frames)).encode(), *self.frames, *rest)


class CaptureFields(BaseModel):
    """A capture's parts that are text."""

    challenge_id: Annotated[UUID | None, Field(description="The challenge that the frames answer.")] = None
    phone_last_four: Annotated[
        PhoneSuffix | None,
        Field(description="The last four digits of the person's phone: only members with these are searched."),
    ] = None
    signed_face: Annotated[
        str | None,
        StringConstraints(max_length=SIGNED_FACE_MAX),
        Field(description="Instead of frames, what a device with an engine of its own saw: a JWS in compact form."),
    ] = None


async def read_capture(request: Request) -> Capture:
    """A raw image or a form. Raises FrameMissing, TooManyFrames, BodyTooLarge, UnsupportedMediaType, invalid fields.

    What the bytes of a frame really are is decided when they are decoded.
    """
    if is_image(request):
        return Capture((await read_raw(request),))
    async with open_form(request, files_max=FILES_MAX) as form:
        return await read_capture_form(form)


async def read_frame(request: Request) -> bytes:
    """For a request that takes one frame and nothing else: the body. Raises UnsupportedMediaType."""
    if not is_image(request):
        raise UnsupportedMediaType(f"Send {', '.join(IMAGE_TYPES)}.")
    return await read_raw(request)


async def read_capture_form(form: FormData) -> Capture:
    """A form's parts `frame` (1 to 10) or `signed_face`, `depth` and more. Raises as `read_capture`."""
    fields = read_fields(form, CaptureFields)
    frames = await read_files(form, "frame", least=0 if fields.signed_face else 1)
    depths = await read_files(form, "depth", least=0)
    if len(frames) > FRAMES_MAX or len(depths) > 1:
        raise TooManyFrames(
            f"Send at most {FRAMES_MAX} frames and one depth map.", frames=len(frames), frames_max=FRAMES_MAX
        )
    if sum(map(len, [*frames, *depths])) > BYTES_MAX:
        raise BodyTooLarge(f"A capture has at most {BYTES_MAX:,} bytes in all.", bytes_max=BYTES_MAX)
    depth = depths[0] if depths else None
    return Capture(tuple(frames), depth, fields.challenge_id, fields.phone_last_four, fields.signed_face)


async def read_burst_form(form: FormData, *, frames_min: int) -> tuple[bytes, ...]:
    """A form's parts `frame`, up to 10 of them. Raises FrameMissing, TooManyFrames and BodyTooLarge."""
    frames = await read_files(form, "frame", least=frames_min)
    if len(frames) > FRAMES_MAX:
        raise TooManyFrames(f"Send at most {FRAMES_MAX} frames.", frames=len(frames), frames_max=FRAMES_MAX)
    if sum(map(len, frames)) > BYTES_MAX:
        raise BodyTooLarge(f"A burst has at most {BYTES_MAX:,} bytes in all.", bytes_max=BYTES_MAX)
    return tuple(frames)


def frame_body() -> dict[str, Any]:
    """The `openapi_extra` of a route that reads one frame."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": IMAGE} for kind in IMAGE_TYPES}}}


def burst_body(fields: type[BaseModel], *, frames_min: int, description: str) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads a burst, beside fields that are text."""
    frame = {
        "type": "array",
        "minItems": frames_min,
        "maxItems": FRAMES_MAX,
        "items": IMAGE,
        "description": description,
    }
    named = fields.model_json_schema()["properties"]
    form = {"schema": {"type": "object", "required": ["frame", *named], "properties": {"frame": frame, **named}}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": form}}}


def capture_body(*, raw: bool = True, **more: dict[str, Any]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads a capture (and the required fields `more`)."""
    fields = CaptureFields.model_json_schema()["properties"]
    properties = {
        "frame": {
            "type": "array",
            "minItems": 1,
            "maxItems": FRAMES_MAX,
            "items": IMAGE,
            "description": "One frame, or a burst of 2 to 10 of the same person within a second or two.",
        },
        "depth": IMAGE | {"description": "A 16-bit PNG, aligned with the first frame, in mm or `depth_unit_mm`."},
        **{name: {key: value for key, value in each.items() if key != "default"} for name, each in fields.items()},
        **more,
    }
    form = {"schema": {"type": "object", "required": list(more), "properties": properties}}
    images = {kind: {"schema": IMAGE} for kind in IMAGE_TYPES} if raw else {}
    return {"requestBody": {"required": True, "content": {**images, "multipart/form-data": form}}}
