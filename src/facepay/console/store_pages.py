"""The stores, from where everything else is reached."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response

from facepay.console.pages import Console, console, pages

router = pages()
Reader = Annotated[Console, Depends(console("stores:read"))]


@router.get("")
async def see_stores(console: Reader, cursor: UUID | None = None) -> Response:
    figures = await console.api.get("/v1/live", cursor=cursor)
    return console.show(
        "stores.html",
        stores=await console.api.get("/v1/stores", cursor=cursor),
        figures={each["store_id"]: each for each in figures["items"]},
    )
