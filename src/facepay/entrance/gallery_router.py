"""The gallery of a store, for devices that recognise members themselves."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, Security
from pydantic import Field

from facepay.entrance.edge_galleries import DeviceKeysMissing, next_delta
from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, current_device
from facepay.kernel.clock import Now
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.templates.milvus import GalleryUnavailable
from facepay.templates.protection import GalleryLocked

router = Router(prefix="/v1/stores/{store_id}", tags=["devices"])
Holder = Annotated[Principal, Security(current_device, scopes=["gallery:read"])]


class DeltaAnswer(Answer):
    """What leads from `after` to `version`, sealed to the device's exchange key (docs/edge.md)."""

    device_id: UUID
    generation: Annotated[str, Field(description="Versions of two generations don't compare.")]
    after: Annotated[int, Field(description="0: forget what you hold, and begin with this.")]
    version: int
    has_more: Annotated[bool, Field(description="Ask again at once, after `version`.")]
    valid_until: Annotated[datetime, Field(description="From then on, recognise nobody until you have asked again.")]
    sealed: Annotated[str, Field(description="HPKE (RFC 9180): X25519, HKDF-SHA256, AES-128-GCM; in base64.")]


@router.get(
    "/gallery",
    summary="Follow the gallery of a store",
    responses=problems(
        Unauthenticated, InsufficientScope, WrongStore, DeviceKeysMissing, GalleryLocked, GalleryUnavailable
    ),
)
async def follow_gallery(
    store_id: UUID,
    device: Holder,
    recogniser: RecogniserOf,
    response: Response,
    now: Now,
    after: Annotated[int, Query(ge=0, le=2**62, description="The version that the device holds.")] = 0,
    generation: Annotated[str | None, Query(max_length=32, description="And its generation.")] = None,
) -> DeltaAnswer:
    """Ask every few seconds: for devices with `edge_matching`, of their own store.

    Members at home in the store's region come as they change, whole; whoever else is inside comes each time.
    """
    if device.store != store_id:
        raise WrongStore("This token belongs to a device of another store.")
    header, sealed = await next_delta(
        recogniser.database, keeper=recogniser.keeper, device=device, after=after, generation=generation, now=now
    )
    response.headers["Cache-Control"] = "no-store"
    return DeltaAnswer(**asdict(header), sealed=b64encode(sealed).decode())
