"""Files in requests: a frame as the raw body (fastest) or as a multipart part."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from facepay.kernel.errors import Problem

FILES_MAX = 5
FIELDS_MAX = 5
FIELD_BYTES_MAX = 256 * 1024
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")


class FrameMissing(Problem):
    """The request carries no frame."""

    code = "frame_missing"
    title = "Frame missing"


class BodyTooLarge(Problem):
    """The body is larger than one of its kind may be."""

    status = 413
    code = "body_too_large"
    title = "Body too large"


class UnsupportedMediaType(Problem):
    """The Content-Type is neither an image's nor multipart/form-data."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


def expect_upload(request: Request) -> None:
    """Let this request's body be as large as its kind may be. Until a route asks, no caller sends more than JSON may
    have: FastAPI reads a body before it asks who sends it.
    """
    request.state.expects_upload = True


async def read_frame(request: Request) -> bytes:
    """The frame of a request. What the bytes really are is decided when they are decoded.

    Raises FrameMissing and UnsupportedMediaType.
    """
    if _media_type(request).startswith("image/"):
        expect_upload(request)
        return await request.body()
    async with open_form(request) as form:
        return (await read_files(form, "frame"))[0]


def open_form(request: Request) -> Any:
    """The request's multipart form, as an async context. Raises UnsupportedMediaType."""
    if _media_type(request) != "multipart/form-data":
        raise UnsupportedMediaType(
            f"Send {', '.join(IMAGE_TYPES)} or multipart/form-data.", content_type=_media_type(request)[:100]
        )
    expect_upload(request)
    return request.form(max_files=FILES_MAX, max_fields=FIELDS_MAX, max_part_size=FIELD_BYTES_MAX)


async def read_files(form: FormData, field: str) -> list[bytes]:
    """Every file of one field, at least one. Raises FrameMissing."""
    files = [part for part in form.getlist(field) if isinstance(part, UploadFile)]
    if not files:
        raise FrameMissing(f"The form has no file in `{field}`.", field=field)
    return [await file.read() for file in files]


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def frame_body(*, multipart: dict[str, Any] | None = None, raw: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads a frame (and more multipart fields, where given)."""
    properties = {"frame": {"type": "string", "format": "binary"}, **(multipart or {})}
    form = {"schema": {"type": "object", "required": list(properties), "properties": properties}}
    images = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in IMAGE_TYPES} if raw else {}
    return {"requestBody": {"required": True, "content": {**images, "multipart/form-data": form}}}
