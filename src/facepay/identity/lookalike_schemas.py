"""What the API shows of members who look alike, and takes to mark them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from facepay.identity.lookalikes import Lookalike
from facepay.identity.schemas import Cosine
from facepay.kernel.schemas import Answer, Line, Request


class NewLookalike(Request):
    member_ids: Annotated[tuple[UUID, UUID], Field(description="Two different members.")]
    note: Annotated[Line, Field(examples=["Twins; both came in with their ID cards"])]


class LookalikeRemoval(Request):
    reason: Annotated[Line, Field(examples=["Marked by mistake"])]


class LookalikeAnswer(Answer):
    """`similarity` is the cosine at which a measured pair was found."""

    id: UUID
    member_ids: tuple[UUID, UUID]
    reason: Literal["measured", "reviewed"]
    similarity: Cosine | None
    note: str | None
    marked_at: datetime
    marked_by: UUID | None
    removed_at: datetime | None
    removed_by: UUID | None
    removal: str | None

    @classmethod
    def of(cls, pair: Lookalike) -> LookalikeAnswer:
        shown = {name: getattr(pair, name) for name in cls.model_fields if name != "member_ids"}
        return cls(member_ids=(pair.member_a, pair.member_b), **shown)
