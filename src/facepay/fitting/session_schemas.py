"""Sessions and requests, as mirrors and staff see them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from facepay.fitting.looks import Looked
from facepay.fitting.outfits import Kind
from facepay.fitting.requests import FittingRequest, RequestState
from facepay.fitting.views import RequestView, SessionView
from facepay.identity.schemas import DecisionAnswer, RecognisedMember
from facepay.identity.sighting import Sighting
from facepay.kernel.schemas import Answer
from facepay.vision.colours import Appearance, Lab, NoAppearance


class LookAnswer(DecisionAnswer):
    """Whose session the mirror's is. The colours are at the session, which forgets them when it ends."""

    look_id: UUID
    session_id: Annotated[UUID | None, Field(description="Null where nobody could be seen: nothing has changed.")]
    decision: Literal["member", "guest", "step_up", "nobody"]
    colours: Annotated[
        str | None, Field(description="`read`, or why not: `too_dark`, `no_shoulders`, …; null of a pass.")
    ] = None
    colours_message: Annotated[str | None, Field(description="What the person can do about it.")] = None

    @classmethod
    def of(cls, looked: Looked, sighting: Sighting | None = None) -> Self:
        colours = looked.colours
        return cls(
            look_id=looked.record.id,
            session_id=looked.fitting.id if looked.fitting else None,
            colours="read" if isinstance(colours, Appearance) else colours.code if colours else None,
            colours_message=colours.message if isinstance(colours, NoAppearance) else None,
            **cls.shared(looked, sighting),
        )


class ColourAnswer(Answer):
    hex: str
    lightness: float
    a: float
    b: float

    @classmethod
    def of(cls, lab: Lab) -> Self:
        return cls(hex=lab.to_hex(), lightness=round(lab.lightness, 1), a=round(lab.a, 1), b=round(lab.b, 1))


class WornColour(Answer):
    colour: ColourAnswer
    share: float


class AppearanceAnswer(Answer):
    """Colours in daylight, in sRGB and CIELAB (D65)."""

    skin: ColourAnswer
    hair: ColourAnswer | None
    clothes: list[WornColour]

    @classmethod
    def of(cls, seen: Appearance) -> Self:
        return cls(
            skin=ColourAnswer.of(seen.skin),
            hair=ColourAnswer.of(seen.hair) if seen.hair else None,
            clothes=[WornColour(colour=ColourAnswer.of(each.lab), share=round(each.share, 3)) for each in seen.clothes],
        )


class RequestAnswer(Answer):
    """A piece that was asked for, as its mirror and staff see it: not for whom."""

    id: UUID
    device_id: UUID
    mirror: str
    sku: str
    name: str
    style: str
    kind: Kind
    size: str | None
    size_system: str | None
    colour: str | None
    state: RequestState
    asked_at: datetime
    accepted_by: Annotated[str | None, Field(description="Who of the staff brings it.")]
    accepted_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, view: RequestView) -> Self:
        return cls.from_row(view.request, accepted_by=view.accepted_by)

    @classmethod
    def from_row(cls, request: FittingRequest, *, accepted_by: str | None) -> Self:
        garment = request.garment
        own = {name: getattr(request, name) for name in ("id", "device_id", "state", "asked_at", "accepted_at")}
        worn = {name: getattr(garment, name) for name in ("sku", "name", "style", "kind", "size", "size_system")}
        return cls(
            **own,
            **worn,
            mirror=request.mirror.name,
            colour=garment.colour,
            accepted_by=accepted_by,
            ended_at=request.ended_at,
        )


class SessionAnswer(Answer):
    id: UUID
    member: Annotated[RecognisedMember | None, Field(description="Null of a guest.")]
    profiled: Annotated[bool, Field(description="Whether their purchases and tastes are used: they agreed to it.")]
    appearance: AppearanceAnswer | None
    sizes: Annotated[dict[Kind, str], Field(description="Those said at this mirror.")]
    requests: list[RequestAnswer]
    ends_at: Annotated[datetime, Field(description="Unless the mirror is used before.")]

    @classmethod
    def of(cls, view: SessionView, *, lasts: timedelta) -> Self:
        memory = view.fitting.remembered
        return cls(
            id=view.fitting.id,
            member=RecognisedMember.model_validate(view.member) if view.member else None,
            profiled=view.profiled,
            appearance=AppearanceAnswer.of(memory.appearance) if memory.appearance else None,
            sizes=memory.sizes,
            requests=[RequestAnswer.of(each) for each in view.requests],
            ends_at=view.fitting.used_at + lasts,
        )


class AtMirrorNow(Answer):
    session: Annotated[SessionAnswer | None, Field(description="Null where nobody stands there.")]


class FloorAnswer(Answer):
    """What is asked for and not yet brought, the oldest first."""

    requests: list[RequestAnswer]
    at: datetime
