"""Bans: two people for one, a third for an appeal, and nothing left of whoever it was once it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation

from facepay.watchlist.ending import keep_watchlist
from tests.answers import verdict
from tests.conftest import Clock
from tests.photos import camera_frame, people
from tests.shop import Shop
from tests.watchlist.desk import WHY, Desk

pytestmark = [pytest.mark.anyio, pytest.mark.reopened(watchlist=True)]
NOW_ON = ("name", "story", "wrapped_key", "key_id")


@pytest.fixture
async def desk(shop: Shop) -> Desk:
    return await Desk.open(shop)


@pytest.fixture
def rows(owner_database_url: str) -> Any:
    """What stands in a table, as the database's owner sees it."""

    def read(table: str) -> list[dict[str, Any]]:
        address = owner_database_url.replace("+psycopg", "")
        with psycopg.connect(address, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(f"select * from {table} order by id").fetchall()

    return read


async def keep_house(desk: Desk, clock: Clock) -> None:
    state = desk.shop.client._transport.app.state  # type: ignore[attr-defined]
    await keep_watchlist(state.database, settings=state.settings, now=clock())


async def test_a_ban_takes_two_people_and_the_database_says_so_too(desk: Desk, owner_database_url: str) -> None:
    shop = desk.shop
    proposed = await desk.propose(0)
    ban_id = proposed.json()["id"]
    assert proposed.headers["location"] == f"/v1/watchlist/bans/{ban_id}"
    assert (proposed.json()["status"], proposed.json()["lapses_at"]) == ("proposed", None)
    assert (await shop.at_gate(0)).json()["code"] == "unknown_face"
    assert verdict(await desk.say(ban_id, "approval", by=desk.first)) == (409, "second_person_needed")
    with (
        psycopg.connect(owner_database_url.replace("+psycopg", "")) as connection,
        pytest.raises(CheckViolation, match="two_persons"),
    ):
        connection.execute(
            "update ban set approved_by = proposed_by, approved_at = now(), review_at = now(), lapses_at = now()"
        )
    assert (await desk.say(ban_id, "approval", by=desk.second)).json()["status"] == "in_force"
    assert verdict(await desk.say(ban_id, "approval", by=desk.third)) == (409, "ban_not_proposed")
    assert (await shop.at_gate(0)).json()["code"] == "please_wait"


async def test_a_proposal_is_refused_where_it_says_too_little_or_lasts_too_long(desk: Desk) -> None:
    assert verdict(await desk.propose(0, days=366)) == (422, "ban_too_long")
    assert verdict(await desk.propose(0, review_days=91)) == (422, "invalid_request")
    assert verdict(await desk.propose(0, reason="nationality")) == (422, "invalid_request")
    assert verdict(await desk.propose(0, story="")) == (422, "invalid_request")
    assert verdict(await desk.propose(0, religion="any")) == (422, "invalid_request")
    assert verdict(await desk.propose(camera_frame([]))) == (422, "no_face")
    assert verdict(await desk.propose(camera_frame([people()[0], people()[1]]))) == (422, "multiple_faces")
    ban_id = (await desk.propose(0)).json()["id"]
    assert (await desk.say(ban_id, "rejection", by=desk.second)).json()["ending"] == "rejected"
    assert verdict(await desk.say(ban_id, "approval", by=desk.second)) == (409, "ban_not_proposed")


async def test_a_ban_that_is_over_stops_nobody_and_leaves_a_row_that_says_of_nobody_who_it_was(
    desk: Desk, clock: Clock, rows: Any
) -> None:
    shop = desk.shop
    ban_id = await desk.ban(0, days=10, review_days=10)
    assert (await shop.at_gate(0)).json()["code"] == "please_wait"
    clock.ahead += timedelta(days=10)
    assert (await shop.at_gate(0)).json()["code"] == "unknown_face"  # whether it was erased yet or not
    assert len(rows("ban_face")) == 1
    await keep_house(desk, clock)
    assert rows("ban_face") == []
    (ban,) = rows("ban")
    assert [ban[column] for column in NOW_ON] == [None] * 4
    assert (ban["ending"], ban["ended_by"], ban["reason"]) == ("lapsed", "housekeeping", "theft")
    (hit,) = rows("watchlist_hit")
    assert (hit["sealed_face"], hit["sealed_frame"], hit["similarity"]) == (None, None, None)
    assert (hit["answer"], hit["answered_by"]) == ("refuse", "nobody")
    await desk.sign_in()
    shown = (await desk.look(f"bans/{ban_id}")).json()
    assert (shown["status"], shown["name"], shown["story"], shown["photo_ids"]) == ("ended", None, None, [])


async def test_what_was_seen_is_forgotten_once_no_answer_counts_and_nobody_waits_when_the_ban_is_lifted(
    desk: Desk, clock: Clock, rows: Any
) -> None:
    ban_id = await desk.ban(0)
    await desk.shop.at_gate(0)
    (hit,) = rows("watchlist_hit")
    assert hit["sealed_face"]
    assert hit["sealed_frame"]
    clock.ahead += timedelta(seconds=60 + 301)
    await keep_house(desk, clock)
    (hit,) = rows("watchlist_hit")
    assert (hit["sealed_face"], hit["sealed_frame"], hit["answered_by"]) == (None, None, "nobody")

    await desk.shop.at_gate(0)
    (waiting,) = await desk.waiting()
    await desk.say(ban_id, "lifting", by=desk.second)
    assert await desk.waiting() == []
    assert verdict(await desk.answer(waiting["id"], "refuse")) == (409, "hit_answered")
    assert (await desk.look(f"hits/{waiting['id']}")).json()["answer"] == "admit"
    assert (await desk.shop.at_gate(0)).json()["code"] == "unknown_face"


async def test_a_ban_is_reviewed_in_time_or_ends_by_itself_as_does_a_proposal_that_nobody_answers_for_a_week(
    desk: Desk, clock: Clock, rows: Any
) -> None:
    kept, left = await desk.ban(0), await desk.ban(1)
    proposed = (await desk.propose(2)).json()["id"]
    clock.ahead += timedelta(days=7)
    await keep_house(desk, clock)
    assert [(str(each["id"]), each["ending"]) for each in rows("ban") if each["ending"]] == [(proposed, "unanswered")]
    assert {str(each["ban_id"]) for each in rows("ban_face")} == {kept, left}
    clock.ahead += timedelta(days=23)
    await keep_house(desk, clock)
    await keep_house(desk, clock)
    await desk.sign_in()
    alerts = await desk.alerts()
    assert {(each["kind"], each["times"]) for each in alerts} == {("ban_review_due", 1)}
    assert {each["evidence_id"] for each in alerts} == {kept, left}
    reviewed = (await desk.say(kept, "review", by=desk.second)).json()
    assert reviewed["review_at"] > reviewed["reviewed_at"] > reviewed["approved_at"]
    clock.ahead += timedelta(days=14)
    await keep_house(desk, clock)
    await desk.sign_in()
    assert (await desk.look(f"bans/{left}")).json()["ending"] == "unreviewed"
    assert (await desk.look(f"bans/{kept}")).json()["status"] == "in_force"


async def test_an_appeal_is_decided_by_a_third_person_and_erases_the_ban_where_it_is_upheld(
    desk: Desk, owner_database_url: str, rows: Any
) -> None:
    shop = desk.shop
    ban_id = await desk.ban(0)
    path = f"/v1/watchlist/bans/{ban_id}/appeals"
    appeal = {"words": "It was my brother.", "received_on": "2026-01-02"}

    async def decide(appeal_id: str, upheld: bool, by: dict[str, str]) -> Any:
        body = {"upheld": upheld, "finding": "The recording shows somebody else."}
        return await shop.client.post(f"/v1/watchlist/appeals/{appeal_id}/decision", json=body, headers=by)

    tomorrow = appeal | {"received_on": "2199-01-01"}
    assert verdict(await shop.client.post(path, json=tomorrow, headers=desk.first)) == (422, "appeal_not_yet_made")
    first = await shop.do("POST", path, json=appeal)
    assert verdict(await shop.client.post(path, json=appeal, headers=desk.first)) == (409, "appeal_open")
    for one_of_the_two in (desk.first, desk.second):
        assert verdict(await decide(first["id"], True, one_of_the_two)) == (409, "third_person_needed")
    with (
        psycopg.connect(owner_database_url.replace("+psycopg", "")) as connection,
        pytest.raises(CheckViolation, match="third_person"),
    ):
        connection.execute("update ban_appeal set decided_by = approved_by, decided_at = now(), upheld = false")
    assert (await decide(first["id"], False, desk.third)).json()["upheld"] is False
    assert (await shop.at_gate(0)).json()["code"] == "please_wait"
    second = await shop.do("POST", path, json=appeal)
    assert (await decide(second["id"], True, desk.third)).json()["upheld"] is True
    assert (await shop.at_gate(0)).json()["code"] == "unknown_face"
    assert rows("ban_face") == []
    assert {(each["words"], each["finding"]) for each in rows("ban_appeal")} == {(None, None)}
    assert rows("ban")[0]["ending"] == "appeal_upheld"


async def test_an_appeal_is_told_of_and_decided_while_the_ban_lasts_or_not_at_all(desk: Desk, rows: Any) -> None:
    shop = desk.shop
    ban_id = await desk.ban(0)
    words = {"words": "It was my brother.", "received_on": "2026-01-02"}
    appeal = await shop.do("POST", f"/v1/watchlist/bans/{ban_id}/appeals", json=words)
    (alert,) = await desk.alerts()
    assert (alert["kind"], alert["evidence_kind"], alert["evidence_id"]) == ("ban_appealed", "ban", ban_id)
    assert (await desk.say(ban_id, "lifting", by=desk.second)).status_code == 200
    path = f"/v1/watchlist/appeals/{appeal['id']}/decision"
    for upheld in (True, False):
        body = {"upheld": upheld, "finding": "His brother looks like him."}
        late = await shop.client.post(path, json=body, headers=desk.third)
        assert verdict(late) == (409, "ban_not_in_force")
    assert rows("ban")[0]["ending"] == "lifted"
    assert {(each["words"], each["finding"]) for each in rows("ban_appeal")} == {(None, None)}


async def test_every_look_is_written_down_with_what_it_is_for(desk: Desk) -> None:
    shop = desk.shop
    ban_id = await desk.ban(0)
    await shop.at_gate(0)
    (hit,) = await desk.waiting()
    shown = (await desk.look(f"bans/{ban_id}")).json()
    assert (shown["name"], shown["story"]) == ("Somebody", "Left with two bags unpaid, twice.")
    photo = await desk.look(f"bans/{ban_id}/photos/{shown['photo_ids'][0]}")
    assert (photo.content[:2], photo.headers["cache-control"]) == (b"\xff\xd8", "no-store")
    (listed,) = (await desk.look("bans", status="in_force")).json()["items"]
    assert "name" not in listed
    await desk.look(f"hits/{hit['id']}")
    await desk.look(f"hits/{hit['id']}/frame")
    unsaid = await shop.client.get(f"/v1/watchlist/bans/{ban_id}", headers=desk.first)
    assert verdict(unsaid) == (422, "invalid_request")
    views = (await shop.do("GET", "/v1/watchlist/views"))["items"]
    assert [each["shown"] for each in views] == ["frame", "hit", "bans", "photo", "ban", "hits"]
    assert {each["purpose"] for each in views} == set(WHY.values())
    of_ban = (await shop.do("GET", "/v1/watchlist/views", params={"ban_id": ban_id}))["items"]
    assert [each["shown"] for each in of_ban] == ["frame", "hit", "photo", "ban"]


async def test_guards_answer_and_look_and_neither_propose_nor_approve(desk: Desk) -> None:
    shop = desk.shop
    body = {"username": "guard", "display_name": "Guard", "role": "guard", "password": "a long pass phrase"}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": "guard", "password": "a long pass phrase"}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    guard = Desk(shop, {"Authorization": f"Bearer {token}"}, {}, {})
    ban_id = await desk.ban(0)
    assert (await guard.look(f"bans/{ban_id}")).status_code == 200
    assert verdict(await guard.propose(1)) == (403, "insufficient_scope")
    assert verdict(await guard.say(ban_id, "lifting", by=guard.first)) == (403, "insufficient_scope")
    await shop.at_gate(0)
    (hit,) = await desk.waiting()
    path = f"/v1/watchlist/hits/{hit['id']}/answer"
    assert (await shop.client.post(path, json={"answer": "refuse"}, headers=guard.first)).status_code == 200
