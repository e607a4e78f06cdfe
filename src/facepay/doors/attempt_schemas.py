"""What a door says and hears while somebody wants to pass."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from facepay.access.policies import Factor
from facepay.doors.decisions import Outcome
from facepay.doors.readers import RESULT_MAX
from facepay.doors.rulings import FACTORS, More
from facepay.doors.words import NOT_ACCEPTED, WORDS
from facepay.identity.schemas import AdviceAnswer, Decided
from facepay.kernel.auth import PresentationCheck
from facepay.kernel.schemas import Code, Request

CardNumber = Annotated[int, Field(ge=0, lt=2**63, strict=True)]


class BadgeShown(Request):
    """A card as a reader reads it, in OSDP's words."""

    facility_code: Annotated[int, Field(ge=0, lt=2**31, strict=True, description="The site's, on every card of it.")]
    number: CardNumber
    card_format: Annotated[Code, Field(examples=["wiegand26"])] = "wiegand26"


class FingerShown(Request):
    """What the fingerprint reader has signed."""

    result: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", max_length=RESULT_MAX),
        Field(description="A JWS in compact form, signed by a reader of this door."),
    ]


class PinTyped(Request):
    """The door PIN, which isn't the wallet's."""

    pin: Annotated[str, StringConstraints(pattern=r"^[0-9]{4,12}$"), Field(examples=["271828"])]


class InvitationShown(Request):
    """What a visitor's QR code says."""

    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,128}$")]


class AttemptAnswer(Decided):
    """What the door does now. `granted` opens it for `open_seconds`; `more` asks for one of the sets in `next`."""

    attempt_id: UUID
    decision: Literal["granted", "denied", "more"]
    code: Annotated[
        str,
        Field(description="`not_accepted` for whatever is about the person; the access log has the reason."),
    ]
    message: Annotated[str, Field(description="For the person, where the door has no words of its own.")]
    next: Annotated[
        list[list[Factor]], Field(default=[], description="What this person still has to give: all of any of these.")
    ]
    persons_left: Annotated[int, Field(description="Who still has to give something, this person included.")] = 0
    liveness: Annotated[
        list[PresentationCheck],
        Field(default=[], description="What a face has to come with here: a challenge, a depth map, …"),
    ]
    expires_at: Annotated[datetime, Field(description="From then on nothing is taken.")]
    open_seconds: Annotated[int | None, Field(description="How long the door is released for.")] = None
    command_number: Annotated[
        int,
        Field(description="Decided knowing the door's commands up to this one; one with a higher number overrides it."),
    ]
    feedback: Annotated[list[AdviceAnswer], Field(default=[], description="What helps a poor picture most, first.")]

    @classmethod
    def of(cls, outcome: Outcome) -> AttemptAnswer:
        more = outcome.ruling if isinstance(outcome.ruling, More) else None
        return cls(
            attempt_id=outcome.attempt.id,
            decision=outcome.decision,
            code=outcome.code,
            message=next((each.message for each in outcome.advice), WORDS.get(outcome.code, WORDS[NOT_ACCEPTED])),
            next=[sorted(each, key=FACTORS.index) for each in more.missing] if more else [],
            persons_left=more.persons_left if more else 0,
            liveness=sorted(outcome.liveness) if more else [],
            expires_at=outcome.attempt.expires_at,
            open_seconds=outcome.open_seconds,
            command_number=outcome.command_number,
            feedback=[AdviceAnswer.model_validate(each) for each in outcome.advice],
        )
