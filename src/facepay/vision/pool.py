"""Inference off the event loop, on few threads and behind a short queue."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from facepay.kernel.errors import Overloaded
from facepay.vision.engine import Engine
from facepay.vision.evidence import FrameEvidence


class InferencePool:
    """At most `workers` frames at work and `queue_max` waiting; one more is refused at once.

    ONNX Runtime, OpenCV and simplejpeg let go of the GIL, so threads share one copy of the models.
    """

    def __init__(self, engine: Engine, *, workers: int, queue_max: int) -> None:
        self.engine = engine
        self.workers = workers
        self.queue_max = queue_max
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="inference")
        self._lock = threading.Lock()
        self._admitted = 0

    @property
    def depth(self) -> int:
        """Frames that wait for a worker."""
        return max(0, self._admitted - self.workers)

    @property
    def busy(self) -> int:
        """Workers that have a frame."""
        return min(self._admitted, self.workers)

    async def analyse(self, frame: bytes, *, embed: int = 1, points: bool = False) -> FrameEvidence:
        """`Engine.analyse` on a worker thread. Raises Overloaded when the queue is full.

        A caller that is cancelled (its client hung up) gives its place in the queue back; a frame already
        at work is finished.
        """
        self._admit()
        try:
            future = self._threads.submit(self.engine.analyse, frame, embed=embed, points=points)
        except BaseException:
            self._release()
            raise
        future.add_done_callback(self._release)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Finish the frames at work, drop those that wait, and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _admit(self) -> None:
        with self._lock:
            if self._admitted >= self.workers + self.queue_max:
                raise Overloaded("Every inference worker is busy and the queue is full.")
            self._admitted += 1

    def _release(self, future: Future[FrameEvidence] | None = None) -> None:
        with self._lock:
            self._admitted -= 1
