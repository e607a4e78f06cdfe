"""Load over HTTP from a process of its own that takes little of the cores: requests are made beforehand, answers are
kept as bytes and read when it is over.

A crowd sends `closed` (everybody waits for an answer and asks again) or `open`: requests arrive at random at a steady
rate, however long the answers take, and wait from the moment at which they were due.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import random
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from typing import cast
from uuid import uuid4

import uvloop

PATIENCE_SECONDS = 10
END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to repeat, with a new Idempotency-Key each time. `head` ends without its empty line."""

    head: bytes
    body: bytes

    @classmethod
    def post(cls, path: str, token: str, content_type: str, body: bytes) -> Call:
        lines = (
            f"POST {path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {token}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body)}",
        )
        return cls("\r\n".join(lines).encode(), body)

    def parts(self) -> tuple[bytes, bytes]:
        return self.head + b"\r\nIdempotency-Key: " + uuid4().hex.encode() + END_OF_HEAD, self.body


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` is arrivals a second; without one, everybody of `callers` asks again once answered."""

    port: int
    calls: Sequence[Call]
    seconds: float
    callers: int = 1
    rate: float | None = None
    seed: int = 1


@dataclass(slots=True)
class Answer:
    """`began` is seconds after the load's start, `took` from when it was due to its answer. `head` is empty where
    none came.
    """

    began: float
    took: float = 0.0
    head: bytes = b""
    body: bytes = b""

    @property
    def ended(self) -> float:
        return self.began + self.took

    @property
    def status(self) -> int:
        return int(self.head[9:12]) if self.head else 0

    def header(self, name: str) -> str | None:
        found = (line.partition(b": ") for line in self.head.split(b"\r\n"))
        return next((value.decode() for key, _, value in found if key.lower() == name.encode()), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan, and what share of a core the load itself took."""

    answers: list[Answer]
    cores: float


class Line(asyncio.Protocol):
    """One connection that is kept: an answer after the other."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._asked: asyncio.Future[None] | None = None
        self._answer = Answer(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    async def ask(self, call: Call, answer: Answer) -> None:
        assert self._transport is not None
        self._answer, self._asked = answer, asyncio.get_running_loop().create_future()
        self._transport.writelines(call.parts())
        await self._asked

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(END_OF_HEAD)
        if end < 0:
            return
        answer = Answer(0, head=bytes(self._received[:end]))
        length = end + len(END_OF_HEAD) + int(answer.header("content-length") or 0)
        if len(self._received) >= length and self._asked is not None and not self._asked.done():
            self._answer.head, self._answer.body = answer.head, bytes(self._received[end + len(END_OF_HEAD) : length])
            self._received.clear()
            self._asked.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(None)  # without an answer

    @property
    def is_open(self) -> bool:
        return self._transport is not None


class Crowd:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lines: deque[Line] = deque()
        self._calls: Iterator[Call] = cycle(plan.calls)
        self.answers: list[Answer] = []

    async def send(self) -> None:
        start = time.perf_counter()
        if self._plan.rate is None:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._plan.callers):
                    group.create_task(self._again_and_again(start))
        else:
            await self._arrive(start, self._plan.rate)

    async def _again_and_again(self, start: float) -> None:
        while (now := time.perf_counter() - start) < self._plan.seconds:
            answer = await self._ask(start, now)
            await asyncio.sleep(float(answer.header("retry-after") or 0))  # as a device would

    async def _arrive(self, start: float, rate: float) -> None:
        dice, due = random.Random(self._plan.seed), 0.0
        async with asyncio.TaskGroup() as group:
            while (due := due + dice.expovariate(rate)) < self._plan.seconds:
                wait = start + due - time.perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                group.create_task(self._ask(start, due))

    async def _ask(self, start: float, due: float) -> Answer:
        answer = Answer(due)
        self.answers.append(answer)
        line = self._lines.popleft() if self._lines else await self._connect()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await line.ask(next(self._calls), answer)
        except TimeoutError:
            return answer
        answer.took = time.perf_counter() - start - due
        if line.is_open:
            self._lines.append(line)
        return answer

    async def _connect(self) -> Line:
        _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", self._plan.port)
        return line


def send(plan: Plan) -> Outcome:
    """Carry out the plan in another process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=pickle.dumps(plan), stdout=subprocess.PIPE, check=True
    )
    outcome: Outcome = pickle.loads(done.stdout)
    return outcome


def main() -> None:
    from benchmarks.load import Crowd  # as the other process knows these classes, and not as __main__

    plan = pickle.loads(sys.stdin.buffer.read())
    crowd = Crowd(plan)
    gc.disable()
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)  # it stands for machines elsewhere
    began, worked = time.perf_counter(), time.process_time()
    uvloop.run(crowd.send())
    cores = (time.process_time() - worked) / (time.perf_counter() - began)
    from benchmarks.load import Outcome

    sys.stdout.buffer.write(pickle.dumps(Outcome(crowd.answers, cores)))


if __name__ == "__main__":
    main()
