from __future__ import annotations

import httpx


def verdict(response: httpx.Response) -> tuple[int, str]:
    """The status and the stable code of a refusal, which is a problem document."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["code"]
