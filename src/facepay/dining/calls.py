"""What every request of a table's screen brings along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Security
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining.tables import TableNotFound
from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Db
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Problem, Unauthenticated
from facepay.kernel.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused, IdempotencyOf
from facepay.kernel.schemas import Answer
from facepay.settings import SettingsOf

SCOPE = "table:serve"
Table = Annotated[Principal, Security(current_device, scopes=[SCOPE])]
OF_TABLE: tuple[type[Problem], ...] = (Unauthenticated, InsufficientScope, WrongStore, TableNotFound)
ONCE: tuple[type[Problem], ...] = (*OF_TABLE, IdempotencyKeyInUse, IdempotencyKeyReused)


@dataclass(frozen=True, slots=True)
class AtTable:
    """Raises WrongStore at another device's table."""

    device_id: UUID
    device: Table
    request: Request
    database: Db
    recogniser: RecogniserOf
    idempotency: IdempotencyOf
    settings: SettingsOf
    now: Now

    def __post_init__(self) -> None:
        acts_as(self.device, self.device_id)

    async def once(self, key: str | None, body: BaseModel, act: Callable[[AsyncSession], Awaitable[Answer]]) -> Any:
        return await self.idempotency.once(self.request, owner_id=self.device.id, key=key, body=body, act=act)


AtTableOf = Annotated[AtTable, Depends(made(AtTable))]
