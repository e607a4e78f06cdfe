"""What is set up in a store, as the API shows it: zones, access points, authentication policies, access profiles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from facepay.access.policies import RULES_MAX, Rule
from facepay.access.profiles import Effect
from facepay.access.zones import AntiPassback
from facepay.kernel.schemas import Answer, Change, Line, Request, unsent

PROFILE_RULES_MAX = 200
READERS_MAX = 8
Capacity = Annotated[int, Field(ge=1, le=100_000, strict=True, description="Holders who may be inside at most.")]
Minutes = Annotated[
    int, Field(ge=1, le=7 * 24 * 60, strict=True, description="After how many one may come in again: for `timed` only.")
]
Passback = Annotated[
    AntiPassback,
    Field(description="What comes of coming in twice: `hard` refuses it, `soft` notes it, `timed` refuses it a while."),
]
Rules = Annotated[list[Rule], Field(max_length=RULES_MAX, description="The first that applies counts.")]
Readers = Annotated[list[UUID], Field(max_length=READERS_MAX, description="Devices of the role `reader`.")]
OpenSeconds = Annotated[int, Field(ge=1, le=60, strict=True, description="How long a grant releases the door for.")]
ExtendedSeconds = Annotated[
    int, Field(ge=1, le=300, strict=True, description="The same for holders who need more time, where it is longer.")
]
FromZone = Annotated[UUID | None, Field(description="Null: outside.")]


class NewZone(Request):
    name: Annotated[Line, Field(examples=["Warehouse"])]
    capacity_max: Capacity | None = None
    anti_passback: Passback = "none"
    anti_passback_minutes: Minutes | None = None


class ZoneChange(Change):
    name: Line = Field(default_factory=unsent)
    capacity_max: Capacity | None = None
    anti_passback: Passback = Field(default_factory=unsent)
    anti_passback_minutes: Minutes | None = None


class ZoneAnswer(Answer):
    id: UUID
    store_id: UUID
    name: str
    capacity_max: int | None
    anti_passback: AntiPassback
    anti_passback_minutes: int | None
    created_at: datetime


class NewAccessPoint(Request):
    name: Annotated[Line, Field(examples=["Warehouse door, in"])]
    device_id: Annotated[UUID, Field(description="The door: a device of the role `door`.")]
    from_zone_id: FromZone = None
    to_zone_id: FromZone = None
    policy_id: UUID
    enabled: bool = True
    open_seconds: OpenSeconds = 5
    open_seconds_extended: ExtendedSeconds = 15
    reader_ids: Readers = Field(default=[])


class AccessPointChange(Change):
    name: Line = Field(default_factory=unsent)
    device_id: UUID = Field(default_factory=unsent)
    from_zone_id: FromZone = None
    to_zone_id: FromZone = None
    policy_id: UUID = Field(default_factory=unsent)
    enabled: bool = Field(default_factory=unsent)
    open_seconds: OpenSeconds = Field(default_factory=unsent)
    open_seconds_extended: ExtendedSeconds = Field(default_factory=unsent)
    reader_ids: Readers = Field(default_factory=unsent)


class AccessPointAnswer(Answer):
    id: UUID
    store_id: UUID
    name: str
    device_id: UUID
    from_zone_id: UUID | None
    to_zone_id: UUID | None
    policy_id: UUID
    enabled: bool
    open_seconds: int
    open_seconds_extended: int
    reader_ids: list[UUID]
    created_at: datetime


class NewPolicy(Request):
    name: Annotated[Line, Field(examples=["Face and PIN"])]
    rules: Rules


class PolicyChange(Change):
    name: Line = Field(default_factory=unsent)
    rules: Rules = Field(default_factory=unsent)


class PolicyAnswer(Answer):
    id: UUID
    store_id: UUID
    name: str
    version: Annotated[int, Field(description="One more with each other list of rules.")]
    rules: list[Rule]
    created_at: datetime


class PolicyVersionAnswer(Answer):
    id: UUID
    policy_id: UUID
    version: int
    rules: list[Rule]
    changed_by: str
    changed_at: datetime


class ProfileRuleBody(Request):
    """About one access point, whatever leads into a zone, or, with neither, the whole store."""

    effect: Annotated[Effect, Field(description="One that denies beats all that allow.")]
    access_point_id: UUID | None = None
    zone_id: UUID | None = None
    schedule_id: Annotated[UUID | None, Field(description="Null: at any time.")] = None

    @model_validator(mode="after")
    def _about_one_thing(self) -> ProfileRuleBody:
        if self.access_point_id is not None and self.zone_id is not None:
            raise ValueError("a rule is about an access point or a zone, not both")
        return self


ProfileRules = Annotated[list[ProfileRuleBody], Field(max_length=PROFILE_RULES_MAX)]


class NewProfile(Request):
    name: Annotated[Line, Field(examples=["Warehouse staff"])]
    rules: ProfileRules


class ProfileChange(Change):
    name: Line = Field(default_factory=unsent)
    rules: ProfileRules = Field(default_factory=unsent)


class ProfileRuleAnswer(Answer):
    effect: Literal["allow", "deny"]
    access_point_id: UUID | None
    zone_id: UUID | None
    schedule_id: UUID | None


class ProfileAnswer(Answer):
    id: UUID
    store_id: UUID
    name: str
    rules: list[ProfileRuleAnswer]
    created_at: datetime
