"""Pairing over HTTP: staff get a code, and whoever brings it gets the device's token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response, Security
from pydantic import Field, StringConstraints

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.qr import qr_svg
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer, Request
from facepay.kernel.secrets import MasterKey, get_master_key
from facepay.settings import SettingsOf
from facepay.stores import pairings
from facepay.stores.devices import DeviceNotFound, DeviceRevoked, DeviceRole
from facepay.stores.pairings import AddressOf, PairingRefused, TooManyPairingCodes
from facepay.stores.schemas import TokenRequest
from facepay.stores.stores import StoreClosed

# Devices that a browser can be have a page, which takes the code from its address.
PAGES = {DeviceRole.KIOSK: "/kiosk", DeviceRole.GATE: "/gate"}
NO_DAYS = TokenRequest()

router = Router(prefix="/v1", tags=["devices"])
Writer = Annotated[Principal, Security(current_staff, scopes=["stores:write"])]
Key = Annotated[MasterKey, Depends(get_master_key)]
PairingCode = Annotated[
    str,
    StringConstraints(min_length=8, max_length=20),
    Field(description="As it was shown; small letters, spaces and dashes don't matter.", examples=["7K3M-9QXD"]),
]


class PairingOffered(Answer):
    code: Annotated[str, Field(description="Shown this once; only its hash is kept.", examples=["7K3M-9QXD"])]
    url: Annotated[
        str | None,
        Field(
            description="The page that makes a tablet this device, for a QR code. Kiosks and gates have one.",
            examples=["https://pay.example/kiosk#pair=7K3M-9QXD"],
        ),
    ]
    qr_svg: Annotated[str | None, Field(description="The address as a QR code, with its margin.")]
    expires_at: datetime


class PairingRequest(Request):
    code: PairingCode


class PairedDevice(Answer):
    device_id: UUID
    role: DeviceRole
    store_id: UUID
    name: str
    token: Annotated[
        str, Field(description="Shown this once; only its hash is kept.", examples=["fpd_Vb0iXk2y0Yk1s9mJ…"])
    ]
    expires_at: Annotated[datetime | None, Field(description="When the token does.")]


@router.post(
    "/devices/{device_id}/pairings",
    status_code=201,
    summary="Offer a device's token for a code",
    responses=problems(Unauthenticated, InsufficientScope, DeviceNotFound, DeviceRevoked, StoreClosed),
)
async def offer_pairing(
    device_id: UUID,
    response: Response,
    session: Session,
    _: Writer,
    key: Key,
    settings: SettingsOf,
    now: Now,
    body: TokenRequest = NO_DAYS,
) -> PairingOffered:
    """Good once, for ten minutes; a new code ends the one before. Until it is used the device keeps its token."""
    device, code, expires_at = await pairings.offer_pairing(
        session, device_id=device_id, lasts_days=body.token_days, key=key, now=now
    )
    response.headers["Cache-Control"] = "no-store"
    path = PAGES.get(DeviceRole(device.role))
    url = None if path is None else f"{settings.public_base}{path}#pair={code}"
    return PairingOffered(code=code, url=url, qr_svg=url and qr_svg(url), expires_at=expires_at)


@router.post(
    "/pairings",
    summary="Become the device of a code",
    responses=problems(PairingRefused, TooManyPairingCodes),
)
async def pair(
    body: PairingRequest, response: Response, database: Db, key: Key, address: AddressOf, now: Now
) -> PairedDevice:
    """Needs no token: the code is spent for a new one of its device, and the one before is refused from now on.

    Ten wrong codes in ten minutes, and the address they came from has to wait.
    """
    paired = await pairings.pair(database, code=body.code, address=address, key=key, now=now)
    response.headers["Cache-Control"] = "no-store"
    device = paired.device
    return PairedDevice(
        device_id=device.id,
        role=DeviceRole(device.role),
        store_id=device.store_id,
        name=device.name,
        token=paired.token,
        expires_at=device.token_expires_at,
    )
