"""Alerts of a store: what is open, who looks after it, whom it was brought to."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Form, Response

from facepay.console.pages import Console, console, pages

# Words of the API that these pages show by their value.
SEVERITIES = ("info", "warning", "critical")
SAID_BY_VALUE = frozenset(SEVERITIES)
router = pages("/stores/{store_id}/alerts")
Reader = Annotated[Console, Depends(console("stores:read", "alerts:read"))]
Writer = Annotated[Console, Depends(console("stores:read", "alerts:read", "alerts:write"))]
Live = Annotated[str, Form(max_length=1)]


@router.get("")
async def see_alerts(
    console: Reader, store_id: UUID, show: str = "open", kind: str = "", cursor: UUID | None = None
) -> Response:
    path = f"/v1/stores/{store_id}"
    alerts = await console.api.get(f"{path}/alerts", open=show == "open", kind=kind or None, cursor=cursor)
    return console.show(
        "alerts.html",
        store=await console.api.get(path),
        alerts=alerts,
        kinds=await _kinds(console),
        shown={"show": show, "kind": kind},
    )


@router.get("/{alert_id}")
async def see_alert(console: Reader, store_id: UUID, alert_id: UUID) -> Response:
    alert = await console.api.get(f"/v1/alerts/{alert_id}")
    steps = await console.api.get(f"/v1/alerts/{alert_id}/escalations") if console.may("security:read") else []
    device = await console.api.get(f"/v1/devices/{alert['device_id']}") if alert["device_id"] else None
    return console.show(
        "alert.html",
        store=await console.api.get(f"/v1/stores/{alert['store_id']}"),
        alert=alert,
        kinds=await _kinds(console),
        device=device,
        steps=steps,
        staff=await _staff(console),
    )


@router.post("/{alert_id}/acknowledgement")
async def acknowledge(console: Writer, store_id: UUID, alert_id: UUID, live: Live = "") -> Response:
    await console.api.send("POST", f"/v1/alerts/{alert_id}/acknowledgement")
    return console.back(_whence(store_id, alert_id, live), "You look after this alert.")


@router.post("/{alert_id}/resolution")
async def resolve(
    console: Writer, store_id: UUID, alert_id: UUID, note: Annotated[str, Form()] = "", live: Live = ""
) -> Response:
    await console.api.send("POST", f"/v1/alerts/{alert_id}/resolution", {"note": note or None})
    return console.back(_whence(store_id, alert_id, live), "The alert is resolved.")


def _whence(store_id: UUID, alert_id: UUID, live: str) -> str:
    return f"/stores/{store_id}" if live else f"/stores/{store_id}/alerts/{alert_id}"


async def _kinds(console: Console) -> dict[str, str]:
    """What each kind of alert says."""
    return {each["name"]: each["words"] for each in await console.api.get("/v1/alert-kinds")}


async def _staff(console: Console) -> dict[str, Any]:
    """Names by id, for those who may see them; everybody knows their own."""
    if not console.may("staff:write"):
        return {str(console.me.id): console.me.name}
    found = await console.api.get("/v1/staff", limit=200)
    return {each["id"]: each["display_name"] for each in found["items"]}
