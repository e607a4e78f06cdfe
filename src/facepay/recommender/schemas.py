"""What is known of a member's taste, and what is suggested to them, as the API shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from facepay.kernel.schemas import Answer, Request
from facepay.members.schemas import PolicyVersion
from facepay.recommender.reasons import Reason
from facepay.recommender.wanted import Weather

Count = Annotated[int, Field(ge=0)]


class NewProfilingConsent(Request):
    policy_version: PolicyVersion
    accepted: Literal[True]


class ProfilingConsentAnswer(Answer):
    id: UUID
    policy_version: str
    accepted_at: datetime
    evidence_since: Annotated[datetime, Field(description="From when on looks count.")]
    withdrawn_at: datetime | None


class PreferenceAnswer(Answer):
    """What was inferred of a product; of an excluded one nothing is."""

    sku: str
    name: str
    category: str | None
    score: Annotated[float, Field(description="Weighted seconds, faded until now; at most 600.")]
    since: datetime
    last_at: datetime
    looks: Annotated[Count, Field(description="Times that they looked, with five seconds or more between them.")]
    attention_seconds: float
    smile_seconds: Annotated[float, Field(description="Of these.")]
    excluded: Annotated[bool, Field(description="The member wants to hear no more of it.")]


class NewFeedback(Request):
    liked: bool


class FeedbackAnswer(Answer):
    learnt: Annotated[bool, Field(description="False where the member didn't agree to profiling.")]


class NewWeather(Request):
    weather: Weather


class CategoryAnswer(Answer):
    category: str
    score: float


class RecommendationAnswer(Answer):
    sku: str
    name: str
    category: str | None
    price: int
    currency: str
    score: Annotated[float, Field(description="From 0 to 1: comparable within one answer.")]
    reason: Reason
    because: Annotated[str | None, Field(description="The product's name that speaks for it.")]
    words: Annotated[str, Field(description="The reason, to the member.")]
