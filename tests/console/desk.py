"""A browser before the console, without the browser."""

from __future__ import annotations

import httpx

from tests.shop import PASSWORD, Shop

OURS = {"Sec-Fetch-Site": "same-origin"}  # what a browser says of a form of ours
COOKIE = "facepay_session"


async def signed_in(shop: Shop, username: str = "owner", password: str = PASSWORD, **form: str) -> httpx.Response:
    """From now on `shop.client` has the session's cookie; further POSTs carry OURS as headers."""
    answer = await shop.client.post(
        "/console/sign-in", data={"username": username, "password": password, **form}, headers=OURS
    )
    shop.client.cookies.update(answer.cookies)
    return answer
