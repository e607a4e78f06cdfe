"""What every request brings along by which staff set a sale right afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyOf,
    RequiredKey,
)
from facepay.kernel.schemas import Answer

Writer = Annotated[Principal, Security(current_staff, scopes=["wallet:write"])]


@dataclass(frozen=True, slots=True)
class Correction:
    """Something that staff do to a sale, once for its key."""

    request: Request
    key: RequiredKey
    writer: Writer
    idempotency: IdempotencyOf
    now: Now

    @property
    def actor(self) -> str:
        return f"staff:{self.writer.id}"

    async def once(self, body: BaseModel, act: Callable[[AsyncSession], Awaitable[Answer]], *, status: int) -> Any:
        return await self.idempotency.once(
            self.request, owner_id=self.writer.id, key=self.key, body=body, act=act, status=status
        )


CorrectionOf = Annotated[Correction, Depends(made(Correction))]
CORRECTION_PROBLEMS = (
    Unauthenticated,
    InsufficientScope,
    IdempotencyKeyMissing,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
)
