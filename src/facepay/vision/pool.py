"""Inference off the event loop, on few threads and behind a short queue."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Annotated, Unpack

from anyio import create_task_group
from fastapi import Depends, Request

from facepay.kernel.errors import Overloaded
from facepay.vision.engine import Engine
from facepay.vision.evidence import FrameEvidence, Wanted

NICENESS = 5  # of 19


class Starting(Overloaded):
    """Models and gallery are still being loaded: this process began a moment ago."""

    code = "starting"
    title = "Starting"

    def __init__(self) -> None:
        super().__init__("The models are still being loaded.")


class InferencePool:
    """At most `workers` frames at work and `queue_max` waiting; one more is refused at once.

    ONNX Runtime, OpenCV and simplejpeg let go of the GIL, so threads share one copy of the models.
    """

    def __init__(self, engine: Engine, *, workers: int, queue_max: int) -> None:
        self.engine = engine
        self.workers = workers
        self.queue_max = queue_max
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="inference", initializer=_give_way)
        self._lock = threading.Lock()
        self._admitted = 0
        self._under_way = 0

    @property
    def depth(self) -> int:
        """Frames that wait for a worker."""
        return max(0, self._admitted - self.workers)

    @property
    def busy(self) -> int:
        """Workers that have a frame."""
        return min(self._admitted, self.workers)

    @contextmanager
    def place(self) -> Iterator[None]:
        """For a request with frames from its first byte until it is answered: there are as many as workers and queue
        have together. Raises Overloaded. On the event loop only.
        """
        if self._under_way >= self.workers + self.queue_max:
            raise Overloaded("As many frames are being decided on as there is room for.")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def analyse(self, frame: bytes, **wanted: Unpack[Wanted]) -> FrameEvidence:
        """`Engine.analyse` on a worker thread. Raises Overloaded when the queue is full.

        A caller that is cancelled (its client hung up) gives its place in the queue back; a frame already
        at work is finished.
        """
        self._admit(1, waiting_max=self.queue_max)
        try:
            future = self._threads.submit(self.engine.analyse, frame, **wanted)
        except BaseException:
            self._release()
            raise
        future.add_done_callback(self._release)
        return await asyncio.wrap_future(future)

    async def analyse_burst(
        self, frames: Sequence[bytes], *, can_wait: bool = False, **wanted: Unpack[Wanted]
    ) -> list[FrameEvidence]:
        """All frames, as many side by side as there are workers. Raises as `analyse` does, for the first that fails.

        A burst holds at most that many places from its start to its end: it is refused as a whole or not at all,
        and each of its later frames queues behind the frames of others that came meanwhile. One that `can_wait` takes
        one worker, and is refused as soon as there waits a frame for each: nobody is refused or delayed for long by it.
        """
        lanes = 1 if can_wait else min(len(frames), self.workers)
        waiting, found = iter(enumerate(frames)), dict[int, FrameEvidence]()
        at_work: dict[int, Future[FrameEvidence]] = {}

        async def work_through(lane: int) -> None:
            for index, frame in waiting:
                at_work[lane] = self._threads.submit(self.engine.analyse, frame, **wanted)
                found[index] = await asyncio.wrap_future(at_work[lane])

        self._admit(lanes, waiting_max=min(self.workers, self.queue_max) if can_wait else self.queue_max)
        try:
            async with create_task_group() as group:
                for lane in range(lanes):
                    group.start_soon(work_through, lane)
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        finally:
            for lane in range(lanes):
                self._release_after(at_work.get(lane))
        return [found[index] for index in range(len(frames))]

    def close(self) -> None:
        """Finish the frames at work, drop those that wait, and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _admit(self, places: int, *, waiting_max: int) -> None:
        with self._lock:
            if self._admitted + places > self.workers + waiting_max:
                raise Overloaded("Every inference worker is busy and the queue is full.")
            self._admitted += places

    def _release_after(self, future: Future[FrameEvidence] | None) -> None:
        """A frame that is at work is finished, whoever has hung up."""
        if future is None:
            self._release()
        else:
            future.add_done_callback(self._release)

    def _release(self, future: Future[FrameEvidence] | None = None) -> None:
        with self._lock:
            self._admitted -= 1


def _give_way() -> None:
    """Answers before frames: whoever has been analysed is let in or has paid before the next frame takes the core.
    Where threads have no priority of their own, as outside of Linux, all go on alike.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


async def get_inference(request: Request) -> InferencePool:
    """Raises Starting until the models are loaded."""
    inference: InferencePool | None = request.app.state.inference
    if inference is None:
        raise Starting
    return inference


InferenceOf = Annotated[InferencePool, Depends(get_inference)]
