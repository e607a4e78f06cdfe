"""What the night watch's tests have in common: a store with rules, and what its guards are told."""

from __future__ import annotations

from typing import Any

from tests.shop import Shop


async def set_rules(shop: Shop, **rules: Any) -> None:
    await shop.do("PUT", f"/v1/stores/{shop.store_id}/house-rules", json=rules)


async def alerts(shop: Shop, kind: str) -> list[dict[str, Any]]:
    """Of a kind, newest first, open or not."""
    query = {"kind": kind}
    items: list[dict[str, Any]] = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts", params=query))["items"]
    return items


async def is_open(shop: Shop, kind: str) -> list[bool]:
    return [each["resolved_at"] is None for each in await alerts(shop, kind)]


async def enter_by_pass(shop: Shop, member_id: str | None = None) -> str:
    """The member who has come in, a new one unless told otherwise."""
    member_id = member_id or await shop.add_member_without_face()
    text = (await shop.issue_pass(member_id))["pass"]
    assert (await shop.pass_at_gate(text)).json()["code"] == "welcome"
    return member_id


async def leave_by_pass(shop: Shop, member_id: str) -> str:
    text = (await shop.issue_pass(member_id))["pass"]
    return str((await shop.pass_at_gate(text, "exits")).json()["code"])
