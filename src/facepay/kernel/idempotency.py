"""One Idempotency-Key, one effect: the answer is kept in the transaction that made it.

A request first claims its key in a short transaction of its own, so that no connection is held while a model
runs. The claim is a lease: a process that dies leaves it to run out, and a retry then starts afresh. The claim's
token is checked again when the answer is stored, so that a slow first holder can't commit beside its successor.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from psycopg.types.json import Jsonb
from pydantic import BaseModel
from sqlalchemy import ARRAY, LargeBinary, String, any_, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.clock import Clock
from facepay.kernel.database import Base, Database, Prepared, drop_rows
from facepay.kernel.errors import Conflict, NotFound, Problem
from facepay.kernel.ids import new_id
from facepay.kernel.schemas import Answer
from facepay.kernel.secrets import fingerprint

Fingerprint = tuple[bytes, ...]
KEY_PATTERN = r"^[\x21-\x7e]{1,255}$"
# A day's records in one statement would meet its timeout, and then never be dropped.
FORGOTTEN_AT_ONCE_MAX = 5_000
RequiredKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=KEY_PATTERN,
        description="Unique for each intended effect; keep it for retries.",
    ),
]
OptionalKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=KEY_PATTERN, description="Makes a retry return the first answer."),
]


class IdempotencyKeyMissing(Problem):
    code = "idempotency_key_missing"
    title = "Idempotency-Key missing"


class IdempotencyKeyReused(Problem):
    status = 422
    code = "idempotency_key_reused"
    title = "Idempotency-Key reused"


class IdempotencyKeyInUse(Conflict):
    code = "idempotency_key_in_use"
    title = "Still running"


class AnswerUnknown(NotFound):
    """No request of this device with this key was answered: nothing came of one, where there was one at all."""

    code = "answer_unknown"
    title = "No such answer"


class IdempotencyRecord(Base):
    __tablename__ = "idempotency_record"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    claim_id: Mapped[UUID]
    leased_until: Mapped[datetime]
    status: Mapped[int | None]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(index=True)


_FRESH = ("owner_id", "key", "fingerprint", "claim_id", "leased_until", "created_at")
_INSERT = insert(IdempotencyRecord).values({name: bindparam(name) for name in _FRESH})
_TAKE = Prepared(
    _INSERT.on_conflict_do_update(
        index_elements=["owner_id", "key"],
        set_={name: _INSERT.excluded[name] for name in ("fingerprint", "claim_id", "leased_until")},
        where=IdempotencyRecord.status.is_(None)
        & (IdempotencyRecord.leased_until <= _INSERT.excluded.created_at)
        & (IdempotencyRecord.fingerprint == any_(bindparam("fingerprints", type_=ARRAY(LargeBinary)))),
    ).returning(IdempotencyRecord.claim_id)
)
_SETTLE = Prepared(
    update(IdempotencyRecord)
    .where(
        IdempotencyRecord.owner_id == bindparam("of_owner"),
        IdempotencyRecord.key == bindparam("of_key"),
        IdempotencyRecord.claim_id == bindparam("of_claim"),
    )
    .values(status=bindparam("with_status"), answer=bindparam("with_answer"))
    .returning(IdempotencyRecord.claim_id)
)


@dataclass(slots=True)
class Claim:
    """The right to do a request's work once. `replay` is the first answer, where there is one already."""

    owner_id: UUID
    key: str | None
    claim_id: UUID
    replay: JSONResponse | None = None

    async def settle(self, session: AsyncSession, answer: Answer, *, status: int = 200) -> None:
        """Keep the answer in the transaction of its effect. Raises IdempotencyKeyInUse where the claim was lost."""
        if self.key is None:
            return
        kept = await _SETTLE.rows(
            session,
            of_owner=self.owner_id,
            of_key=self.key,
            of_claim=self.claim_id,
            with_status=status,
            with_answer=Jsonb(answer.stored()),
        )
        if not kept:
            raise IdempotencyKeyInUse("A retry of this request has taken over.", headers={"Retry-After": "1"})


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Hands out claims."""

    database: Database
    secrets: Sequence[bytes]  # the first makes fingerprints; the others made some that are still kept
    clock: Clock
    lease: timedelta
    retention: timedelta

    def fingerprint(self, request: Request, *parts: bytes) -> Fingerprint:
        """What makes two requests the same: method, path and these parts of the body, under each secret."""
        of_request = request.method.encode(), request.url.path.encode(), *parts
        return tuple(fingerprint(secret, *of_request) for secret in self.secrets)

    @asynccontextmanager
    async def claim(self, *, owner_id: UUID, key: str | None, fingerprint: Fingerprint) -> AsyncIterator[Claim]:
        """Claim `key` for the block; a block that raises gives it back. Without a key nothing is kept.

        Raises IdempotencyKeyReused (another body) and IdempotencyKeyInUse (the first is still running).
        """
        claim = Claim(owner_id, key, new_id())
        if key is not None:
            claim.replay = await self._take(claim, fingerprint)
        try:
            yield claim
        except BaseException:
            if key is not None and claim.replay is None:
                await self._give_back(claim)
            raise

    async def once(
        self,
        request: Request,
        *,
        owner_id: UUID,
        key: str | None,
        body: BaseModel,
        act: Callable[[AsyncSession], Awaitable[Answer]],
        status: int = 200,
    ) -> Any:
        """Do `act` in one transaction that keeps its answer too; a retry gets the first answer."""
        fingerprint = self.fingerprint(request, body.model_dump_json().encode())
        async with self.claim(owner_id=owner_id, key=key, fingerprint=fingerprint) as claim:
            if claim.replay:
                return claim.replay
            async with self.database.begin() as session:
                answer = await act(session)
                await claim.settle(session, answer, status=status)
        return answer

    async def first_answer(self, session: AsyncSession, *, owner_id: UUID, key: str) -> tuple[int, dict[str, Any]]:
        """Status and body, for whoever doesn't have the request any more. Raises AnswerUnknown and
        IdempotencyKeyInUse.
        """
        record = await session.get(IdempotencyRecord, (owner_id, key))
        if record is not None and record.status is not None and record.answer is not None:
            return record.status, record.answer
        if record is not None and record.leased_until > self.clock():
            raise IdempotencyKeyInUse("This request is still running.", headers={"Retry-After": "1"})
        raise AnswerUnknown("No request with this key was answered.")

    async def _take(self, claim: Claim, fingerprint: Fingerprint) -> JSONResponse | None:
        now = self.clock()
        fresh = {
            "owner_id": claim.owner_id,
            "key": claim.key,
            "fingerprint": fingerprint[0],
            "claim_id": claim.claim_id,
            "leased_until": now + self.lease,
            "created_at": now,
        }
        async with self.database.read() as session:  # by itself: the claim has to stand before the work begins
            if await _TAKE.rows(session, **fresh, fingerprints=list(fingerprint)):
                return None
            found = await session.execute(
                select(
                    IdempotencyRecord.fingerprint,
                    IdempotencyRecord.leased_until,
                    IdempotencyRecord.status,
                    IdempotencyRecord.answer,
                ).where(IdempotencyRecord.owner_id == claim.owner_id, IdempotencyRecord.key == claim.key)
            )
            record = found.one_or_none()
        if record is None:  # given back between the two statements
            raise IdempotencyKeyInUse("This request has just ended; try again.", headers={"Retry-After": "1"})
        if record.fingerprint not in fingerprint:
            raise IdempotencyKeyReused("This key was used with another body.")
        if record.status is None:
            wait = max(1, round((record.leased_until - now).total_seconds()))
            raise IdempotencyKeyInUse("This request is still running.", headers={"Retry-After": str(wait)})
        return JSONResponse(record.answer, record.status, headers={"Idempotency-Replayed": "true"})

    async def _give_back(self, claim: Claim) -> None:
        async with self.database.begin() as session:
            await session.execute(
                delete(IdempotencyRecord).where(
                    IdempotencyRecord.owner_id == claim.owner_id,
                    IdempotencyRecord.key == claim.key,
                    IdempotencyRecord.claim_id == claim.claim_id,
                    IdempotencyRecord.status.is_(None),
                )
            )

    async def forget_old(self) -> int:
        """Drop records past their retention; returns how many. Run now and then."""
        old = IdempotencyRecord.created_at < self.clock() - self.retention
        return await drop_rows(self.database, IdempotencyRecord, old, portion=FORGOTTEN_AT_ONCE_MAX)


async def get_idempotency(request: Request) -> Idempotency:
    idempotency: Idempotency = request.app.state.idempotency
    return idempotency


IdempotencyOf = Annotated[Idempotency, Depends(get_idempotency)]
