"""All pages of the console."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Response

from facepay.console import (
    access_log_pages,
    account_pages,
    alert_pages,
    campaign_pages,
    chain_pages,
    decision_pages,
    device_pages,
    door_pages,
    figure_pages,
    holder_pages,
    live_pages,
    member_face_pages,
    member_history_pages,
    member_pages,
    member_terms_pages,
    member_wallet_pages,
    order_pages,
    privacy_pages,
    product_pages,
    review_pages,
    reward_pages,
    settings_pages,
    signing_in,
    staff_pages,
    stock_pages,
    store_pages,
    webhook_pages,
)
from facepay.console.pages import Console, console, pages
from facepay.kernel.errors import NotFound
from facepay.kernel.routers import Router

# Each may name, as SAID_BY_VALUE, the words of the API that its templates translate by their value.
PAGES = (
    signing_in,
    store_pages,
    live_pages,
    alert_pages,
    settings_pages,
    staff_pages,
    account_pages,
    device_pages,
    chain_pages,
    door_pages,
    figure_pages,
    holder_pages,
    access_log_pages,
    webhook_pages,
    member_pages,
    member_face_pages,
    member_wallet_pages,
    member_history_pages,
    member_terms_pages,
    review_pages,
    privacy_pages,
    product_pages,
    stock_pages,
    order_pages,
    decision_pages,
    campaign_pages,
    reward_pages,
)
router, nowhere = Router(), pages()
for page in PAGES:
    router.include_router(page.router)


@nowhere.get("/{path:path}")
async def see_nothing(_: Annotated[Console, Depends(console("account:own"))]) -> Response:
    raise NotFound("There is no such page.")


router.include_router(nowhere)
