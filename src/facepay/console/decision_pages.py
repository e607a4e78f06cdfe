"""What gates, kiosks, lanes and shops on the web decided or were asked, and what the kitchen has before it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Form, Query, Response

from facepay.console.live_pages import DECISIONS
from facepay.console.pages import Console, console, pages
from facepay.console.people import names_of
from facepay.kitchen.schemas import Step
from facepay.kitchen.tickets import TicketState
from facepay.online.intents import Status

# Of each list: its path in the API, what may be decided there, and which device and time a row names.
LISTS = {
    "gates": ("gate-attempts", ("open", "deny", "step_up"), "gate_id", "decided_at"),
    "kiosks": ("checkouts", ("paid", "declined", "step_up"), "kiosk_id", "decided_at"),
    "lanes": ("passages", ("pending", "hold", "release", "closed"), "lane_id", "started_at"),
}
INTENTS = {
    "requires_confirmation": "not confirmed yet",
    "requires_action": "waits for the payer",
    "processing": "under way",
    "succeeded": "paid",
    "canceled": "cancelled",
}
REASONS = {
    "requested_by_customer": "The customer asked for it",
    "duplicate": "It was asked for twice",
    "fraudulent": "It looks like fraud",
    "abandoned": "Nobody came back to it",
    "expired": "Its time was over",
    "failed_verification": "Too many tries failed",
}
STEPS = {Step.START: "Start", Step.READY: "Ready", Step.COLLECT: "Handed out"}
AFTER = {
    TicketState.RECEIVED: Step.START,
    TicketState.PREPARING: Step.READY,
    TicketState.READY: Step.COLLECT,
}
SAID_BY_VALUE = {"Gates", "Kiosks", "Lanes", *INTENTS.values(), *REASONS.values(), *STEPS.values(), *TicketState}

router = pages("/stores/{store_id}")
Reader = Annotated[Console, Depends(console("stores:read", "orders:read", "members:read"))]
Payments = Annotated[Console, Depends(console("stores:read", "orders:read"))]
Canceller = Annotated[Console, Depends(console("stores:read", "orders:read", "wallet:write"))]
Kitchen = Annotated[Console, Depends(console("stores:read", "orders:read", "kitchen:write"))]
Typed = Annotated[str, Form(max_length=64)]


async def _devices(console: Console, store_id: UUID) -> dict[str, str]:
    found = await console.api.get(f"/v1/stores/{store_id}/devices", limit=200)
    return {each["id"]: each["name"] for each in found["items"]}


@router.get("/decisions")
async def see_decisions(
    console: Reader,
    store_id: UUID,
    of: Annotated[Literal["gates", "kiosks", "lanes"], Query()] = "gates",
    decision: Annotated[str, Query(max_length=16)] = "",
    code: Annotated[str, Query(max_length=40)] = "",
    cursor: UUID | None = None,
) -> Response:
    path, decisions, device, at = LISTS[of]
    asked = {"decision": decision or None, "code": code.strip() or None, "cursor": cursor}
    found = await console.api.get(f"/v1/stores/{store_id}/{path}", **asked)
    return console.show(
        "decisions.html",
        store=await console.api.get(f"/v1/stores/{store_id}"),
        found=found,
        names=await names_of(console, (each["member_id"] for each in found["items"])),
        devices=await _devices(console, store_id),
        of=of,
        lists=LISTS,
        device=device,
        at=at,
        decision=decision,
        decisions=decisions,
        words=DECISIONS,
        code=code,
    )


@router.get("/payments")
async def see_payments(
    console: Payments,
    store_id: UUID,
    status: Annotated[Status | Literal[""], Query()] = "",
    cursor: UUID | None = None,
) -> Response:
    path = f"/v1/stores/{store_id}"
    found = await console.api.get(f"{path}/payment-intents", status=status or None, cursor=cursor)
    return console.show(
        "payments.html",
        store=await console.api.get(path),
        found=found,
        names=await names_of(console, (each["member_id"] for each in found["items"])),
        devices=await _devices(console, store_id),
        state=status,
        words=INTENTS,
    )


@router.get("/payments/{intent_id}")
async def see_payment(console: Payments, store_id: UUID, intent_id: UUID) -> Response:
    intent = await console.api.get(f"/v1/stores/{store_id}/payment-intents/{intent_id}")
    return console.show(
        "payment.html",
        store=await console.api.get(f"/v1/stores/{store_id}"),
        intent=intent,
        names=await names_of(console, (intent["member_id"],)),
        devices=await _devices(console, store_id),
        words=INTENTS,
        reasons=REASONS,
        offered=("requested_by_customer", "duplicate", "fraudulent", "abandoned"),
        may_cancel=console.may("wallet:write") and intent["status"] not in ("succeeded", "canceled"),
    )


@router.post("/payments/{intent_id}/cancellation")
async def cancel_payment(console: Canceller, store_id: UUID, intent_id: UUID, reason: Typed) -> Response:
    path = f"/v1/stores/{store_id}/payment-intents/{intent_id}/cancel"
    await console.api.send("POST", path, {"cancellation_reason": reason})
    return console.back(f"/stores/{store_id}/payments/{intent_id}", "Nobody can pay it any more.")


@router.get("/tickets")
async def see_tickets(
    console: Payments,
    store_id: UUID,
    state: Annotated[TicketState | Literal[""], Query()] = "",
    cursor: UUID | None = None,
) -> Response:
    return console.show(
        "tickets.html",
        store=await console.api.get(f"/v1/stores/{store_id}"),
        tickets=await console.api.get(f"/v1/stores/{store_id}/tickets", state=state or None, cursor=cursor),
        states=list(TicketState),
        state=state,
        after=AFTER,
        back_from=(TicketState.PREPARING, TicketState.READY, TicketState.COLLECTED),
        steps=STEPS,
        may_move=console.may("kitchen:write"),
    )


@router.post("/tickets/{ticket_id}/{step}")
async def move_ticket(
    console: Kitchen, store_id: UUID, ticket_id: UUID, step: Step | Literal["recall"], state: Typed = ""
) -> Response:
    body: Any = {"state": state} if step == "recall" else None
    await console.api.send("POST", f"/v1/stores/{store_id}/tickets/{ticket_id}/{step}", body)
    return console.back(f"/stores/{store_id}/tickets", "The kitchen sees it now.")
