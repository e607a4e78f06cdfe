"""What the watchlist's API says and hears."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from facepay.kernel.schemas import Answer as Body
from facepay.kernel.schemas import Line, Request
from facepay.watchlist.appeals import WORDS_MAX
from facepay.watchlist.bans import STORY_MAX, Ban, Ending, OnHit, Reason
from facepay.watchlist.hits import Answer
from facepay.watchlist.views import Shown

DAYS_MAX = 3650
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=WORDS_MAX), Field()]
Days = Annotated[int, Field(ge=1, le=DAYS_MAX)]


class NewBan(Request):
    """Who did what, and for how long they shall stay away. There is no field for what somebody is."""

    store_id: Annotated[UUID, Field(description="Where it happened.")]
    everywhere: Annotated[bool, Field(description="In every store, and not in this one alone.")] = False
    name: Annotated[Line | None, Field(description="Where it is known.")] = None
    reason: Reason
    story: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=10, max_length=STORY_MAX),
        Field(description="What happened, and where the evidence for it is.", examples=["Left with two bags unpaid."]),
    ]
    on_hit: Annotated[
        OnHit, Field(description="`ask` staff before anything happens, or `refuse` at once and tell them.")
    ] = "ask"
    days: Annotated[Days, Field(description="From approval; `FACEPAY_WATCHLIST_DAYS_MAX` at the most.")]
    review_days: Annotated[Days, Field(description="Somebody has to look at it again every so many days.")]

    @model_validator(mode="after")
    def _reviewed_in_time(self) -> Self:
        if self.review_days > self.days:
            raise ValueError("review_days can't be more than days")
        return self


class BanAnswer(Body):
    """Without who it is, and what they did."""

    id: UUID
    status: Literal["proposed", "in_force", "ended"]
    store_id: UUID
    everywhere: bool
    reason: Reason
    on_hit: OnHit
    days: int
    review_days: int
    proposed_by: UUID
    proposed_at: datetime
    approved_by: UUID | None
    approved_at: datetime | None
    review_at: datetime | None
    reviewed_at: datetime | None
    reviewed_by: UUID | None
    lapses_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    ending: Ending | None


class AppealAnswer(Body):
    id: UUID
    ban_id: UUID
    words: Annotated[str | None, Field(description="Null once the ban has ended.")]
    received_on: date
    recorded_by: UUID
    recorded_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    upheld: bool | None
    finding: str | None


class BanDetail(BanAnswer):
    name: str | None
    story: Annotated[str | None, Field(description="Null once the ban has ended.")]
    photo_ids: list[UUID]
    appeals: list[AppealAnswer]

    @classmethod
    def of(cls, ban: Ban, *, photo_ids: list[UUID], appeals: list[AppealAnswer]) -> Self:
        shared = BanAnswer.model_validate(ban).model_dump()
        return cls(**shared, name=ban.name, story=ban.story, photo_ids=photo_ids, appeals=appeals)


class NewAppeal(Request):
    words: Annotated[Words, Field(description="What the person says, in their words.")]
    received_on: date


class AppealDecision(Request):
    upheld: Annotated[bool, Field(description="The ban ends, and all that says who it was is erased.")]
    finding: Annotated[Line, Field(examples=["The recording shows somebody else."])]


class HitAnswer(Body):
    """Somebody was stopped. `answer` is null while they wait."""

    id: UUID
    ban_id: UUID
    store_id: UUID
    device_id: UUID
    alert_id: UUID
    seen_at: datetime
    expires_at: Annotated[datetime, Field(description="From then on they are refused.")]
    similarity: Annotated[float | None, Field(description="Null once the ban has ended.")]
    threshold: float
    false_positive_rate: float
    searched: int
    basis: str
    answer: Answer | None
    answered_by: Annotated[
        str | None,
        Field(
            description="`staff:…`, `policy` for a ban that refuses at once, `nobody` in time; or whoever ended the ban"
            " meanwhile."
        ),
    ]
    answered_at: datetime | None
    counts_until: Annotated[datetime, Field(description="The answer holds until then.")]


class GivenAnswer(Request):
    answer: Answer


class ViewAnswer(Body):
    id: UUID
    staff_id: UUID
    shown: Shown
    ban_id: UUID | None
    hit_id: UUID | None
    purpose: str
    viewed_at: datetime
