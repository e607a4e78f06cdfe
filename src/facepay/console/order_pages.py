"""A store's orders: found by day, payer and state, looked at, given back in whole or in part, charged after."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Response

from facepay.checkout.orders import OrderStatus
from facepay.console.fields import Fields, counted, minor_units
from facepay.console.pages import Console, console, pages
from facepay.console.people import names_of, people_called

STATES = get_args(OrderStatus)
STATE_WORDS = {"partly_refunded": "partly refunded", "refunded": "refunded", "cancelled": "cancelled", "paid": "paid"}
KINDS = {"refund": "refund", "return": "return", "cancellation": "cancellation"}
SAID_BY_VALUE = {*STATE_WORDS.values(), *KINDS.values()}
LINES_MAX = 3

router = pages()
Reader = Annotated[Console, Depends(console("stores:read", "orders:read"))]
Corrector = Annotated[Console, Depends(console("stores:read", "orders:read", "wallet:write"))]
Way = Literal["refunds", "returns", "cancellation"]


def day_in(zone: str, day: date) -> tuple[str, str]:
    """From when until when a day lasts where a store is."""
    starts = [datetime.combine(each, time(), ZoneInfo(zone)) for each in (day, day + timedelta(days=1))]
    return starts[0].isoformat(), starts[1].isoformat()


@router.get("/stores/{store_id}/orders")
async def see_orders(
    console: Reader,
    store_id: UUID,
    day: Annotated[date | Literal[""], Query()] = "",
    person: Annotated[str, Query(max_length=100)] = "",
    status: Annotated[OrderStatus | Literal[""], Query()] = "",
    cursor: UUID | None = None,
) -> Response:
    """Where the name that was typed may be several people's, or nobody's, the reader is asked whom they mean."""
    store = await console.api.get(f"/v1/stores/{store_id}")
    people = await people_called(console, person)
    if people and len(people) == 1:
        person, people = people[0]["id"], None
    since, until = day_in(store["timezone"], day) if day else (None, None)
    orders: dict[str, Any] = {"items": [], "next_cursor": None}
    if people is None:
        asked = {"from": since, "to": until, "status": status or None, "member_id": person or None, "cursor": cursor}
        orders = await console.api.get("/v1/orders", store_id=str(store_id), **asked)
    return console.show(
        "orders.html",
        store=store,
        orders=orders,
        names=await names_of(console, (each["member_id"] for each in orders["items"])),
        people=people,
        day=day,
        person=person,
        state=status,
        states=STATES,
        words=STATE_WORDS,
    )


@router.get("/orders/{order_id}")
async def see_order(console: Reader, order_id: UUID) -> Response:
    path = f"/v1/orders/{order_id}"
    order = await console.api.get(path)
    return console.show(
        "order.html",
        **await _around(console, order),
        refunds=(await console.api.get(f"{path}/refunds", limit=200))["items"],
        supplements=(await console.api.get("/v1/orders", supplements_id=str(order_id), limit=200))["items"],
        device=await console.api.get(f"/v1/devices/{order['device_id']}"),
        words=STATE_WORDS,
        kinds=KINDS,
        lines_max=LINES_MAX,
        may_correct=console.may("wallet:write"),
    )


@router.get("/orders/{order_id}/receipt")
async def see_receipt(console: Reader, order_id: UUID) -> Response:
    path = f"/v1/orders/{order_id}"
    refunds = (await console.api.get(f"{path}/refunds", limit=200))["items"]
    return console.show(
        "receipt.html", **await _around(console, await console.api.get(path)), refunds=refunds, kinds=KINDS
    )


async def _around(console: Console, order: dict[str, Any]) -> dict[str, Any]:
    return {
        "order": order,
        "store": await console.api.get(f"/v1/stores/{order['store_id']}"),
        "names": await names_of(console, (order["member_id"], order["buyer_id"])),
    }


def _body(way: Way, typed: dict[str, str], currency: str) -> dict[str, Any]:
    """What the API takes for it, of a form whose quantities are named after their skus."""
    reason = {"reason": typed.get("reason", "")}
    if way == "refunds":
        amount = minor_units(typed.get("amount", ""), currency)
        return reason | {"amount": amount, "tip": "tip" in typed}
    if way == "cancellation":
        return reason | {"goods_kept": "goods_kept" in typed, "tip": "tip" in typed}
    quantities = {name.removeprefix("of "): counted(value) for name, value in typed.items() if name.startswith("of ")}
    lines = [{"sku": sku, "quantity": each} for sku, each in quantities.items() if each not in (None, 0)]
    return reason | {"lines": lines, "epcs": typed.get("epcs", "").split()}


@router.post("/orders/{order_id}/{way}/preview")
async def preview(console: Corrector, order_id: UUID, way: Way, typed: Fields) -> Response:
    """What would be given back, for somebody to look at and to confirm with the same form again."""
    path = f"/v1/orders/{order_id}"
    order = await console.api.get(path)
    body = _body(way, typed, order["currency"])
    found = await console.api.send("POST", f"{path}/{way}/preview", body)
    around = await _around(console, order)
    return console.show("order_preview.html", **around, preview=found, way=way, typed=typed, kinds=KINDS)


@router.post("/orders/{order_id}/supplements")
async def charge_more(console: Corrector, order_id: UUID, typed: Fields) -> Response:
    order = await console.api.get(f"/v1/orders/{order_id}")
    lines = [
        {"sku": typed[f"sku {number}"], "quantity": counted(typed.get(f"quantity {number}", ""))}
        for number in range(LINES_MAX)
        if typed.get(f"sku {number}")
    ]
    owed = {"advance_max": minor_units(typed.get("advance_max", "") or "0", order["currency"])}
    body = {"lines": lines, "reason": typed.get("reason", "")} | owed
    made = await console.api.send("POST", f"/v1/orders/{order_id}/supplements", body, key=typed.get("key"))
    return console.back(f"/orders/{made['id']}", "The goods were charged.")


@router.post("/orders/{order_id}/{way}")
async def give_back(console: Corrector, order_id: UUID, way: Way, typed: Fields) -> Response:
    path = f"/v1/orders/{order_id}"
    body = _body(way, typed, (await console.api.get(path))["currency"])
    await console.api.send("POST", f"{path}/{way}", body, key=typed.get("key"))
    return console.back(f"/orders/{order_id}", "It was given back.")
