"""What the API shows of recognition, the same at every device."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from facepay.identity.passes import PASS_TEXT, ShownPass, read_pass
from facepay.identity.policy import Match
from facepay.identity.sighting import NarrowedBy, Sighting
from facepay.identity.verdicts import Means, Ruling
from facepay.kernel.schemas import Answer, Request
from facepay.kernel.secrets import MasterKey

Cosine = Annotated[float, AfterValidator(partial(round, ndigits=4))]
Rate = Annotated[
    float,
    Field(description="How many strangers, searched for among as many members, are as alike to one of them: 0 to 1."),
]
Narrowed = Annotated[NarrowedBy | None, Field(description="Among whom they were searched; null: among all members.")]


PassText = Annotated[
    str, Field(pattern=PASS_TEXT, description="52 characters that were scanned, or 8 digits.", examples=["40718263"])
]


class RecognisedMember(Answer):
    id: Annotated[UUID, Field(description="Within minutes, `/v1/devices/{device_id}/members/{id}/card` has more.")]
    display_name: str


class StepUpAsked(Answer):
    """What to ask the person for, and until when. Answer at `…/step-up`."""

    factor: Annotated[
        Literal["pin", "phone_last_four", "pass"],
        Field(description="`pass` where they have nothing else in common. A pass answers the others, too."),
    ]
    expires_at: datetime


class StepUpAnswer(Request):
    """Digits of the PIN or the phone, as `step_up.factor` asked for, or instead a one-time pass of the person."""

    answer: Annotated[str | None, Field(pattern=r"^[0-9]{4,12}$", examples=["4821"])] = None
    pass_text: Annotated[PassText | None, Field(alias="pass")] = None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if (self.answer is None) == (self.pass_text is None):
            raise ValueError("send either an answer or a pass")
        return self

    def given(self, key: MasterKey) -> str | ShownPass:
        if self.pass_text is not None:
            return read_pass(self.pass_text, key=key)
        assert self.answer is not None, "either of them was sent"
        return self.answer


class PassShown(Request):
    """A one-time pass: what its QR code says, or its eight digits as the person typed them."""

    pass_text: Annotated[PassText, Field(alias="pass")]


class AdviceAnswer(Answer):
    """What the person can do, say `come_closer`: a code for a screen of its own, and a sentence."""

    code: str
    message: str


class Decided(Answer):
    """What a device is to do, and why. The models' times are only told, and never kept with the answer."""

    decision: str
    code: str
    timings_ms: dict[str, float] = Field(default={})


class DecisionAnswer(Decided):
    """What every device's answer to somebody's looks holds. A stranger is shown no similarity: they could climb by
    it.
    """

    identified_by: Annotated[Means, Field(description="What was shown first.")] = "face"
    member: RecognisedMember | None = None
    similarity: Annotated[Cosine | None, Field(description="Plain cosine to the member's templates.")] = None
    threshold: Annotated[Cosine | None, Field(description="The cosine that was needed.")] = None
    false_positive_rate: Rate | None = None
    margin: Annotated[Cosine | None, Field(description="Distance to the next best member.")] = None
    narrowed_by: Narrowed = None
    faces: Annotated[int, Field(description="Faces in the frame; the nearest was decided on.")] = 0
    feedback: list[AdviceAnswer] = Field(default=[], description="What helps most first, where anything does.")
    step_up: StepUpAsked | None = None
    answers_left: int | None = None

    @staticmethod
    def shared(ruling: Ruling, sighting: Sighting | None) -> dict[str, Any]:
        """The fields above, of any device's ruling."""
        record = ruling.record
        outcome = sighting.outcome if sighting else None
        recognised = record.similarity is not None and isinstance(outcome, Match)
        return {
            "decision": record.decision,
            "code": record.code,
            "identified_by": record.identified_by,
            "member": RecognisedMember.model_validate(ruling.member) if ruling.member else None,
            "similarity": record.similarity,
            "threshold": record.threshold,
            "false_positive_rate": record.false_positive_rate,
            "margin": outcome.margin if recognised and isinstance(outcome, Match) else None,
            "narrowed_by": record.narrowed_by,
            "faces": sighting.faces if sighting else 0,
            "feedback": [AdviceAnswer.model_validate(each) for each in ruling.advice],
            "step_up": StepUpAsked.model_validate(ruling.step_up) if ruling.step_up else None,
            "answers_left": ruling.answers_left,
        }
