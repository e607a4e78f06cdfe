"""A request as a value: written down once, for clients that wait and clients that don't, and for sending it again.

What opens a gate or moves money carries its Idempotency-Key from the moment it is made: the same call sent twice is
done once, however often the answer was lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import uuid4

from pydantic import BaseModel, TypeAdapter

T = TypeVar("T")
Files = tuple[tuple[str, tuple[str | None, bytes, str | None]], ...]


class Page(BaseModel, Generic[T]):
    """Some of a list; `next_cursor` is where the next page starts."""

    items: list[T]
    next_cursor: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """`route` names its ids in braces, `answer` is what comes back. Frames and tokens stay out of its repr."""

    method: str
    route: str
    answer: type[T]
    ids: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    form: Mapping[str, Any] = field(default_factory=dict, repr=False)
    files: Files = field(default=(), repr=False)
    key: str | None = None
    repeatable: bool = False

    @property
    def may_be_repeated(self) -> bool:
        """Whether it is harmless to send it again when nobody knows if it arrived."""
        return self.repeatable or self.key is not None or self.method in {"GET", "PUT", "DELETE"}

    @property
    def request(self) -> dict[str, Any]:
        """As httpx takes it."""
        sent: dict[str, Any] = {"method": self.method, "url": self.route.format_map(self.ids)}
        if self.query:
            sent["params"] = self.query
        if self.json is not None:
            sent["json"] = self.json
        if self.files:
            sent |= {"files": list(self.files), "data": self.form}
        elif self.form:
            sent["data"] = self.form
        if self.key is not None:
            sent["headers"] = {"Idempotency-Key": self.key}
        return sent

    def read(self, content: bytes) -> T:
        """The answer in its type. Raises pydantic.ValidationError."""
        return TypeAdapter(self.answer).validate_json(content or b"null")


def new_key() -> str:
    return uuid4().hex


def given(**fields: Any) -> dict[str, Any]:
    """Those that aren't None, as JSON has them."""
    return {
        name.rstrip("_"): TypeAdapter(type(value)).dump_python(value, mode="json")
        for name, value in fields.items()
        if value is not None
    }


def frames_as(name: str, frames: tuple[bytes, ...]) -> Files:
    """JPEG, PNG or WebP, told apart by how they begin."""
    return tuple((name, (f"{number}", frame, _media_type(frame))) for number, frame in enumerate(frames))


def _media_type(frame: bytes) -> str:
    if frame.startswith(b"\x89PNG"):
        return "image/png"
    return "image/webp" if frame[8:12] == b"WEBP" else "image/jpeg"
