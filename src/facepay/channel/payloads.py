"""What a device can be told to do, each kind with its own words and bounds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator

from facepay.kernel.schemas import AMOUNT_MAX, Currency, Line, Request

Language = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", max_length=35),
    Field(description="BCP 47.", examples=["zh-CN"]),
]


class Lock(Request):
    """Let nobody in. Whoever is inside can leave, unless `exits` are locked too."""

    kind: Literal["lock"] = "lock"
    exits: Annotated[
        bool, Field(strict=True, description="Let nobody out either: for an alarm at this door, while staff are there.")
    ] = False


class Unlock(Request):
    """Let in and out whoever is recognised, as always: what ends a lock, and a release."""

    kind: Literal["unlock"] = "unlock"


class Release(Request):
    """Stand open for everybody until further notice; nobody is looked up."""

    kind: Literal["release"] = "release"


class Open(Request):
    """Open for somebody whom no camera needs to know. A locked door is locked again afterwards."""

    kind: Literal["open"] = "open"
    seconds: Annotated[int, Field(ge=1, le=60, strict=True)]


class OpenLocker(Request):
    """Let whoever stands there take what is in this locker, or put something in. Only machines have any."""

    kind: Literal["open_locker"] = "open_locker"
    locker: Annotated[int, Field(ge=1, le=999, strict=True)]


class Show(Request):
    """Put this on the screen, for whoever stands there; it stays on record, so it names nobody."""

    kind: Literal["show"] = "show"
    text: Annotated[Line, Field(examples=["Please wait for staff"])]
    amount: Annotated[int | None, Field(ge=0, le=AMOUNT_MAX, strict=True, description="Minor units.")] = None
    currency: Currency | None = None

    @model_validator(mode="after")
    def _amounts_have_a_currency(self) -> Self:
        if (self.amount is None) != (self.currency is None):
            raise ValueError("an amount and its currency come together")
        return self


class Speak(Request):
    """Say this, for whoever stands there; it stays on record, so it names nobody."""

    kind: Literal["speak"] = "speak"
    text: Annotated[Line, Field(examples=["The store closes in ten minutes"])]
    language: Language


class DeviceSettings(Request):
    """What is left out stays as it is."""

    volume_percent: Annotated[int | None, Field(ge=0, le=100, strict=True)] = None
    brightness_percent: Annotated[int | None, Field(ge=0, le=100, strict=True)] = None
    language: Language | None = None
    heartbeat_seconds: Annotated[int | None, Field(ge=5, le=3600, strict=True)] = None
    frame_interval_ms: Annotated[int | None, Field(ge=50, le=10_000, strict=True)] = None
    held_open_seconds: Annotated[
        int | None, Field(ge=5, le=600, strict=True, description="How long its door is open before it says so.")
    ] = None

    @model_validator(mode="after")
    def _sets_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("name at least one setting")
        return self


class Configure(Request):
    kind: Literal["configure"] = "configure"
    settings: DeviceSettings


Payload = Annotated[Lock | Unlock | Release | Open | OpenLocker | Show | Speak | Configure, Field(discriminator="kind")]
PAYLOAD: TypeAdapter[Payload] = TypeAdapter(Payload)
