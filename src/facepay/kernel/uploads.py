"""Files in requests: one as the raw body (fastest), or several as parts of a multipart form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from facepay.kernel.errors import Problem

FILES_MAX = 5
FIELDS_MAX = 5
FIELD_BYTES_MAX = 256 * 1024
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
Model = TypeVar("Model", bound=BaseModel)


class FrameMissing(Problem):
    """The request carries no frame."""

    code = "frame_missing"
    title = "Frame missing"


class BodyTooLarge(Problem):
    """The body is larger than one of its kind may be."""

    status = 413
    code = "body_too_large"
    title = "Body too large"


class BodyTooSlow(Problem):
    """The body didn't come within 20 seconds, and one more for every 16 KiB of it."""

    status = 408
    code = "body_too_slow"
    title = "Body too slow"


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


def is_image(request: Request) -> bool:
    """Whether the body says that it is one image, raw."""
    return _media_type(request).startswith("image/")


def declared_bytes(request: Request) -> int:
    """How long the body says that it is; 0 where it doesn't say."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdigit() else 0


async def read_raw(request: Request) -> bytes:
    """A body that is one file."""
    expect_upload(request)
    return await request.body()


def open_form(request: Request, *, files_max: int = FILES_MAX) -> Any:
    """The request's multipart form, as an async context. Raises UnsupportedMediaType."""
    if _media_type(request) != "multipart/form-data":
        raise UnsupportedMediaType(
            f"Send {', '.join(IMAGE_TYPES)} or multipart/form-data.", content_type=_media_type(request)[:100]
        )
    expect_upload(request)
    return request.form(max_files=files_max, max_fields=FIELDS_MAX, max_part_size=FIELD_BYTES_MAX)


async def read_files(form: FormData, field: str, *, least: int = 1) -> list[bytes]:
    """Every file of one field. Raises FrameMissing where there are fewer than `least`."""
    files = [part for part in form.getlist(field) if isinstance(part, UploadFile)]
    if len(files) < least:
        raise FrameMissing(f"The form has {len(files)} files in `{field}`, and needs {least}.", field=field)
    return [await file.read() for file in files]


def read_fields(form: FormData, model: type[Model]) -> Model:
    """The form's text parts that the model names. Raises RequestValidationError, so that they read like any body."""
    sent = {name: str(form[name]) for name in model.model_fields if name in form}
    with _located("body"):
        return model.model_validate(sent)


def read_json_field(form: FormData, field: str, model: type[Model]) -> Model:
    """A part that holds JSON. Raises as `read_fields` does."""
    with _located("body", field):
        return model.model_validate_json(str(form.get(field, "")))


@contextmanager
def _located(*where: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise RequestValidationError(
            [{**each, "loc": (*where, *each["loc"])} for each in error.errors(include_input=False)]
        ) from error


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()
