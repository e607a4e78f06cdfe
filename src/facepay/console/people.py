"""Who is meant by what somebody typed, and who members are by their ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from facepay.console.pages import Console

AT_ONCE_MAX = 200


async def people_called(console: Console, name: str) -> list[dict[str, Any]] | None:
    """None where no name was typed, or an id."""
    if not name or _is_id(name) or not console.may("members:read"):
        return None
    found: list[dict[str, Any]] = (await console.api.get("/v1/members", search=name, limit=20))["items"]
    return found


async def names_of(console: Console, members: Iterable[str | None]) -> dict[str, str]:
    """By id; nobody's who was erased."""
    wanted = sorted({each for each in members if each})[:AT_ONCE_MAX]
    if not wanted or not console.may("members:read"):
        return {}
    found = await console.api.get("/v1/members", id=wanted, limit=AT_ONCE_MAX)
    return {each["id"]: each["display_name"] for each in found["items"]}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
