"""How sure the devices were: counted in fives, so that nobody is picked out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select

from facepay.entrance.gates import GateAttempt
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.reports.recognition import fives
from facepay.review.disputes import Dispute
from facepay.staff.accounts import StaffAccount
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def recognition(shop: Shop, use: str, **query: str) -> Any:
    report = await shop.do("GET", f"/v1/stores/{shop.store_id}/recognition", params=query)
    return next(each for each in report["uses"] if each["use"] == use)


def attempt(shop: Shop, days_ago: int = 0, **of_it: Any) -> dict[str, Any]:
    """A row as a gate leaves it."""
    at = shop.app.state.clock() - timedelta(days=days_ago)
    row = {"decision": "open", "code": "welcome", "similarity": None, "threshold": None, "work_ms": None}
    fixed = {"id": new_id(), "gate_id": UUID(shop.gate_id), "direction": "entry", "created_at": at, "decided_at": at}
    return fixed | row | of_it


async def leave(shop: Shop, *rows: dict[str, Any]) -> None:
    database: Database = shop.app.state.database
    async with database.begin() as session:
        await session.execute(insert(GateAttempt), rows)


async def test_a_decision_by_face_says_how_long_it_took_and_one_by_pass_does_not(shop: Shop) -> None:
    await shop.add_member(0)
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    await shop.pass_at_gate((await shop.issue_pass(await shop.add_member_without_face()))["pass"])
    database: Database = shop.app.state.database
    async with database.begin() as session:
        took = (await session.scalars(select(GateAttempt.work_ms).order_by(GateAttempt.id))).all()
    assert took[0] is not None
    assert took[0] > 0
    assert took[1] is None


async def test_counts_scores_and_times_are_told_by_use_and_nobody_is_picked_out(shop: Shop) -> None:
    sure = [attempt(shop, similarity=0.61, threshold=0.4, work_ms=ms) for ms in (10, 20, 30, 40, 50, 60, 70)]
    before = [attempt(shop, days_ago=1, similarity=0.45, threshold=0.4, work_ms=40) for _ in range(4)]
    refused = [attempt(shop, decision="deny", code="unknown_face", work_ms=40) for _ in range(5)]
    known = [attempt(shop, decision="deny", code="already_inside", similarity=0.5, threshold=0.4) for _ in range(5)]
    asked = [attempt(shop, decision="step_up", code="uncertain") for _ in range(3)]
    await leave(shop, *sure, *before, *refused, *known, *asked)
    gate = await recognition(shop, "gate")
    assert gate["total"] == {"accepted": 10, "asked": 0, "refused": 10}
    assert gate["shares"] == {"accepted": 0.5, "asked": 0, "refused": 0.5}
    assert [(each["accepted"], each["refused"]) for each in gate["days"]] == [(0, 0)] * 6 + [(5, 10)]
    codes = [(each["outcome"], each["code"], each["count"]) for each in gate["codes"]]
    assert codes == [("accepted", "welcome", 10), ("refused", "already_inside", 5), ("refused", "unknown_face", 5)]
    assert (gate["latency_ms"]["p50"], gate["threshold"]) == (40, 0.4)
    assert gate["similarities"] == [
        {"low": 0.5, "accepted": 0, "refused": 5},
        {"low": 0.6, "accepted": 5, "refused": 0},
    ]
    empty = await recognition(shop, "mirror")
    assert (empty["total"], empty["shares"]) == ({"accepted": 0, "asked": 0, "refused": 0}, None)


async def test_a_day_more_does_not_say_what_four_people_did_on_it(shop: Shop) -> None:
    await leave(shop, *(attempt(shop) for _ in range(10)), *(attempt(shop, days_ago=1) for _ in range(4)))
    today = (await recognition(shop, "gate"))["days"][-1]["day"]
    alone = await recognition(shop, "gate", **{"from": today, "to": today})
    both = await recognition(shop, "gate", to=today)
    assert (alone["total"], both["total"]) == (both["total"], alone["total"])


async def test_decisions_found_wrong_are_counted_by_use(shop: Shop) -> None:
    rows = [attempt(shop) for _ in range(11)]
    await leave(shop, *rows)
    database: Database = shop.app.state.database
    async with database.begin() as session:
        staff_id, now = await session.scalar(select(StaffAccount.id).limit(1)), shop.app.state.clock()
        said: dict[str, Any] = {"store_id": UUID(shop.store_id), "reason": "not me", "said_by": "staff"}
        by_whom = {"opened_at": now, "opened_by": staff_id, "resolved_at": now, "resolved_by": staff_id, "note": "seen"}
        disputes = [
            {"id": new_id(), "gate_attempt_id": row["id"], "verdict": "wrong" if number < 6 else "right"}
            | said
            | by_whom
            for number, row in enumerate(rows)
        ]
        await session.execute(insert(Dispute), disputes)
    gate = await recognition(shop, "gate")
    assert (gate["reviewed"], gate["found_wrong"]) == (10, 5)


async def test_who_may_not_see_stores_and_ninety_three_days_are_refused(shop: Shop) -> None:
    path = f"/v1/stores/{shop.store_id}/recognition"
    assert (await shop.client.get(path, headers=shop.gate)).status_code in (401, 403)
    long = await shop.client.get(path, headers=shop.staff, params={"from": "2026-01-01", "to": "2026-04-03"})
    assert (long.status_code, long.json()["code"]) == (422, "span_invalid")
    missing = await shop.client.get(f"/v1/stores/{uuid4()}/recognition", headers=shop.staff)
    assert missing.json()["code"] == "store_not_found"


@pytest.mark.parametrize(("count", "told"), [(0, 0), (4, 0), (5, 5), (9, 5), (1_000_003, 1_000_000)])
def test_fewer_than_five_are_none(count: int, told: int) -> None:
    assert fives(count) == told
