"""Devices: which there are and how they are, putting one up by a QR code, what each was told and what it told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Form, Query, Response

from facepay.channel.door_states import HAVE_DOORS
from facepay.console.api import Refused
from facepay.console.fields import counted
from facepay.console.pages import Console, console, pages
from facepay.console.words import parsed
from facepay.kernel.auth import PresentationCheck
from facepay.stores.devices import SCOPES_OF, DeviceRole

SILENT_AFTER = timedelta(minutes=2)
SKEW_MAX_MS = 2000  # what signed faces and passes bear
A_FEW = 10
States = Literal["in use", "silent", "revoked"]
COMMANDS = ("lock", "unlock", "release", "open", "open_locker", "show", "speak", "configure")
SAID_BY_VALUE = {
    *DeviceRole,
    *PresentationCheck,
    *COMMANDS,
    *("in use", "silent", "revoked", "never seen", "token expired", "working"),
    *("waiting", "delivered", "done", "failed", "expired"),
    *("covered", "moved", "blurred", "frozen", "dark", "noisy"),
}

router = pages()
Reader = Annotated[Console, Depends(console("stores:read"))]
Writer = Annotated[Console, Depends(console("stores:write"))]
Commander = Annotated[Console, Depends(console("devices:command"))]
Watcher = Annotated[Console, Depends(console("stores:read", "security:read"))]
Viewer = Annotated[Console, Depends(console("security:write"))]
Typed = Annotated[str, Form(max_length=200)]
Key = Annotated[str, Form(max_length=64)]
Days = Annotated[str, Form(max_length=4)]


def health_of(device: dict[str, Any], now: datetime) -> str:
    """A word of SAID_BY_VALUE: what somebody who looks after devices has to know first."""
    if device["revoked_at"]:
        return "revoked"
    if device["token_expires_at"] and parsed(device["token_expires_at"]) <= now:
        return "token expired"
    if not device["last_seen_at"]:
        return "never seen"
    return "silent" if parsed(device["last_seen_at"]) <= now - SILENT_AFTER else "working"


@router.get("/stores/{store_id}/devices")
async def see_devices(
    console: Reader,
    store_id: UUID,
    role: Annotated[DeviceRole | Literal[""], Query()] = "",
    state: States = "in use",
    cursor: UUID | None = None,
) -> Response:
    now = console.request.app.state.clock()
    silent_since = (now - SILENT_AFTER).isoformat() if state == "silent" else None
    asked = {"role": role or None, "revoked": state == "revoked", "silent_since": silent_since, "cursor": cursor}
    found = await console.api.get(f"/v1/stores/{store_id}/devices", **asked)
    return console.show(
        "devices.html",
        store=await console.api.get(f"/v1/stores/{store_id}"),
        devices=found,
        health={each["id"]: health_of(each, now) for each in found["items"]},
        roles=list(DeviceRole),
        checks=list(PresentationCheck),
        role=role,
        state=state,
        skew_max_ms=SKEW_MAX_MS,
        may_add=console.may("stores:write"),
        may_watch=console.may("security:read"),
    )


@router.post("/stores/{store_id}/devices")
async def add_device(
    console: Writer,
    store_id: UUID,
    role: Typed,
    name: Typed = "",
    checks: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Its first token is shown to nobody: it gets one by pairing, or when somebody rotates it."""
    made = await console.api.send("POST", f"/v1/stores/{store_id}/devices", {"role": role, "name": name})
    if checks:
        await console.api.send("PATCH", f"/v1/devices/{made['id']}", {"presentation_checks": checks})
    return console.back(f"/devices/{made['id']}", "The device was added. Pair it now.")


@router.get("/devices/{device_id}")
async def see_device(console: Reader, device_id: UUID) -> Response:
    path = f"/v1/devices/{device_id}"
    device = await console.api.get(path)
    now = console.request.app.state.clock()
    is_open = device["revoked_at"] is None
    return console.show(
        "device.html",
        store=await console.api.get(f"/v1/stores/{device['store_id']}"),
        device=device,
        health=health_of(device, now),
        skew_max_ms=SKEW_MAX_MS,
        checks=list(PresentationCheck),
        commands=await console.api.get(f"{path}/commands/record", limit=A_FEW),
        events=await console.api.get(f"{path}/events", limit=A_FEW),
        runs=(await console.api.get(f"{path}/events/runs"))["items"],
        planogram=await _if_any(console, f"{path}/planogram", device, DeviceRole.SHELF),
        view=await _if_any(console, f"{path}/view", device, DeviceRole.SHELF, DeviceRole.DISPLAY),
        has_door=device["role"] in HAVE_DOORS,
        may_change=is_open and console.may("stores:write"),
        may_tell=is_open and console.may("devices:command") and "device:commands" in SCOPES_OF[device["role"]],
    )


