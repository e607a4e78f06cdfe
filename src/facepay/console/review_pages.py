"""What gates, kiosks and lanes decided that may be wrong: worth a look, disputed, resolved; who looks like whom."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from fastapi import Depends, Form, Query, Response

from facepay.console.live_pages import DECISIONS
from facepay.console.pages import Console, console, pages
from facepay.console.people import names_of, people_called
from facepay.kernel.errors import Problem
from facepay.review.disputes import Kind
from facepay.review.resolutions import Consequence

KINDS: dict[Kind, str] = {"gate_attempt": "gate", "checkout": "kiosk", "passage": "lane"}
VERDICTS = {"right": "found right", "wrong": "found wrong"}
SAID_BY = {"member": "a member", "staff": "staff"}
CONSEQUENCES: dict[Consequence, str] = {
    "refunded": "What was left of the payment went back.",
    "pair_steps_up": "Both members always prove who they are.",
    "member_steps_up": "The member always proves who they are.",
    "learned_dropped": "What the templates had learned was dropped.",
    "visit_closed": "The visit was ended.",
    "evidence_deleted": "The frame was deleted.",
}
LOOKALIKES = {"measured": "measured", "reviewed": "known to be two people"}
SAID_BY_VALUE = {
    *KINDS.values(),
    *VERDICTS.values(),
    *SAID_BY.values(),
    *(CONSEQUENCES[each] for each in get_args(Consequence)),
    *LOOKALIKES.values(),
}
router = pages("/reviews")
Reader = Annotated[Console, Depends(console("reviews:read"))]
Disputer = Annotated[Console, Depends(console("reviews:read", "reviews:write"))]
Resolver = Annotated[Console, Depends(console("reviews:read", "reviews:resolve"))]
Viewer = Annotated[Console, Depends(console("reviews:read", "evidence:read"))]
Pairs = Annotated[Console, Depends(console("lookalikes:read"))]
Marker = Annotated[Console, Depends(console("lookalikes:read", "lookalikes:write"))]
Line = Annotated[str, Form(max_length=200)]
Store = Annotated[UUID | Literal[""], Query()]


class WhoIsMeant(Problem):
    """A name that nobody has, or several."""

    status = 422
    code = "who_is_meant"
    title = "Who is meant?"


@router.get("")
async def see_queue(
    console: Reader, kind: Kind = "checkout", store_id: Store = "", cursor: UUID | None = None
) -> Response:
    found = await console.api.get("/v1/review-queue", kind=kind, store_id=store_id or None, cursor=cursor)
    return console.show(
        "review_queue.html",
        found=found,
        names=await names_of(console, (each["member_id"] for each in found["items"])),
        decisions=DECISIONS,
        may_write=console.may("reviews:write"),
        **await _filters(console, kind, store_id),
    )


@router.get("/disputes")
async def see_disputes(
    console: Reader,
    state: Literal["open", "resolved", ""] = "open",
    kind: Kind | Literal[""] = "",
    store_id: Store = "",
    cursor: UUID | None = None,
) -> Response:
    asked = {"open": state == "open" if state else None, "kind": kind or None, "store_id": store_id or None}
    found = await console.api.get("/v1/disputes", cursor=cursor, **asked)
    return console.show(
        "disputes.html",
        found=found,
        names=await names_of(console, (each["member_id"] for each in found["items"])),
        state=state,
        verdicts=VERDICTS,
        **await _filters(console, kind, store_id),
    )


@router.post("/disputes")
async def open_dispute(console: Disputer, kind: Line, decision_id: Line, reason: Line, said_by: Line) -> Response:
    body = {"decision": {"kind": kind, "id": decision_id}, "reason": reason, "said_by": said_by}
    made = await console.api.send("POST", "/v1/disputes", body)
    return console.back(f"/reviews/disputes/{made['id']}", "The decision is disputed.")


@router.get("/disputes/{dispute_id}")
async def see_dispute(console: Reader, dispute_id: UUID) -> Response:
    return await _dispute(console, dispute_id, frame=None)


@router.post("/disputes/{dispute_id}/evidence")
async def look(console: Viewer, dispute_id: UUID, reason: Line) -> Response:
    """The page with the frame in it, once: every look has a reason, and is on record."""
    answer = await console.api.read(f"/v1/disputes/{dispute_id}/evidence", reason=reason)
    return await _dispute(console, dispute_id, frame=b64encode(answer.content).decode())


@router.post("/disputes/{dispute_id}/resolution")
async def resolve(
    console: Resolver, dispute_id: UUID, verdict: Line, note: Line, key: Line, actual: Line = ""
) -> Response:
    body = {"verdict": verdict, "note": note, "actual_member_id": await member_meant(console, actual)}
    await console.api.send("POST", f"/v1/disputes/{dispute_id}/resolution", body, key=key)
    return console.back(f"/reviews/disputes/{dispute_id}", "The dispute is resolved.")


@router.get("/watches")
async def see_watches(console: Reader, lifted: bool = False, cursor: UUID | None = None) -> Response:
    found = await console.api.get("/v1/watches", lifted=lifted, cursor=cursor)
    return console.show(
        "watches.html",
        found=found,
        lifted=lifted,
        names=await names_of(console, (each["member_id"] for each in found["items"])),
        may_lift=console.may("reviews:resolve"),
    )


@router.post("/watches/{watch_id}")
async def lift(console: Resolver, watch_id: UUID, reason: Line) -> Response:
    await console.api.send("POST", f"/v1/watches/{watch_id}/lifting", {"reason": reason})
    return console.back("/reviews/watches", "Their face is enough again.")


@router.get("/lookalikes")
async def see_lookalikes(console: Pairs, removed: bool = False, cursor: UUID | None = None) -> Response:
    found = await console.api.get("/v1/lookalikes", removed=removed, cursor=cursor)
    return console.show(
        "lookalikes.html",
        found=found,
        removed=removed,
        names=await names_of(console, (each for pair in found["items"] for each in pair["member_ids"])),
        words=LOOKALIKES,
        may_write=console.may("lookalikes:write"),
    )


@router.post("/lookalikes")
async def mark(console: Marker, one: Line, other: Line, note: Line) -> Response:
    members = [await member_meant(console, one), await member_meant(console, other)]
    await console.api.send("POST", "/v1/lookalikes", {"member_ids": members, "note": note})
    return console.back("/reviews/lookalikes", "Both may enrol, and always prove who they are.")


@router.post("/lookalikes/{pair_id}")
async def remove(console: Marker, pair_id: UUID, reason: Line) -> Response:
    await console.api.send("POST", f"/v1/lookalikes/{pair_id}/removal", {"reason": reason})
    return console.back("/reviews/lookalikes", "Their faces are enough again.")


async def member_meant(console: Console, typed: str) -> str | None:
    """The id of whom a name or an id says. Raises WhoIsMeant."""
    people = await people_called(console, typed.strip())
    if people is None:
        return typed.strip() or None
    if len(people) != 1:
        raise WhoIsMeant("Nobody has this name, or several have: type their id.")
    found: str = people[0]["id"]
    return found


async def staff_names(console: Console) -> dict[str, str]:
    """By id, for those who may see the staff."""
    if not console.may("staff:write"):
        return {}
    return {each["id"]: each["display_name"] for each in (await console.api.get("/v1/staff", limit=200))["items"]}


async def stores(console: Console) -> dict[str, Any]:
    return {each["id"]: each for each in (await console.api.get("/v1/stores", limit=200))["items"]}


async def _filters(console: Console, kind: str, store_id: UUID | str) -> dict[str, Any]:
    return {"kinds": KINDS, "kind": kind, "stores": await stores(console), "store_id": str(store_id)}


async def _dispute(console: Console, dispute_id: UUID, *, frame: str | None) -> Response:
    path = f"/v1/disputes/{dispute_id}"
    dispute = await console.api.get(path)
    device = await console.api.get(f"/v1/devices/{dispute['decision']['device_id']}")
    return console.show(
        "dispute.html",
        dispute=dispute,
        device=device,
        frame=frame,
        looks=(await console.api.get(f"{path}/evidence/accesses", limit=50))["items"],
        names=await names_of(console, (dispute["member_id"], dispute["actual_member_id"])),
        staff=await staff_names(console),
        zone=(await console.api.get(f"/v1/stores/{dispute['store_id']}"))["timezone"],
        kinds=KINDS,
        decisions=DECISIONS,
        verdicts=VERDICTS,
        said_by=SAID_BY,
        consequences=CONSEQUENCES,
        may_look=console.may("evidence:read"),
        may_resolve=console.may("reviews:resolve"),
    )
