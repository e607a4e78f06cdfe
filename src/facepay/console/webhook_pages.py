"""Webhooks: where events are sent, how that goes, and sending them again."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Form, Query, Response

from facepay.console.fields import moment_in
from facepay.console.pages import Console, console, pages

STATES = ("waiting", "delivered", "dead")
SAID_BY_VALUE = {*STATES, "active", "paused", "gone", "failing"}

router = pages("/webhooks")
Reader = Annotated[Console, Depends(console("webhooks:read"))]
Writer = Annotated[Console, Depends(console("webhooks:read", "webhooks:write"))]
Typed = Annotated[str, Form(max_length=200)]
Url = Annotated[str, Form(max_length=2000)]
Types = Annotated[list[str] | None, Form()]
PATH = "/v1/webhook-endpoints"


@router.get("")
async def see_endpoints(console: Reader, cursor: UUID | None = None) -> Response:
    return console.show(
        "webhooks.html",
        endpoints=await console.api.get(PATH, cursor=cursor),
        types=(await console.api.get("/v1/webhook-event-types"))["items"],
        may_change=console.may("webhooks:write"),
    )


@router.post("")
async def add_endpoint(console: Writer, url: Url = "", description: Typed = "", types: Types = None) -> Response:
    """Its secret is shown once: it is the answer itself."""
    body = {"url": url, "types": types or [], "description": description or None}
    return console.show("webhook_secret.html", endpoint=await console.api.send("POST", PATH, body))


@router.get("/{endpoint_id}")
async def see_endpoint(
    console: Reader,
    endpoint_id: UUID,
    state: Annotated[Literal["waiting", "delivered", "dead", ""], Query()] = "",
    kind: Annotated[str, Query(alias="type", max_length=100)] = "",
    cursor: UUID | None = None,
) -> Response:
    path = f"{PATH}/{endpoint_id}"
    return console.show(
        "webhook.html",
        endpoint=await console.api.get(path),
        deliveries=await console.api.get(f"{path}/deliveries", state=state or None, type=kind or None, cursor=cursor),
        types=(await console.api.get("/v1/webhook-event-types"))["items"],
        states=STATES,
        state=state,
        kind=kind,
        may_change=console.may("webhooks:write"),
    )


@router.post("/{endpoint_id}")
async def change_endpoint(
    console: Writer, endpoint_id: UUID, url: Url = "", description: Typed = "", types: Types = None
) -> Response:
    body = {"url": url, "types": types or [], "description": description or None}
    await console.api.send("PATCH", f"{PATH}/{endpoint_id}", body)
    return console.back(f"/webhooks/{endpoint_id}", "The endpoint was changed.")


@router.post("/{endpoint_id}/status")
async def set_status(console: Writer, endpoint_id: UUID, status: Annotated[str, Form(max_length=16)]) -> Response:
    await console.api.send("PATCH", f"{PATH}/{endpoint_id}", {"status": status})
    return console.back(f"/webhooks/{endpoint_id}", "The endpoint was changed.")


@router.post("/{endpoint_id}/removal")
async def remove(console: Writer, endpoint_id: UUID) -> Response:
    await console.api.send("DELETE", f"{PATH}/{endpoint_id}")
    return console.back("/webhooks", "The endpoint was deleted.")


@router.post("/{endpoint_id}/secret")
async def change_secret(console: Writer, endpoint_id: UUID) -> Response:
    endpoint = await console.api.send("POST", f"{PATH}/{endpoint_id}/secret")
    return console.show("webhook_secret.html", endpoint=endpoint)


@router.post("/{endpoint_id}/ping")
async def ping(console: Writer, endpoint_id: UUID) -> Response:
    answer = await console.api.send("POST", f"{PATH}/{endpoint_id}/test")
    endpoint = await console.api.get(f"{PATH}/{endpoint_id}")
    return console.show("webhook_ping.html", endpoint=endpoint, ping=answer)


@router.post("/{endpoint_id}/replays")
async def replay_since(console: Writer, endpoint_id: UUID, since: Typed = "") -> Response:
    await console.api.send("POST", f"{PATH}/{endpoint_id}/replays", {"since": moment_in("UTC", since)})
    return console.back(f"/webhooks/{endpoint_id}", "What was missed will be sent again.")


@router.post("/{endpoint_id}/deliveries/{event_id}/replay")
async def replay(console: Writer, endpoint_id: UUID, event_id: UUID) -> Response:
    await console.api.send("POST", f"{PATH}/{endpoint_id}/deliveries/{event_id}/replay")
    return console.back(f"/webhooks/{endpoint_id}", "The event will be sent again.")


@router.get("/events/{event_id}")
async def see_event(console: Reader, event_id: UUID) -> Response:
    return console.show("webhook_event.html", event=await console.api.get(f"/v1/webhook-events/{event_id}"))
