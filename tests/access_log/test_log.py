"""The access log: many write at once and none waits, what was written stays, and who took part can be forgotten."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from facepay.access_log.log import LOG, AccessEvent, AccessEventPerson, NewEvent, Person, write
from facepay.access_log.retention import forget_events, unlink_member
from facepay.access_log.verify import verify
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.embedded import SUPERUSER, EmbeddedPostgres
from facepay.kernel.ids import new_id
from tests.answers import verdict
from tests.shop import PASSWORD, Shop

pytestmark = pytest.mark.anyio
DOOR, STORE = new_id(), new_id()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=32)
    yield database
    await database.close()


def attempt(*persons: Person, code: str = "granted", store_id: UUID = STORE) -> NewEvent:
    return NewEvent(
        "attempt",
        store_id,
        code,
        f"device:{DOOR}",
        "granted" if code == "granted" else "denied",
        access_point_id=DOOR,
        policy=f"{DOOR}@3",
        factors=[{"factor": "face", "result": "matched"}, {"factor": "pin", "result": "matched"}],
        persons=persons,
        details={"window_seconds": 15},
    )


@pytest.fixture
def aged(postgres: EmbeddedPostgres, database_name: str) -> Callable[[], None]:
    """Has what is not yet sealed be 31 days old, which only a superuser's hand can."""

    def age() -> None:
        address = postgres.url(role=SUPERUSER, database=database_name).replace("+psycopg", "")
        with psycopg.connect(address) as superuser:
            superuser.execute("set session_replication_role = replica")
            superuser.execute("update access_event set created_at = created_at - interval '31 days'")

    return age


async def written(database: Database, *events: NewEvent) -> list[UUID]:
    async with database.begin() as session:
        return [await write(session, event, now=utc_now()) for event in events]


async def test_how_far_the_log_is_sealed_can_be_asked(shop: Shop) -> None:
    database = shop.app.state.database
    await written(database, attempt(), attempt())
    before = await shop.do("GET", "/v1/access-events/chain")
    assert before["waiting"] >= 2
    await LOG.seal_all(database)
    after = await shop.do("GET", "/v1/access-events/chain")
    assert (after["number"], after["waiting"]) == (before["number"] + 2, 0)
    report = await verify(database)
    assert report.head == (after["number"], after["hash"])


async def test_many_doors_write_at_once_and_every_event_is_in_the_chain_once(database: Database) -> None:
    async def door(number: int) -> None:
        for _ in range(5):
            await written(database, attempt(Person(new_id(), details={"similarity": 0.5 + number / 100})))

    await asyncio.gather(*(door(number) for number in range(30)), *(LOG.seal_all(database) for _ in range(3)))
    await LOG.seal_all(database)
    report = await verify(database)
    assert report.ok, report
    assert report.checked == {"events": 150, "persons": 150, "erasures": 0, "strays": 0, "links": 150}


async def test_an_event_of_a_longer_transaction_is_waited_for_and_not_skipped(database: Database) -> None:
    async with database.begin() as session:
        await write(session, attempt(code="slow"), now=utc_now())
        await written(database, attempt(code="quick"))
        await LOG.seal_all(database, patience_seconds=0.05)
        during = await verify(database)
    await LOG.seal_all(database)
    after = await verify(database)
    assert during.ok, during
    assert after.ok, after
    assert (during.checked["links"], after.checked["links"]) == (0, 2)


