"""One frame, one decision: what every device's request has in common, from bytes to the committed answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.recognition import Sighting
from facepay.kernel.auth import Principal
from facepay.kernel.database import Db
from facepay.kernel.idempotency import IdempotencyOf
from facepay.kernel.metrics import MetricsOf
from facepay.kernel.schemas import Answer


class Decision(Answer):
    """What every device's answer holds."""

    decision: str
    code: str
    timings_ms: dict[str, float] = Field(default={})


@dataclass(frozen=True, slots=True)
class Desk:
    request: Request
    idempotency: IdempotencyOf
    database: Db
    metrics: MetricsOf

    async def decide(
        self,
        *,
        device: Principal,
        use: str,
        key: str | None,
        frame: bytes,
        also: bytes = b"",
        see: Callable[[bytes], Awaitable[Sighting]],
        act: Callable[[AsyncSession, Sighting], Awaitable[Decision]],
    ) -> Any:
        """`see` who is in the frame, then `act` on it in one transaction that keeps the answer too.

        `also` is whatever of the body belongs to the request beside the frame. No connection is held while
        the models run.
        """
        fingerprint = self.idempotency.fingerprint(self.request, frame, also)
        async with self.idempotency.claim(owner_id=device.id, key=key, fingerprint=fingerprint) as claim:
            if claim.replay:
                return claim.replay
            sighting = await see(frame)
            with self.metrics.stage("decide", sighting.timings_ms):
                async with self.database.begin() as session:
                    answer = await act(session, sighting)
                    await claim.settle(session, answer)
        self.metrics.decisions.labels(use, answer.code).inc()
        return answer.model_copy(update={"timings_ms": sighting.timings_ms})


DeskOf = Annotated[Desk, Depends()]
