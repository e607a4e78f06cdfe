"""A member's licence and standing as the API shows them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from facepay.kernel.schemas import Answer, Line, Request
from facepay.test_drives.licences import Licence
from facepay.test_drives.setup_schemas import LicenceClass

LicenceNumber = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9 -]{6,32}$"), Field(description="Of it stay a hash and four digits.")
]


class NewLicence(Request):
    number: LicenceNumber
    classes: Annotated[list[LicenceClass], Field(min_length=1, max_length=20)]
    expires_on: date


class LicenceCheck(Request):
    """What staff found who saw the document beside its holder."""

    accepted: Annotated[bool, Field(strict=True)]
    reason: Annotated[Line | None, Field(description="Why not.")] = None
    submitted_at: Annotated[
        AwareDatetime | None,
        Field(description="As it was shown to them: one that the member has replaced since isn't checked by this."),
    ] = None

    @model_validator(mode="after")
    def _refusals_have_reasons(self) -> Self:
        if self.accepted == (self.reason is not None):
            raise ValueError("a refusal, and nothing else, has a reason")
        return self


class LicenceAnswer(Answer):
    """`status` is as of today; a drive that lasts longer than the document is refused by itself."""

    member_id: UUID
    status: str
    number_last_four: str
    classes: list[str]
    expires_on: date
    submitted_at: datetime
    checked_by: str | None
    checked_at: datetime | None
    refused_why: str | None

    @classmethod
    def at(cls, licence: Licence, today: date) -> Self:
        ended = licence.status == "checked" and licence.expires_on < today
        shown = {name: getattr(licence, name) for name in cls.model_fields}
        return cls.model_validate(shown | {"status": "expired" if ended else licence.status})


class NewScore(Request):
    score: Annotated[int, Field(ge=0, le=10_000, strict=True)]
    provider: Annotated[Line, Field(examples=["Sesame Credit"])]
    as_of: Annotated[date, Field(description="The day that the provider said so.")]


class ScoreAnswer(Answer):
    member_id: UUID
    score: int
    provider: str
    as_of: date
    set_by: str
    set_at: datetime
