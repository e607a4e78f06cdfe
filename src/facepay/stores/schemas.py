"""Stores and devices as the API shows them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator
from pydantic_extra_types.timezone_name import TimeZoneName

from facepay.kernel.auth import PresentationCheck
from facepay.kernel.schemas import Answer, Change, Code, Currency, Line, Request, unsent
from facepay.stores.devices import PUBLIC_KEY_BYTES, DeviceRole

# Of a lens, over the map's width: from 118 degrees wide to 19.
FOCAL_SHARE_MIN, FOCAL_SHARE_MAX = 0.3, 3.0

Timezone = Annotated[TimeZoneName, Field(description="IANA name, for opening hours and reports.")]
TokenDays = Annotated[int, Field(ge=1, le=3650, strict=True, description="Days until the token expires; else never.")]

PresentationChecks = Annotated[
    list[PresentationCheck],
    Field(
        max_length=len(PresentationCheck),
        description="What each face at this device must pass, or else it is refused. By default nothing.",
    ),
    AfterValidator(lambda checks: sorted(set(checks))),
]


Region = Annotated[
    Code, Field(description="Members at home here are recognised among each other, not among all.", examples=["HZ"])
]


GuestsMax = Annotated[
    int,
    Field(ge=0, le=50, strict=True, description="How many guests a member may bring; else `FACEPAY_GUESTS_MAX`."),
]


def _raw_key(value: str) -> bytes:
    """Raises ValueError."""
    key = b64decode(value, validate=True)
    if len(key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"an Ed25519 or X25519 key has {PUBLIC_KEY_BYTES} bytes")
    return key


def _shown_key(value: bytes | str) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else value


PUBLIC_KEY = Field(
    description="Ed25519, in base64: of a device with an engine of its own, which may then send signed faces.",
    examples=["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="],
)
PublicKey = Annotated[bytes, BeforeValidator(_raw_key, json_schema_input_type=str), PUBLIC_KEY]
ShownKey = Annotated[str, BeforeValidator(_shown_key), PUBLIC_KEY]
EXCHANGE_KEY = Field(
    description="X25519, in base64: the store's gallery is sealed to it. A new one renews the gallery's rotation.",
    examples=["hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="],
)
ExchangeKey = Annotated[bytes, BeforeValidator(_raw_key, json_schema_input_type=str), EXCHANGE_KEY]
ShownExchangeKey = Annotated[str, BeforeValidator(_shown_key), EXCHANGE_KEY]
EdgeMatching = Annotated[
    bool, Field(strict=True, description="Whether it may hold the store's gallery, and say itself who somebody is.")
]


PixelsCount = Annotated[int, Field(ge=16, le=8192, strict=True)]
FocalLength = Annotated[float, Field(gt=0, le=8192 * FOCAL_SHARE_MAX, allow_inf_nan=False)]
Centre = Annotated[float, Field(ge=0, le=8192, allow_inf_nan=False)]


class Camera(Request):
    """A 3D camera's intrinsics, in pixels of a depth map of this width and height, as its maker's SDK tells them."""

    fx: Annotated[FocalLength, Field(examples=[612.4])]
    fy: Annotated[FocalLength, Field(examples=[612.1])]
    cx: Annotated[Centre, Field(examples=[321.7])]
    cy: Annotated[Centre, Field(examples=[238.9])]
    width: Annotated[PixelsCount, Field(examples=[640])]
    height: Annotated[PixelsCount, Field(examples=[480])]
    depth_unit_mm: Annotated[
        float, Field(ge=0.01, le=10, allow_inf_nan=False, description="What one step of the map's values is.")
    ] = 1.0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not (self.cx < self.width and self.cy < self.height):
            raise ValueError("the principal point (cx, cy) lies outside of the map")
        if not FOCAL_SHARE_MIN <= self.fx / self.width <= FOCAL_SHARE_MAX:
            raise ValueError(
                f"fx is in pixels: from {FOCAL_SHARE_MIN} to {FOCAL_SHARE_MAX} times the width "
                f"({self.width}), as lenses from 118 to 19 degrees wide have it"
            )
        if not 0.8 <= self.fx / self.fy <= 1.25:
            raise ValueError("fx and fy are nearly alike, since pixels are nearly square")
        return self


class NewStore(Request):
    name: Annotated[Line, Field(examples=["Xixi Road"])]
    code: Annotated[Code, Field(description="Short and unique, for people and CSV files.", examples=["XIXI"])]
    timezone: Timezone = Field(default=TimeZoneName("UTC"), examples=["Asia/Shanghai"])
    currency: Annotated[
        Currency | None, Field(description="ISO 4217; `FACEPAY_CURRENCY` where none is given.", examples=["CNY"])
    ] = None
    address: Annotated[Line | None, Field(examples=["525 Xixi Road, Hangzhou"])] = None
    region: Region | None = None
    guests_max: GuestsMax | None = None


class StoreChange(Change):
    """Code and currency stay: prices, orders and accounts are kept under them."""

    name: Line = Field(default_factory=unsent, examples=["Xixi Road"])
    timezone: Timezone = Field(default_factory=unsent, examples=["Asia/Shanghai"])
    address: Line | None = Field(default_factory=unsent, examples=["525 Xixi Road, Hangzhou"])
    region: Region | None = Field(default_factory=unsent)
    guests_max: GuestsMax | None = Field(default_factory=unsent)


class StoreAnswer(Answer):
    id: UUID
    name: str
    code: str
    timezone: str
    currency: str
    address: str | None
    region: str | None
    guests_max: int | None
    created_at: datetime
    closed_at: datetime | None


class NewDevice(Request):
    role: Annotated[DeviceRole, Field(description="The one job it may do.", examples=["gate"])]
    name: Annotated[Line, Field(examples=["North gate"])]
    token_days: Annotated[TokenDays | None, Field(examples=[365])] = None


class DeviceChange(Change):
    """Its role and store stay: what it did is kept under them."""

    name: Line = Field(default_factory=unsent, examples=["North gate"])
    presentation_checks: PresentationChecks = Field(default_factory=unsent, examples=[["challenge", "replay"]])
    public_key: PublicKey | None = Field(default_factory=unsent)
    exchange_key: ExchangeKey | None = Field(default_factory=unsent)
    edge_matching: EdgeMatching = Field(default_factory=unsent)
    camera: Camera | None = Field(default_factory=unsent)


class TokenRequest(Request):
    token_days: Annotated[TokenDays | None, Field(examples=[365])] = None


class DeviceAnswer(Answer):
    id: UUID
    store_id: UUID
    role: DeviceRole
    name: str
    token_expires_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None
    last_seen_at: Annotated[datetime | None, Field(description="When its last heartbeat came in.")]
    clock_skew_ms: Annotated[int | None, Field(description="How far its clock was ahead then; negative: behind.")]
    status: Annotated[str | None, Field(description="What it said of itself then.")]
    presentation_checks: PresentationChecks
    public_key: ShownKey | None
    exchange_key: ShownExchangeKey | None
    edge_matching: EdgeMatching
    camera: Annotated[Camera | None, Field(description="The intrinsics of its 3D camera.")]


class DeviceWithToken(DeviceAnswer):
    token: Annotated[
        str, Field(description="Shown this once; only its hash is kept.", examples=["fpd_Vb0iXk2y0Yk1s9mJ…"])
    ]


class Heartbeat(Request):
    sent_at: Annotated[AwareDatetime, Field(description="The device's own clock.", examples=["2026-03-02T09:30:00Z"])]
    status: Annotated[Line | None, Field(description="Anything staff should see.", examples=["ok"])] = None


class HeartbeatAnswer(Answer):
    server_time: datetime
    clock_skew_ms: Annotated[int, Field(description="How far the device's clock is ahead of the server's.")]