async def test_the_apps_role_writes_events_and_changes_none(database: Database, database_url: str) -> None:
    await written(database, attempt(Person(new_id())))
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as app:
        for statement in (
            "update access_event set code = 'denied'",
            "delete from access_event",
            "insert into access_event select * from access_event",
            "update access_event_person set member_id = null",
            "delete from access_event_person",
            "select chain.cut('access', 1)",
            "select nextval('access_log.event_position')",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(statement)


async def test_not_even_the_owner_changes_or_removes_what_was_written(
    database: Database, owner_database_url: str
) -> None:
    await written(database, attempt(Person(new_id())))
    with psycopg.connect(owner_database_url.replace("+psycopg", ""), autocommit=True) as owner:
        for statement in (
            "update access_event set code = 'denied'",
            "delete from access_event",
            "truncate access_event cascade",
            "update access_event_person set member_id = null",
            "delete from access_event_person",
        ):
            with pytest.raises(errors.RestrictViolation):
                owner.execute(statement)


async def test_who_was_erased_is_in_no_event_and_the_chain_stays_whole(database: Database) -> None:
    member, companion = new_id(), new_id()
    events = await written(
        database,
        attempt(Person(member, new_id(), {"similarity": 0.71})),
        attempt(Person(companion), Person(member)),
        attempt(Person(companion)),
    )
    await LOG.seal_all(database)
    async with database.begin() as session:
        assert await unlink_member(session, member_id=member, actor="staff:1", now=utc_now()) == 2
        assert await unlink_member(session, member_id=member, actor="staff:1", now=utc_now()) == 0
        persons = (await session.scalars(select(AccessEventPerson))).all()
        erasure = (await session.scalars(select(AccessEvent).where(AccessEvent.kind == "erasure"))).one()
    await LOG.seal_all(database)
    report = await verify(database)
    assert report.ok, report
    assert {each.member_id for each in persons if each.unlinked_by is None} == {companion}
    left = [each for each in persons if each.unlinked_by == erasure.id]
    assert {each.event_id for each in left} == set(events[:2])
    assert {(each.member_id, each.holder_id, each.details, each.salt) for each in left} == {(None, None, None, None)}
    assert erasure.details["unlinked"] == 2


async def test_what_is_older_than_the_log_is_kept_goes_and_the_log_says_so(
    database: Database, aged: Callable[[], None]
) -> None:
    member = new_id()
    await written(database, *(attempt(Person(member), Person(new_id())) for _ in range(5)))
    async with database.begin() as session:
        await unlink_member(session, member_id=member, actor="staff:1", now=utc_now())
    aged()
    await LOG.seal_all(database)
    before = (await verify(database)).head
    assert await forget_events(database, lasts=timedelta(days=32), now=utc_now()) == 0
    assert await forget_events(database, lasts=timedelta(days=30), now=utc_now()) == 6
    await written(database, attempt())
    await LOG.seal_all(database)
    report = await verify(database, expected_head=before)
    assert report.ok, report
    assert report.notes[0].startswith("The log begins behind link 6: event ")
    assert (report.checked["links"], report.head[0]) == (2, 8)
    older = await verify(database, expected_head=(2, before[1]))
    assert older.ok
    assert "link 2, which was cut off since" in older.notes[1]
    other = await verify(database, expected_head=(6, before[1][::-1]))
    assert str(other.findings[0]) == "chain: link 6 is not where the chain was when it was last verified"


async def test_the_last_day_is_not_cut_off_whoever_says_so(database: Database, database_url: str) -> None:
    await written(database, attempt())
    await LOG.seal_all(database)
    with pytest.raises(IntegrityError, match="the last day of the access log is never cut off"):
        await forget_events(database, lasts=timedelta(0), now=utc_now() + timedelta(days=30))
    with psycopg.connect(database_url.replace("+psycopg", "")) as app:
        assert app.execute("select count(*) from access_event where kind = 'attempt'").fetchone() == (1,)


async def test_an_erasure_is_proved_also_when_half_of_what_it_emptied_is_cut_off(
    database: Database, aged: Callable[[], None]
) -> None:
    member = new_id()
    events = await written(database, *(attempt(Person(member)) for _ in range(6)))
    aged()
    async with database.begin() as session:
        await unlink_member(session, member_id=member, actor="staff:1", now=utc_now())
    await LOG.seal_all(database)
    async with database.begin() as session:
        query = "select number, position, encode(hash, 'hex') as hash from chain.links where record_id = :third"
        third = (await session.execute(text(query), {"third": events[2]})).one()
        cut = NewEvent("retention", None, "cut", "system:retention", details=dict(third._mapping))
        await write(session, cut, now=utc_now())
    await LOG.seal_all(database)
    async with database.begin() as session:
        assert await session.scalar(text("select access_log.forget(2)")) == 2
    halfway = await verify(database)
    assert halfway.ok, halfway
    async with database.begin() as session:
        assert await session.scalar(text("select access_log.forget(2)")) == 1
        assert await session.scalar(select(func.count(AccessEventPerson.event_id))) == 3
    assert (await verify(database)).ok


async def test_staff_look_through_the_log_by_door_member_and_outcome(shop: Shop, database: Database) -> None:
    member, store = new_id(), UUID(shop.store_id)
    granted, denied, _ = await written(
        database,
        attempt(Person(member, details={"similarity": 0.7}), store_id=store),
        attempt(Person(member), code="outside_schedule", store_id=store),
        attempt(Person(new_id())),  # in another store
    )
    path = f"/v1/stores/{store}/access-events"

    async def found(**query: str) -> list[str]:
        return [event["id"] for event in (await shop.do("GET", path, params=query))["items"]]

    assert await found() == [str(denied), str(granted)]
    assert await found(decision="granted", access_point=str(DOOR), member=str(member)) == [str(granted)]
    assert await found(code="outside_schedule", kind="attempt") == [str(denied)]
    assert await found(zone=str(new_id())) == []
    assert await found(to="2026-01-01T00:00:00Z") == []
    first = await shop.do("GET", path, params={"limit": 1})
    assert (await found(cursor=first["next_cursor"])) == [str(granted)]
    (event,) = (await shop.do("GET", path, params={"decision": "granted"}))["items"]
    assert event["persons"] == [{"member_id": str(member), "holder_id": None, "details": {"similarity": 0.7}}]
    assert (event["policy"], event["factors"][1]["factor"]) == (f"{DOOR}@3", "pin")

    lines = await shop.client.get(f"{path}/export", params={"kind": "attempt"}, headers=shop.staff)
    assert [json.loads(line)["id"] for line in lines.text.splitlines()] == [str(granted), str(denied)]
    sheet = await shop.client.get(f"{path}/export", params={"format": "csv", "member": str(member)}, headers=shop.staff)
    rows = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"))))
    assert [row["code"] for row in rows] == ["granted", "outside_schedule", "exported"]
    assert json.loads(rows[0]["factors"])[0]["factor"] == "face"
    (asked, _) = (await shop.do("GET", path, params={"kind": "export"}))["items"]
    assert asked["details"] == {"format": "csv"}, "whom it was about is not in what can't be forgotten"
    assert asked["persons"][0]["member_id"] == str(member)


async def test_guards_look_through_the_log_and_take_no_copy_along(shop: Shop) -> None:
    body = {"username": "guard", "display_name": "Guard", "role": "guard", "password": PASSWORD}
    await shop.do("POST", "/v1/staff", json=body)
    form = {"username": "guard", "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    guard, path = {"Authorization": f"Bearer {token}"}, f"/v1/stores/{shop.store_id}/access-events"
    assert (await shop.client.get(path, headers=guard)).is_success
    assert verdict(await shop.client.get(f"{path}/export", headers=guard)) == (403, "insufficient_scope")
    nowhere = f"/v1/stores/{new_id()}/access-events"
    assert verdict(await shop.client.get(nowhere, headers=guard)) == (404, "store_not_found")
