"""Events as they come: whoever stays connected, or comes back to where they were, misses nothing and hears it once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from random import Random
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.clock import utc_now
from facepay.kernel.hub import Hub
from facepay.kernel.ids import new_id
from facepay.webhooks import stream
from facepay.webhooks.events import WebhookEvent, emit
from facepay.webhooks.stream import Stream, Wanted
from tests.server import on_a_socket
from tests.shop import PASSWORD, Shop
from tests.webhooks.office import COUNTED, Counted, Office

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(stream, "AUTHENTICATE_SECONDS", 0.05)


def following(office: Office, wanted: Wanted | None = None) -> Stream:
    async def authenticate() -> None: ...

    return Stream(office.database, Hub(), wanted or Wanted(), authenticate)


async def first(events: AsyncIterator[WebhookEvent], count: int) -> list[WebhookEvent]:
    async with asyncio.timeout(10), aclosing(events):  # type: ignore[type-var]
        return [await anext(events) for _ in range(count)]


async def test_what_is_committed_late_comes_after_what_was_read_and_not_before_it(office: Office) -> None:
    subject = new_id()
    async with office.database.begin() as late:
        await emit(late, type=COUNTED, subject_id=subject, data=Counted(number=1), now=utc_now())
        await office.tell(2)
        (seen,) = await first(following(office).follow(after=0), 1)
        assert '"number":2' in seen.body
    assert seen.position
    (resumed,) = await first(following(office).follow(after=seen.position), 1)
    assert '"number":1' in resumed.body, "its number is lower, and it isn't lost"
    both = await first(following(office).follow(after=0), 2)
    assert [event.id for event in both] == [seen.id, resumed.id], "in the same order for everybody"


async def test_many_who_write_and_readers_who_lose_their_connection_agree(office: Office) -> None:
    writers, each = 6, 8
    subjects = [new_id() for _ in range(writers)]

    async def write(subject: UUID) -> None:
        for number in range(each):
            async with office.database.begin() as session:
                await emit(session, type=COUNTED, subject_id=subject, data=Counted(number=number), now=utc_now())
                await asyncio.sleep(Random(f"{subject}{number}").random() / 100)

    async def read(seed: int) -> list[UUID]:
        random, heard, after = Random(seed), list[UUID](), 0
        while len(heard) < writers * each:
            for event in await first(
                following(office).follow(after=after), min(random.randint(1, 9), writers * each - len(heard))
            ):
                heard.append(event.id)
                after = event.position or 0
        return heard

    reading = asyncio.gather(read(1), read(2))
    await asyncio.gather(*map(write, subjects))
    one, other = await reading
    assert one == other
    assert len(set(one)) == writers * each
    async with office.database.read() as session:
        rows = [await session.get_one(WebhookEvent, event) for event in one]
    for subject in subjects:
        assert [row.number for row in rows if row.subject_id == subject] == sorted(
            row.number for row in rows if row.subject_id == subject
        )


async def test_an_integrator_follows_over_http_from_where_they_were(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until their access is taken away."""
    place = stream.place

    async def place_slowly(session: AsyncSession) -> int:
        await asyncio.sleep(0.1)
        return await place(session)

    monkeypatch.setattr(stream, "place", place_slowly)  # longer than an answer's head takes
    path, database = "/v1/webhook-events/stream", shop.app.state.database
    body = {"username": "tills", "display_name": "Tills", "role": "operator", "password": PASSWORD}
    staff = (await shop.do("POST", "/v1/staff", json=body))["id"]
    form = {"username": "tills", "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    async def tell(number: int) -> None:
        async with database.begin() as session:
            await emit(session, type=COUNTED, subject_id=new_id(), data=Counted(number=number), now=utc_now())

    await tell(1)
    async with on_a_socket(shop.app) as address, httpx.AsyncClient(base_url=address, headers=headers) as client:
        async with client.stream("GET", path) as answer:
            lines = answer.aiter_lines()
            await tell(2)
            told = await record(lines)
            assert told["event"] == COUNTED.name
            assert '"number":2' in told["data"], "from now on"
        await tell(3)
        async with client.stream("GET", path, headers={"Last-Event-ID": told["id"]}) as answer:
            lines = answer.aiter_lines()
            assert '"number":3' in (await record(lines))["data"]
        async with client.stream("GET", path, params={"after": "0"}) as answer:
            lines = answer.aiter_lines()
            assert '"number":1' in (await record(lines))["data"], "all that is kept"
            await shop.do("DELETE", f"/v1/staff/{staff}")
            async with asyncio.timeout(10):
                assert '"number":3' in [line async for line in lines if line.startswith("data")][-1]
        unknown = await client.get(path, params={"type": "nothing"}, headers=shop.staff)
        assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_event_type")


async def record(lines: AsyncIterator[str]) -> dict[str, str]:
    """The next event: its fields."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(10):
        async for line in lines:
            if not line and "data" in fields:
                break
            name, _, value = line.partition(": ")
            fields[name] = value
    return fields
