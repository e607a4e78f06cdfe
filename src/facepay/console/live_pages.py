"""A store as it is at this moment, and how the page goes on showing it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from facepay.console.pages import Console, console, pages
from facepay.kernel.auth import session_still_current
from facepay.kernel.watching import Watch
from facepay.live.schemas import LiveAnswer
from facepay.live.watching import SCOPE, watch_store

# What comes anew when it has changed, each by itself, so that whoever is about to press a button elsewhere can.
PARTS = ("today", "alerts", "people", "decisions", "shelves", "devices")
# Words of the API that these pages show by their value.
DECISIONS = {
    "open": "let through",
    "deny": "turned away",
    "step_up": "asked for more",
    "paid": "paid",
    "declined": "declined",
    "pending": "under way",
    "hold": "held",
    "release": "let out",
    "closed": "ended unpaid",
}
SAID_BY_VALUE = frozenset(DECISIONS.values())
router = pages("/stores/{store_id}")
Watcher = Annotated[Console, Depends(console(SCOPE))]
Ender = Annotated[Console, Depends(console(SCOPE, "visits:write"))]


@router.get("")
async def see_live(console: Watcher, store_id: UUID) -> Response:
    store = await console.api.get(f"/v1/stores/{store_id}")
    live = await console.api.get(f"/v1/stores/{store_id}/live")
    return console.show("live.html", store=store, parts=PARTS, **_values(live))


async def _watch(console: Watcher, store_id: UUID) -> Watch[LiveAnswer]:
    authenticate = partial(session_still_current, console.request, SCOPE)
    return await watch_store(console.request, store_id=store_id, staff=console.me, authenticate=authenticate)


@router.get("/live", response_class=EventSourceResponse)
async def follow_live(
    console: Watcher, watch: Annotated[Watch[LiveAnswer], Depends(_watch)]
) -> AsyncIterator[ServerSentEvent]:
    """Each part that has changed, and a sign of life every ten seconds; `over` once the session has ended."""
    before: dict[str, str] = {}
    async for view in watch.follow():
        values = _values(view.model_dump(mode="json"))
        for part in PARTS:
            html = console.render(f"_live_{part}.html", **values)
            if html != before.get(part):
                before[part] = html
                yield ServerSentEvent(event=part, raw_data=html)
        yield ServerSentEvent(event="alive", raw_data=console.render("_live_alive.html", **values))
    if not watch.hub.closing:
        yield ServerSentEvent(event="over", raw_data="over")


@router.post("/visits/{visit_id}/end")
async def end_visit(console: Ender, store_id: UUID, visit_id: UUID) -> Response:
    await console.api.send("POST", f"/v1/stores/{store_id}/visits/{visit_id}/end")
    return console.back(f"/stores/{store_id}", "The visit has ended.")


def _values(live: dict[str, Any]) -> dict[str, Any]:
    """What the parts are made of. `names` are the devices' by id."""
    names = {each["id"]: each["name"] for each in live["devices"]}
    return {"live": live, "names": names, "decisions": DECISIONS}
