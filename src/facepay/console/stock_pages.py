"""What a store has in stock, what is low there, and what a tag in somebody's hand is."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Query, Response

from facepay.console.fields import counted
from facepay.console.pages import Console, console, pages

LOW = 5

router = pages()
Reader = Annotated[Console, Depends(console("stores:read", "catalog:read"))]
Writer = Annotated[Console, Depends(console("stores:read", "catalog:read", "catalog:write"))]
TagReader = Annotated[Console, Depends(console("orders:read"))]
Typed = Annotated[str, Form(max_length=200)]


@router.get("/stores/{store_id}/stock")
async def see_stock(
    console: Reader,
    store_id: UUID,
    search: str = "",
    low: Annotated[int, Query(ge=0, le=10**9)] = LOW,
    only_low: bool = False,
    cursor: UUID | None = None,
) -> Response:
    quantity_max = low if only_low else None
    path = f"/v1/stores/{store_id}"
    return console.show(
        "stock.html",
        store=await console.api.get(path),
        stock=await console.api.get(f"{path}/stock", search=search, quantity_max=quantity_max, cursor=cursor),
        search=search,
        low=low,
        only_low=only_low,
        may_write=console.may("catalog:write"),
    )


@router.post("/stores/{store_id}/stock")
async def count(console: Writer, store_id: UUID, sku: Typed, quantity: Typed = "") -> Response:
    body = {"quantity": counted(quantity)}
    await console.api.send("PUT", f"/v1/stores/{store_id}/stock/{sku.strip()}", body)
    return console.back(f"/stores/{store_id}/stock", "The count was set.")


@router.get("/tags")
async def see_tag(console: TagReader, epc: Annotated[str, Query(max_length=124)] = "") -> Response:
    epc = epc.strip()
    return console.show("tag.html", epc=epc, tag=await console.api.get(f"/v1/tags/{epc}") if epc else None)
