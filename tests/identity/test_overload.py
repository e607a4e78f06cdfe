"""More frames than there are workers for: whoever is refused is refused before anything is done, and leaves nothing."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from structlog.testing import capture_logs

from facepay.kernel.idempotency import IdempotencyRecord
from facepay.vision.pool import InferencePool
from tests.photos import people, stranger, variant
from tests.shop import Shop

pytestmark = pytest.mark.anyio
REQUESTS = 100


@contextmanager
def busy(pool: InferencePool) -> Iterator[None]:
    """Every worker has something to do until the end."""
    done = threading.Event()
    for _ in range(pool.workers):
        pool._threads.submit(done.wait, 30)
    try:
        yield
    finally:
        done.set()


async def claims(app: FastAPI) -> int:
    async with app.state.database.read() as session:
        return int(await session.scalar(select(func.count()).select_from(IdempotencyRecord)) or 0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for happens on another thread
            await asyncio.sleep(0.005)


async def test_a_burst_gets_the_right_answers_or_none_and_the_refused_leave_nothing(
    open_shop: Callable[..., Awaitable[Shop]],
) -> None:
    shop = await open_shop(inference_workers=1, inference_queue_max=3)
    members = [await shop.add_member(number) for number in range(2)]
    frames = [variant(face, quality=80) for face in (*people()[:2], stranger())]
    expected = [members[0], members[1], None]
    before = await claims(shop.app)

    async def come(number: int) -> tuple[int, httpx.Response]:
        who = number % 3
        return who, await shop.at_gate(frames[who], key=uuid4().hex)

    answers = await asyncio.gather(*map(come, range(REQUESTS)))
    accepted = [(who, answer.json()) for who, answer in answers if answer.status_code == 200]
    refused = [answer for _, answer in answers if answer.status_code != 200]
    assert 4 <= len(accepted) < REQUESTS
    for who, answer in accepted:
        assert (answer["member"] or {}).get("id") == expected[who]
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "overloaded")}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1", "2", "3"}
    assert await claims(shop.app) - before == len(accepted)
    pool = shop.app.state.inference
    assert (pool.busy, pool.depth, pool._under_way) == (0, 0, 0)
    assert (await shop.at_gate(frames[0])).json()["code"] == "already_inside"


async def test_a_full_house_looks_at_no_token_and_no_body_and_asks_the_database_nothing(
    open_shop: Callable[..., Awaitable[Shop]],
) -> None:
    shop = await open_shop(inference_workers=1, inference_queue_max=0, rate_address_per_minute=30)
    await shop.add_member(0, balance=10_000)
    asked = Counter[str]()
    authenticate = shop.app.state.authenticators["device"]

    async def counted(*of_whom: Any) -> Any:
        asked["device"] += 1
        return await authenticate(*of_whom)

    shop.app.state.authenticators["device"] = counted
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    with shop.app.state.inference.place():
        for _ in range(40):  # and the token goes on being a good one, with a limit of its own
            refused = await shop.at_gate(0, key="k")
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert asked["device"] == 1
    assert (await shop.at_gate(0, key="k")).json()["code"] == "already_inside"


async def test_a_short_form_which_may_hold_no_frame_gets_past_the_door_and_leaves_nothing_either(
    open_shop: Callable[..., Awaitable[Shop]],
) -> None:
    shop = await open_shop(inference_workers=1, inference_queue_max=0)
    await shop.add_member(0, balance=10_000)
    before, pool = await claims(shop.app), shop.app.state.inference
    tiny = variant(people()[0], quality=40, scale=0.5)
    with busy(pool), pool.place():
        pool._admit(1, waiting_max=0)
        refused = await shop.at_kiosk(tiny, {"TEA-001": 1})
        pool._release()
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert await claims(shop.app) == before
    with pool.place():
        assert (await shop.at_kiosk(tiny, {"TEA-001": 1})).json()["code"] == "paid"


async def asked_and_hung_up(shop: Shop, body: bytes, *, whole: bool, after: asyncio.Event | None = None) -> list[int]:
    """The statuses that were sent to a device which sends this at the gate and then is gone, at once or after that."""
    told = iter([{"type": "http.request", "body": body, "more_body": not whole}])
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        for message in told:
            return message
        if after:
            await after.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = {**shop.gate, "Content-Type": "image/jpeg", "Idempotency-Key": "k"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/gates/{shop.gate_id}/entries",
        "raw_path": b"",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "app": shop.app,
    }
    await shop.app(scope, receive, send)
    return statuses


async def test_whoever_hangs_up_in_the_middle_of_a_frame_is_nobodys_fault(
    open_shop: Callable[..., Awaitable[Shop]],
) -> None:
    shop = await open_shop(inference_workers=1, inference_queue_max=0)
    with capture_logs() as told:
        assert await asked_and_hung_up(shop, people()[0][:1000], whole=False) == []
    assert told == []
    labels = {"method": "POST", "route": "/v1/gates/{gate_id}/entries", "status": "499"}
    assert shop.app.state.metrics.registry.get_sample_value("facepay_request_seconds_count", labels) == 1
    await shop.add_member(0)
    assert (await shop.at_gate(0, key="k")).json()["code"] == "welcome"


async def test_a_frame_whose_device_has_hung_up_is_not_analysed(open_shop: Callable[..., Awaitable[Shop]]) -> None:
    shop = await open_shop(inference_workers=1, inference_queue_max=3)
    await shop.add_member(0)
    before, pool, gone = await claims(shop.app), shop.app.state.inference, asyncio.Event()
    with busy(pool):
        asking = asyncio.create_task(asked_and_hung_up(shop, people()[0], whole=True, after=gone))
        await until(lambda: pool._admitted == 1)
        assert await claims(shop.app) == before + 1
        gone.set()
        assert await asking == []
        assert pool._admitted == 0
    assert await claims(shop.app) == before
    assert (await shop.at_gate(0, key="k")).json()["code"] == "welcome"
