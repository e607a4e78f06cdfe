"""A device's line to the server: it measures what goes over it, and now and then loses an answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from time import perf_counter

import httpx

from facepay.client.problems import refusal

LOST = "answer_lost"


@dataclass(slots=True)
class Line(httpx.AsyncBaseTransport):
    """`lost` is the share of answers that get lost once the server has done what was asked, evenly from `phase` (0 to
    1) on, so that devices don't lose theirs in step. An operation is known by the last word of its path.
    """

    within: httpx.AsyncBaseTransport
    lost: float
    phase: float
    milliseconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        operation, start = request.url.path.rsplit("/", 1)[1], perf_counter()
        try:
            answer = await self.within.handle_async_request(request)
            await answer.aread()
        except httpx.TransportError as error:
            self.errors[operation, type(error).__name__] += 1
            raise
        self.milliseconds[operation].append((perf_counter() - start) * 1000)
        if answer.is_error:
            self.errors[operation, refusal(answer).code] += 1
            return answer
        self.phase += self.lost
        if self.phase >= 1:
            self.phase -= 1
            self.errors[operation, LOST] += 1
            raise httpx.ReadError("the answer was lost", request=request)
        return answer
