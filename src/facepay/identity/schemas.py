"""What the API shows of recognition, the same at every device."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from facepay.kernel.schemas import Answer, Request

Cosine = Annotated[float, AfterValidator(partial(round, ndigits=4))]


class RecognisedMember(Answer):
    id: UUID
    display_name: str


class StepUpAsked(Answer):
    """What to ask the person for, and until when. Answer at `…/step-up`."""

    factor: Literal["pin", "phone_last_four"]
    expires_at: datetime


class StepUpAnswer(Request):
    """The PIN, or the last four digits of the phone: whichever `step_up.factor` asked for."""

    answer: Annotated[str, Field(pattern=r"^[0-9]{4,12}$", examples=["4821"])]
