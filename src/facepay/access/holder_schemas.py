"""Holders, credentials and visitors as the API shows them. No PIN, no hash and no token is ever shown again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from facepay.access.credentials import CredentialKind
from facepay.access.holders import HolderKind, Validity
from facepay.kernel.schemas import Answer, Change, Code, DeviceClock, Line, Request, printable, unsent
from facepay.members.schemas import NewConsent

DoorPin = Annotated[str, StringConstraints(pattern=r"^[0-9]{4,8}$"), Field(examples=["271828"])]
Host = Annotated[UUID | None, Field(description="The employee whom they come to see: a visitor needs one.")]
Start = Annotated[DeviceClock | None, Field(description="By default from now on.")]
End = Annotated[DeviceClock | None, Field(description="Excluded. Contractors and visitors need one.")]
FaceEnds = Annotated[
    bool,
    Field(
        description="Whether a contractor's or visitor's consent to face recognition ends with `valid_until`. False for"
        " somebody who is a customer besides."
    ),
]
MoreTime = Annotated[bool, Field(description="Whether doors stay open longer for them.")]
FacilityCode = Annotated[int, Field(ge=0, lt=2**31, strict=True, description="The site's, on every card of it.")]
CardNumber = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
CardFormatName = Annotated[
    Code, Field(description="`wiegand26` (H10301), `wiegand37` (H10304), or a name of your own for up to 64 bits.")
]
ReaderUser = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    AfterValidator(printable),
    Field(description="Whom the readers know the finger as, the same at each of them.", examples=["1017"]),
]
InvitationToken = Annotated[str, StringConstraints(pattern=r"^[A-Z2-7]{52}$")]


class NewHolder(Request):
    member_id: UUID
    kind: HolderKind
    company: Line | None = None
    valid_from: Start = None
    valid_until: End = None
    may_escort: bool = False
    escort_required: bool = False
    anti_passback_exempt: bool = False
    needs_more_time: MoreTime = False
    face_ends: FaceEnds = True
    host_id: Host = None


class HolderChange(Change):
    company: Line | None = None
    valid_from: DeviceClock = Field(default_factory=unsent)
    valid_until: End = None
    may_escort: bool = Field(default_factory=unsent)
    escort_required: bool = Field(default_factory=unsent)
    anti_passback_exempt: bool = Field(default_factory=unsent)
    needs_more_time: MoreTime = Field(default_factory=unsent)
    face_ends: FaceEnds = Field(default_factory=unsent)
    host_id: Host = None


class GivenProfile(Answer):
    profile_id: UUID
    valid_from: datetime | None
    valid_until: datetime | None


class HolderAnswer(Answer):
    id: UUID
    member_id: UUID
    name: str
    store_id: UUID
    kind: HolderKind
    company: str | None
    valid_from: datetime
    valid_until: datetime | None
    blocked_at: datetime | None
    blocked_by: str | None
    blocked_why: str | None
    may_escort: bool
    escort_required: bool
    anti_passback_exempt: bool
    needs_more_time: bool
    face_ends: bool
    host_id: UUID | None
    profiles: list[GivenProfile]
    created_at: datetime


class Why(Request):
    why: Annotated[Line, Field(examples=["Lost on the way home"])]


class ValidTime(Request):
    """From when (included) until when (excluded); without, for as long as the holder."""

    valid_from: DeviceClock | None = None
    valid_until: DeviceClock | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> ValidTime:
        if self.valid_from is not None and self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("valid_until has to be later than valid_from")
        return self

    @property
    def validity(self) -> Validity:
        return Validity(self.valid_from, self.valid_until)


class NewBadge(ValidTime):
    card_format: CardFormatName = "wiegand26"
    facility_code: FacilityCode
    number: CardNumber


class NewFingerprint(ValidTime):
    reader_user: ReaderUser


class NewDoorPin(Request):
    """Neither is the PIN of the member's wallet. The duress PIN opens as well, and calls for help in silence."""

    pin: DoorPin
    duress_pin: DoorPin | None = None


class CredentialAnswer(Answer):
    """Numbers and references, of which a copy could be made, are null without `access:write`."""

    id: UUID
    holder_id: UUID
    kind: CredentialKind
    card_format: str | None
    facility_code: int | None
    number: int | None
    reader_user: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    suspended_at: datetime | None
    suspended_by: str | None
    suspended_why: str | None
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_why: str | None
    locked_until: datetime | None
    created_at: datetime


class WhereTheyAre(Request):
    zone_id: Annotated[UUID | None, Field(description="Null: outside.")]
    why: Annotated[Line, Field(examples=["Left by the loading bay"])]


class PresenceAnswer(Answer):
    """As the door they passed last says, or staff since."""

    zone_id: UUID | None
    since: Annotated[datetime | None, Field(description="Null where no door has seen them yet.")]
    event_id: Annotated[UUID | None, Field(description="The line of the access log that says so.")]


class NewInvitation(Request):
    host_id: Annotated[UUID, Field(description="The employee who invites.")]
    profile_id: Annotated[UUID, Field(description="Where the visitor may go.")]
    visitor_name: Line
    company: Line | None = None
    escort_required: bool = True
    valid_from: DeviceClock
    valid_until: DeviceClock


class InvitationAnswer(Answer):
    id: UUID
    store_id: UUID
    host_id: UUID | None
    profile_id: UUID
    visitor_name: str
    company: str | None
    escort_required: bool
    valid_from: datetime
    valid_until: datetime
    invited_by: str
    redeemed_at: datetime | None
    redeemed_by: str | None
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    holder_id: UUID | None
    created_at: datetime


class InvitedAnswer(InvitationAnswer):
    token: Annotated[str, Field(description="256 random bits in base32, for the visitor alone. Never shown again.")]
    qr_svg: Annotated[str, Field(description="The token as a QR code, black on white with its margin.")]


class Redemption(Request):
    token: InvitationToken
    member_id: Annotated[UUID | None, Field(description="Whom the visitor is known as, from an earlier visit.")] = None
    consent: Annotated[
        NewConsent | None,
        Field(description="To face recognition, until the invitation ends. Without, the invitation is what they show."),
    ] = None
