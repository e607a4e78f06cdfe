"""The access log: who wanted to pass where and what was decided, found by time, door, person and outcome."""

from __future__ import annotations

from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import Depends, Query, Response

from facepay.access_log.log import Decision, Kind
from facepay.console.door_pages import all_of, named
from facepay.console.fields import moment_in
from facepay.console.pages import HEADERS, Console, console, pages
from facepay.console.people import people_called

KINDS, DECISIONS = get_args(Kind), get_args(Decision)
SAID_BY_VALUE = {*KINDS, *DECISIONS}

router = pages("/stores/{store_id}/access-log")
Reader = Annotated[Console, Depends(console("stores:read", "access:read"))]
Exporter = Annotated[Console, Depends(console("stores:read", "access:export"))]
Asked = Annotated[str, Query(max_length=64)]


class Search:
    """What was typed into the form, and what it means to the API; what stays empty isn't asked for."""

    def __init__(
        self,
        since: Annotated[str, Query(alias="from", max_length=40)] = "",
        until: Annotated[str, Query(alias="to", max_length=40)] = "",
        door: Asked = "",
        person: Annotated[str, Query(max_length=100)] = "",
        kind: Asked = "",
        decision: Asked = "",
        code: Asked = "",
    ) -> None:
        self.typed = {
            "from": since,
            "to": until,
            "door": door,
            "person": person,
            "kind": kind,
            "decision": decision,
            "code": code,
        }

    def query(self, zone: str) -> dict[str, Any]:
        typed = self.typed
        asked = {
            "from": typed["from"] and moment_in(zone, typed["from"]),
            "to": typed["to"] and moment_in(zone, typed["to"]),
            "access_point": typed["door"],
            "member": typed["person"],
            "kind": typed["kind"],
            "decision": typed["decision"],
            "code": typed["code"],
        }
        return {name: value for name, value in asked.items() if value}


Sought = Annotated[Search, Depends()]


@router.get("")
async def see_log(console: Reader, store_id: UUID, sought: Sought, cursor: UUID | None = None) -> Response:
    """Where the name that was typed may be several people's, or nobody's, the reader is asked whom they mean."""
    store = await console.api.get(f"/v1/stores/{store_id}")
    people = await people_called(console, sought.typed["person"])
    if people and len(people) == 1:
        sought.typed["person"], people = people[0]["id"], None
    events: dict[str, Any] = {"items": [], "next_cursor": None}
    if people is None:
        query = sought.query(store["timezone"])
        events = await console.api.get(f"/v1/stores/{store_id}/access-events", **query, cursor=cursor)
    present = {each["member_id"] for event in events["items"] for each in event["persons"] if each["member_id"]}
    return console.show(
        "access_log.html",
        store=store,
        events=events,
        points=named(await all_of(console, f"/v1/stores/{store_id}/access-points")),
        people=people,
        holder_names=await _names(console, store_id, present),
        chain=await console.api.get("/v1/access-events/chain"),
        typed=sought.typed,
        kinds=KINDS,
        decisions=DECISIONS,
        may_export=console.may("access:export"),
    )


async def _names(console: Console, store_id: UUID, members: set[str]) -> dict[str, str]:
    """Of those who may pass doors here."""
    found: dict[str, str] = {}
    for member in sorted(members):
        path = f"/v1/stores/{store_id}/holders"
        found |= {each["member_id"]: each["name"] for each in (await console.api.get(path, member=member))["items"]}
    return found


@router.get("/export")
async def export(console: Exporter, store_id: UUID, sought: Sought) -> Response:
    """As a table for a spreadsheet. That it was exported stands in the log."""
    store = await console.api.get(f"/v1/stores/{store_id}")
    path = f"/v1/stores/{store_id}/access-events/export"
    file = await console.api.read(path, format="csv", **sought.query(store["timezone"]))
    headers = HEADERS | {"Content-Disposition": 'attachment; filename="access-log.csv"'}
    return Response(file.content, media_type=file.headers["content-type"], headers=headers)
