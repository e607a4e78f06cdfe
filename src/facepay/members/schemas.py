"""Members as the API shows them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from pydantic_extra_types.phone_numbers import PhoneNumberValidator

from facepay.kernel.jurisdictions import Jurisdiction
from facepay.kernel.schemas import Answer, Change, Code, Line, Request, unsent
from facepay.members.consents import Consent
from facepay.members.members import Member

Phone = Annotated[
    str,
    Field(max_length=32, description="With its country code; kept as E.164.", examples=["+8613800138000"]),
    PhoneNumberValidator(number_format="E164"),
]
JurisdictionChoice = Annotated[
    Jurisdiction | None,
    Field(description="Whose law holds, where it isn't that of `FACEPAY_JURISDICTION`.", examples=["US-IL"]),
]
HomeRegion = Annotated[
    Code, Field(description="A store's `region`: in its stores they are recognised among few.", examples=["HZ"])
]
BornOn = Annotated[
    date, Field(ge=date(1900, 1, 1), le=date(2199, 12, 31), description="Their birthday.", examples=["1990-04-12"])
]
KeepsPhoto = Annotated[
    bool,
    Field(
        strict=True,
        description="Whether enrolment photos may be kept, sealed, so that another model needs no new ones. They are"
        " only where `FACEPAY_KEEP_ENROLMENT_PHOTOS` is set too.",
    ),
]
PolicyVersion = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$"), Field(examples=["2026-01"])]


class ConsentChoice(Request):
    """What the member answered to the policy on face recognition."""

    policy_version: PolicyVersion
    accepted: Annotated[bool, Field(strict=True, description="With `false` no consent is recorded.", examples=[True])]
    jurisdiction: JurisdictionChoice = None
    keeps_photo: KeepsPhoto = False


class NewMember(Request):
    display_name: Annotated[Line, Field(examples=["Lin Yue"])]
    phone: Phone | None = None
    home_region: HomeRegion | None = None
    born_on: BornOn | None = None
    consent: Annotated[ConsentChoice | None, Field(description="May come later; no face is enrolled before.")] = None


class MemberChange(Change):
    display_name: Line = Field(default_factory=unsent, examples=["Lin Yue"])
    phone: Phone | None = Field(default_factory=unsent)
    home_region: HomeRegion | None = Field(default_factory=unsent)
    born_on: BornOn | None = Field(default_factory=unsent, description="Another one has to be checked anew.")
    status: Literal["active", "blocked"] = Field(
        default_factory=unsent, description="A blocked member may leave, but neither come in nor pay."
    )


class NewConsent(Request):
    """Consent is withdrawn at `DELETE /v1/members/{member_id}/face`, which removes the face with it."""

    policy_version: PolicyVersion
    accepted: Literal[True]
    jurisdiction: JurisdictionChoice = None
    keeps_photo: KeepsPhoto = False


class AgeCheck(Request):
    born_on: BornOn


class NewPin(Request):
    pin: Annotated[str, Field(pattern=r"^[0-9]{4,12}$", examples=["739150"])]


class ConsentAnswer(Answer):
    id: UUID
    policy_version: str
    jurisdiction: str | None
    keeps_photo: KeepsPhoto
    accepted_at: datetime
    expires_at: Annotated[datetime | None, Field(description="When it runs out, and the face is erased.")]
    withdrawn_at: datetime | None


class EndingConsent(ConsentAnswer):
    """A consent that runs out, and whose."""

    member_id: UUID


class MemberAnswer(Answer):
    id: UUID
    display_name: str
    phone: str | None
    home_region: str | None
    born_on: date | None
    age_checked_at: Annotated[datetime | None, Field(description="When staff saw it on a document.")]
    status: Literal["active", "blocked"]
    consent: Annotated[ConsentAnswer | None, Field(description="The consent in force, if there is one.")]
    has_pin: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, member: Member, consent: Consent | None) -> MemberAnswer:
        return cls(
            id=member.id,
            display_name=member.display_name,
            phone=member.phone,
            home_region=member.home_region,
            born_on=member.born_on,
            age_checked_at=member.age_checked_at,
            status=member.status,
            consent=ConsentAnswer.model_validate(consent) if consent else None,
            has_pin=member.pin_hash is not None,
            created_at=member.created_at,
            updated_at=member.updated_at,
        )
