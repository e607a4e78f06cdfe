"""What every request of a mirror brings along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Security
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.fitting.sessions import FittingSession, SessionNotFound, session_at, use_session
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Db
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Problem, Unauthenticated
from facepay.kernel.idempotency import IdempotencyKeyInUse, IdempotencyKeyMissing, IdempotencyKeyReused, IdempotencyOf
from facepay.kernel.schemas import Answer
from facepay.settings import SettingsOf

SCOPE = "fitting:style"
Mirror = Annotated[Principal, Security(current_device, scopes=[SCOPE])]
OF_MIRROR: tuple[type[Problem], ...] = (Unauthenticated, InsufficientScope, WrongStore)
OF_SESSION: tuple[type[Problem], ...] = (*OF_MIRROR, SessionNotFound)
KEYED: tuple[type[Problem], ...] = (IdempotencyKeyMissing, IdempotencyKeyInUse, IdempotencyKeyReused)


@dataclass(frozen=True, slots=True)
class AtMirror:
    """Raises WrongStore at another device's mirror."""

    device_id: UUID
    device: Mirror
    request: Request
    database: Db
    idempotency: IdempotencyOf
    settings: SettingsOf
    now: Now

    def __post_init__(self) -> None:
        acts_as(self.device, self.device_id)

    async def once(
        self, key: str | None, body: BaseModel, act: Callable[[AsyncSession], Awaitable[Answer]], *, status: int = 200
    ) -> Any:
        return await self.idempotency.once(
            self.request, owner_id=self.device.id, key=key, body=body, act=act, status=status
        )

    async def session(self, session: AsyncSession, session_id: UUID) -> FittingSession:
        """Raises SessionNotFound."""
        return await session_at(
            session, device_id=self.device_id, session_id=session_id, now=self.now, settings=self.settings
        )

    async def use(self, session: AsyncSession, session_id: UUID) -> FittingSession:
        """To change it. Raises SessionNotFound."""
        return await use_session(
            session, device_id=self.device_id, session_id=session_id, now=self.now, settings=self.settings
        )


AtMirrorOf = Annotated[AtMirror, Depends(made(AtMirror))]
