"""Anti-passback: whoever is in can't come in again, as the zone says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from facepay.access.zones import Zone
from facepay.doors.barriers import Whereabouts, passback_fault
from tests.access.site import Site

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HALL, VAULT = UUID(int=1), UUID(int=2)
BADGE = {"factors": [["badge"]]}


@pytest.mark.parametrize(
    ("mode", "was", "minutes_ago", "fault"),
    [
        ("hard", None, 1, "wrong_zone"),
        ("hard", HALL, 1, None),
        ("hard", VAULT, 600, "already_inside"),
        ("hard", UUID(int=3), 1, "wrong_zone"),
        ("soft", VAULT, 600, "already_inside"),
        ("timed", VAULT, 9, "too_soon"),
        ("timed", VAULT, 10, None),
        ("timed", None, 1, None),
        ("none", VAULT, 1, None),
    ],
)
def test_whoever_is_in_or_comes_from_where_they_are_not_is_found(
    mode: str, was: UUID | None, minutes_ago: int, fault: str | None
) -> None:
    vault = Zone(id=VAULT, anti_passback=mode, anti_passback_minutes=10 if mode == "timed" else None)
    seen = Whereabouts(was, NOW - timedelta(minutes=minutes_ago))
    assert passback_fault(vault, seen, from_zone_id=HALL, now=NOW) == fault
    assert passback_fault(vault, None, from_zone_id=HALL, now=NOW) is None, "nobody has seen them yet"


@pytest.mark.anyio
async def test_softly_it_is_noted_and_the_guard_is_told_and_some_are_exempt(site: Site) -> None:
    policy = await site.policy(BADGE)
    soft, hard = [await site.way(policy, await site.zone(anti_passback=each)) for each in ("soft", "hard")]
    badge = await site.badge(await site.holder())
    assert (await soft.by_badge(badge))["code"] == "granted"
    assert not await site.alerts()
    assert (await soft.by_badge(badge))["code"] == "granted"
    assert (await site.logged())[0].details["noted"] == ["already_inside"]
    assert (await site.alerts())["anti_passback_noted"].severity == 2
    assert (await hard.by_badge(badge))["code"] == "wrong_zone", "they are elsewhere, by all that doors know"
    exempt = await site.badge(await site.holder(anti_passback_exempt=True))
    assert [(await hard.by_badge(exempt))["code"] for _ in range(2)] == ["granted"] * 2
