"""Dumb scales: what they read is settled by the server, and each step counts as a change does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import pi, sin
from random import Random
from typing import Any

import httpx
import pytest

from tests.conftest import Clock, OpenShop
from tests.shelves.shelf import FULL, Shelf, let_in
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
DAY = timedelta(hours=22)
MINUTE = timedelta(minutes=1)
LEVEL = FULL * 512.0
STILL = [0.0] * 10


class Scale:
    """The scale under the tea in A1, read ten times a second where nothing else is said."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.random, self.at = shelf, Random(5), datetime.now(UTC)

    def read(self, grams: Iterable[float], *, every: float = 0.1, slot: str = "A1") -> list[dict[str, Any]]:
        readings = []
        for value in grams:
            self.at += timedelta(seconds=every)
            readings.append({"slot": slot, "at": self.at.isoformat(), "grams": value + self.random.gauss(0, 1.5)})
        return readings

    def batch(self, readings: Sequence[dict[str, Any]], *, run: str = "boot-1") -> dict[str, Any]:
        numbers = [next(self.shelf.numbers) for _ in readings]
        return {"run": run, "sequence": numbers[0], "readings": list(readings)}

    async def post(self, batch: dict[str, Any]) -> httpx.Response:
        path = f"/v1/shelves/{self.shelf.id}/readings"
        return await self.shelf.shop.client.post(path, json=batch, headers=self.shelf.headers)

    async def tell(self, batch: dict[str, Any]) -> list[str]:
        response = await self.post(batch)
        assert response.status_code == 200, response.text
        return [change["finding"] for change in response.json()["changes"]]


async def test_a_day_of_drift_with_takes_counts_each_and_no_other(open_shop: OpenShop, clock: Clock) -> None:
    """Thirty grams up and down; before each of eight changes a hand presses; told in dense, late batches."""
    shop = await open_shop(admin_token_minutes=1440)
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    clock.ahead = DAY
    scale, level = Scale(shelf), LEVEL
    begins_at = scale.at

    def zero() -> float:
        return 30 * sin(2 * pi * ((scale.at - begins_at) / DAY))

    readings, moves = [], [-512.0, -512.0, 512.0, -1024.0, -512.0, 512.0, -512.0, -512.0]
    for move in moves:
        for _ in range(72):
            readings += scale.read([zero() + level], every=140)
        level += move
        pressed = [level + 700] * 8 + [level + 300] * 4
        readings += scale.read(zero() + grams for grams in [level - move] * 10 + pressed + [level] * 30)
    batches = (readings[begin : begin + 250] for begin in range(0, len(readings), 250))
    found = [each for batch in batches for each in await scale.tell(scale.batch(batch))]
    assert found == ["take" if move < 0 else "put_back" for move in moves]
    assert await shelf.basket(visit) == {"TEA-001": (5, 5)}
    assert (await shelf.lying())["TEA-001"] == FULL - 5


async def test_a_batch_counts_once_and_one_that_comes_late_or_never_takes_nothing(shop: Shop, clock: Clock) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    clock.ahead, scale = MINUTE, Scale(shelf)
    grams = [LEVEL] * 10, [LEVEL - 512] * 3, [LEVEL - 512] * 40, [LEVEL - 512] * 10, [LEVEL - 1024] * 40
    first, late, take, lost, next_take = (scale.batch(scale.read(each)) for each in grams)
    answers = [await scale.tell(first)]
    at_once = await asyncio.gather(*(scale.post(take) for _ in range(4)))
    assert sorted(answer.json()["accepted"] for answer in at_once) == [0, 0, 0, 40]
    assert [change["finding"] for answer in at_once for change in answer.json()["changes"]] == ["take"]
    answers += [await scale.tell(each) for each in (late, first, next_take, lost, take)]
    assert answers == [[], [], [], ["take"], [], []]
    assert await shelf.basket(visit) == {"TEA-001": (2, 2)}
    assert (await shelf.lying())["TEA-001"] == FULL - 2


async def test_after_a_restart_that_tared_the_scale_nothing_is_taken_and_staff_are_told(
    shop: Shop, clock: Clock
) -> None:
    _, visit = await let_in(shop)
    shelf = await Shelf.put_up(shop)
    clock.ahead, scale = MINUTE, Scale(shelf)
    await scale.tell(scale.batch(scale.read([LEVEL] * 10)))
    restarted = scale.batch(scale.read([0.0] * 20 + [-512.0] * 30), run="boot-2") | {"sequence": 1}
    assert await scale.tell(restarted) == ["take"]
    assert await shelf.basket(visit) == {"TEA-001": (1, 1)}
    (alert,) = (await shop.do("GET", f"/v1/stores/{shop.store_id}/alerts"))["items"]
    assert (alert["kind"], alert["details"]["slot"]) == ("scale_shifted", "A1")


async def test_a_slot_that_the_planogram_lacks_is_named_and_nonsense_refused(shop: Shop) -> None:
    shelf = await Shelf.put_up(shop)
    scale = Scale(shelf)
    answer = (await scale.post(scale.batch(scale.read(STILL, slot="Z9")))).json()
    assert (answer["accepted"], answer["changes"], answer["unknown_slots"]) == (10, [], ["Z9"])
    batch = scale.batch(scale.read(STILL))
    too_many = batch["readings"] * 201
    nonsense: list[dict[str, Any]] = [{"sequence": 0}, {"readings": []}, {"readings": too_many}, {"run": "a b"}]
    for wrong in nonsense:
        assert (await scale.post(batch | wrong)).status_code == 422
    assert (await scale.post(batch | {"sequence": 2**61})).status_code == 200