async def _if_any(console: Console, path: str, device: dict[str, Any], *roles: DeviceRole) -> Any:
    if device["role"] not in roles:
        return None
    try:
        return await console.api.get(path)
    except Refused as refused:
        if refused.status != 404:
            raise
        return None


@router.post("/devices/{device_id}")
async def change_device(
    console: Writer,
    device_id: UUID,
    name: Typed = "",
    checks: Annotated[list[str] | None, Form()] = None,
    public_key: Typed = "",
    exchange_key: Typed = "",
    edge_matching: Annotated[bool, Form()] = False,
) -> Response:
    body = {
        "name": name,
        "presentation_checks": checks or [],
        "public_key": public_key.strip() or None,
        "exchange_key": exchange_key.strip() or None,
        "edge_matching": edge_matching,
    }
    await console.api.send("PATCH", f"/v1/devices/{device_id}", body)
    return console.back(f"/devices/{device_id}", "The device was changed.")


@router.post("/devices/{device_id}/pairing")
async def offer_pairing(console: Writer, device_id: UUID, token_days: Days = "") -> Response:
    """Shown once, so it is the answer itself and no page that could be asked for again."""
    path = f"/v1/devices/{device_id}"
    offer = await console.api.send("POST", f"{path}/pairings", {"token_days": counted(token_days)})
    device = await console.api.get(path)
    store = await console.api.get(f"/v1/stores/{device['store_id']}")
    return console.show("device_pairing.html", store=store, device=device, offer=offer)


@router.post("/devices/{device_id}/token")
async def rotate_token(console: Writer, device_id: UUID, token_days: Days = "") -> Response:
    device = await console.api.send("POST", f"/v1/devices/{device_id}/token", {"token_days": counted(token_days)})
    store = await console.api.get(f"/v1/stores/{device['store_id']}")
    return console.show("device_token.html", store=store, device=device)


@router.post("/devices/{device_id}/revocation")
async def revoke(console: Writer, device_id: UUID) -> Response:
    await console.api.send("DELETE", f"/v1/devices/{device_id}")
    return console.back(f"/devices/{device_id}", "The device was revoked.")


@router.post("/devices/{device_id}/commands")
async def tell(
    console: Commander,
    device_id: UUID,
    kind: Typed,
    key: Key,
    reason: Typed = "",
    seconds: Annotated[str, Form(max_length=4)] = "",
    text: Typed = "",
) -> Response:
    command: dict[str, Any] = {"kind": kind}
    if kind == "open":
        command["seconds"] = counted(seconds)
    if kind == "show":
        command["text"] = text
    body = {"command": command, "reason": reason}
    await console.api.send("POST", f"/v1/devices/{device_id}/commands", body, key=key)
    return console.back(f"/devices/{device_id}", "The device will be told.")


@router.get("/devices/{device_id}/commands")
async def see_commands(console: Reader, device_id: UUID, cursor: UUID | None = None) -> Response:
    return await _history(console, device_id, "device_commands.html", "commands/record", cursor)


@router.get("/devices/{device_id}/events")
async def see_events(console: Reader, device_id: UUID, cursor: UUID | None = None) -> Response:
    return await _history(console, device_id, "device_events.html", "events", cursor)


async def _history(console: Console, device_id: UUID, template: str, of: str, cursor: UUID | None) -> Response:
    device = await console.api.get(f"/v1/devices/{device_id}")
    return console.show(
        template,
        store=await console.api.get(f"/v1/stores/{device['store_id']}"),
        device=device,
        found=await console.api.get(f"/v1/devices/{device_id}/{of}", cursor=cursor),
    )


@router.get("/stores/{store_id}/cameras")
async def see_cameras(console: Watcher, store_id: UUID, cursor: UUID | None = None) -> Response:
    found = await console.api.get(f"/v1/stores/{store_id}/cameras", cursor=cursor)
    devices = await console.api.get(f"/v1/stores/{store_id}/devices", revoked=False, limit=200)
    return console.show(
        "cameras.html",
        store=await console.api.get(f"/v1/stores/{store_id}"),
        cameras=found,
        names={each["id"]: each["name"] for each in devices["items"]},
        may_accept=console.may("security:write"),
    )


@router.post("/cameras/{camera_id}/view")
async def accept_view(console: Viewer, camera_id: UUID, store_id: Annotated[UUID, Form()]) -> Response:
    await console.api.send("POST", f"/v1/cameras/{camera_id}/view")
    return console.back(f"/stores/{store_id}/cameras", "What the camera sees is taken as right from now on.")
