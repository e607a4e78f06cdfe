from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Unpack

import pytest

from facepay.kernel.errors import Overloaded
from facepay.vision.engine import Engine
from facepay.vision.evidence import FrameEvidence, Wanted
from facepay.vision.frames import EmptyFrame
from facepay.vision.pool import InferencePool
from tests.photos import camera_frame, close_up, people

pytestmark = pytest.mark.anyio


class Held:
    """The real engine behind a door that the test opens."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.pack = engine.pack
        self.embedding_dim = engine.embedding_dim
        self.limits = engine.limits
        self.has_points, self.has_passive_model = engine.has_points, engine.has_passive_model
        self.door = threading.Event()
        self.analysed = 0

    def analyse(self, frame: bytes, **wanted: Unpack[Wanted]) -> FrameEvidence:
        self.door.wait(timeout=30)
        self.analysed += 1
        return self._engine.analyse(frame, **wanted)

    def close(self) -> None: ...


@pytest.fixture
def held(engine: Engine) -> Held:
    return Held(engine)


@pytest.fixture
async def pool(held: Held) -> AsyncIterator[InferencePool]:
    pool = InferencePool(held, workers=2, queue_max=3)
    yield pool
    held.door.set()
    pool.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for happens on another thread
            await asyncio.sleep(0.005)


async def test_a_frame_is_analysed_off_the_event_loop(pool: InferencePool, held: Held, engine: Engine) -> None:
    held.door.set()
    evidence = await pool.analyse(camera_frame(people()), embed=3)
    assert len(evidence.faces) == 6
    assert sum(face.embedding is not None for face in evidence.faces) == 3
    assert (pool.busy, pool.depth) == (0, 0)


async def test_one_frame_more_than_the_queue_holds_is_refused_at_once(pool: InferencePool, held: Held) -> None:
    admitted = [asyncio.create_task(pool.analyse(people()[0])) for _ in range(5)]
    await until(lambda: pool.depth == 3)
    assert pool.busy == 2
    for _ in range(50):
        with pytest.raises(Overloaded) as refusal:
            await pool.analyse(people()[0])
    assert refusal.value.status == 503
    assert refusal.value.headers["Retry-After"] in {"1", "2", "3"}
    assert (pool.busy, pool.depth) == (2, 3)
    held.door.set()
    assert all(len(evidence.faces) == 1 for evidence in await asyncio.gather(*admitted))
    assert (held.analysed, pool.busy, pool.depth) == (5, 0, 0)


async def test_a_caller_who_hangs_up_gives_its_place_back(pool: InferencePool, held: Held) -> None:
    tasks = [asyncio.create_task(pool.analyse(people()[0])) for _ in range(5)]
    await until(lambda: pool.depth == 3)
    tasks[-1].cancel()
    await until(lambda: pool.depth == 2)
    again = asyncio.create_task(pool.analyse(people()[0]))
    held.door.set()
    assert len((await again).faces) == 1
    await asyncio.gather(*tasks[:-1])
    assert held.analysed == 5


async def test_a_refused_frame_frees_its_worker(pool: InferencePool, held: Held) -> None:
    held.door.set()
    for _ in range(10):
        with pytest.raises(EmptyFrame):
            await pool.analyse(b"")
    assert (pool.busy, pool.depth) == (0, 0)
    assert len((await pool.analyse(people()[0])).faces) == 1


async def test_a_burst_comes_back_in_order_and_leaves_the_pool_empty(
    pool: InferencePool, held: Held, engine: Engine
) -> None:
    held.door.set()
    frames = [camera_frame(people()[:count]) for count in (1, 3, 0, 2)]
    evidences = await pool.analyse_burst(frames)
    assert [len(evidence.faces) for evidence in evidences] == [1, 3, 0, 2]
    assert (pool.busy, pool.depth) == (0, 0)


async def test_a_burst_leaves_places_for_others_or_is_refused_before_any_work(pool: InferencePool, held: Held) -> None:
    frame = camera_frame(people()[:1])
    burst = asyncio.create_task(pool.analyse_burst([frame] * 10))
    await until(lambda: pool.busy == 2)
    others = [asyncio.create_task(pool.analyse(frame)) for _ in range(2)]
    await until(lambda: pool.depth == 2)
    with pytest.raises(Overloaded):
        await pool.analyse_burst([frame] * 2)
    held.door.set()
    await asyncio.gather(burst, *others)
    assert held.analysed == 12
    assert (pool.busy, pool.depth) == (0, 0)


async def test_a_burst_with_a_bad_frame_or_without_a_client_gives_its_places_back(
    pool: InferencePool, held: Held
) -> None:
    frame = camera_frame(people()[:1])
    left = asyncio.create_task(pool.analyse_burst([frame] * 10))
    await until(lambda: pool.busy == 2)
    left.cancel()
    held.door.set()
    with pytest.raises(asyncio.CancelledError):
        await left
    task = asyncio.current_task()
    assert task
    cancelled_before = task.cancelling()
    with pytest.raises(EmptyFrame):
        await pool.analyse_burst([frame, b"", frame])
    assert task.cancelling() == cancelled_before, "else its next timeout is none, on Python 3.11.2"
    await until(lambda: pool.busy == 0)
    assert held.analysed <= 5


async def test_only_faces_that_rival_the_nearest_are_embedded(engine: Engine) -> None:
    (face,) = engine.analyse(people()[0]).faces
    for frame, embedded in (
        (camera_frame([people()[0], people()[2]]), 2),
        (close_up(people()[0], face.box, fill=0.4, behind=people()[2]), 1),
    ):
        evidence = engine.analyse(frame, embed=4, area_share_min=0.5)
        assert len(evidence.faces) == 2
        assert sum(face.embedding is not None for face in evidence.faces) == embedded


async def test_bursts_that_can_wait_are_refused_while_others_still_find_a_place(
    pool: InferencePool, held: Held
) -> None:
    frames = people()[:2]
    looks = [asyncio.create_task(pool.analyse_burst(frames, can_wait=True)) for _ in range(4)]
    await until(lambda: pool.depth == 2)
    with pytest.raises(Overloaded):
        await pool.analyse_burst(frames, can_wait=True)
    at_the_gate = asyncio.create_task(pool.analyse(people()[2]))
    await until(lambda: pool.depth == 3)
    held.door.set()
    assert len((await at_the_gate).faces) == 1
    assert [len(each) for each in await asyncio.gather(*looks)] == [2] * 4
    assert (pool.busy, pool.depth) == (0, 0)
