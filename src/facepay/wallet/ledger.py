"""Postings: what the shop asks of the ledger, and what the ledger answers. The rules are in migrations/ledger.sql."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel import telemetry
from facepay.kernel.database import Prepared
from facepay.kernel.ids import new_id

Kind = Literal["transfer", "hold", "capture", "void", "expiry", "refund", "reversal"]
Code = Literal[
    "ok",
    "replayed",
    "key_reused",
    "malformed",
    "unbalanced",
    "account_not_found",
    "account_closed",
    "unit_mismatch",
    "insufficient_funds",
    "ceiling_exceeded",
    "target_not_found",
    "hold_not_open",
    "hold_expired",
    "hold_not_expired",
    "over_capture",
    "not_refundable",
    "over_refund",
    "linked_failed",
]
# What one call may post: it holds its locks until the transaction ends.
POSTINGS_MAX = 1000
# Above it `ledger.post` is the faster one: `post_many` looks through all its balances for every entry.
SET_MAX = 100
_POST = text("select code, transfer_id, available from ledger.post(cast(:postings as jsonb))")
_POST_ONE = text(
    "select code, transfer_id, available from ledger.post_one(cast(:id as uuid), :key, cast(:accounts as uuid[]),"
    " cast(:units as text[]), cast(:amounts as bigint[]), :cause, cast(:cause_id as uuid), :actor,"
    " cast(:event_at as timestamptz))"
)
_POST_MANY = text(
    "select code, transfer_id, available from ledger.post_many(cast(:ids as uuid[]), cast(:keys as text[]),"
    " cast(:causes as text[]), cast(:cause_ids as uuid[]), cast(:actors as text[]), cast(:event_ats as timestamptz[]),"
    " :unit, cast(:numbers as int[]), cast(:accounts as uuid[]), cast(:amounts as bigint[]))"
)
_PREPARED = {statement: Prepared(statement) for statement in (_POST, _POST_ONE, _POST_MANY)}


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of one account's balance, in minor units: negative takes, positive gives."""

    account_id: UUID
    amount: int
    unit: str = "CNY"


@dataclass(frozen=True, slots=True)
class Cause:
    """What in the shop a transfer comes from: an order, a top-up, a refund, an admin's act."""

    kind: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Posting:
    """One transfer asked for. The same key with the same content is the same transfer, however often it's posted.

    A transfer, capture and refund have two or more entries, which sum to zero in every unit; a hold has one, the
    amount that it reserves as a negative; a void, expiry and reversal have none. All but a transfer and a hold
    have a target, posted by an earlier call. `keep_open` leaves what a capture didn't take on hold. `linked` ties
    a posting to the next one of the batch: both are posted, or none.
    """

    key: str
    kind: Kind
    cause: Cause
    actor: str
    event_at: datetime
    entries: tuple[Entry, ...] = ()
    target_id: UUID | None = None
    expires_at: datetime | None = None
    keep_open: bool = False
    linked: bool = False
    id: UUID = field(default_factory=new_id)

    def worded(self) -> dict[str, Any]:
        """As `ledger.posting` takes it."""
        words: dict[str, Any] = {
            "id": str(self.id),
            "key": self.key,
            "kind": self.kind,
            "cause": self.cause.kind,
            "cause_id": str(self.cause.id),
            "actor": self.actor,
            "event_at": self.event_at.isoformat(),
            "accounts": [str(entry.account_id) for entry in self.entries],
            "units": [entry.unit for entry in self.entries],
            "amounts": [entry.amount for entry in self.entries],
        }
        if self.target_id is not None:
            words["target_id"] = str(self.target_id)
        if self.expires_at is not None:
            words["expires_at"] = self.expires_at.isoformat()
        if self.keep_open:
            words["keep_open"] = True
        if self.linked:
            words["linked"] = True
        return words

    def spread(self) -> dict[str, Any]:
        """As `ledger.post_one` takes it. Arrays go as text, which is half the work of the driver's own way."""
        return {
            "id": self.id,
            "key": self.key,
            "accounts": _array(entry.account_id for entry in self.entries),
            "units": _array(entry.unit for entry in self.entries),
            "amounts": _array(entry.amount for entry in self.entries),
            "cause": self.cause.kind,
            "cause_id": self.cause.id,
            "actor": self.actor,
            "event_at": self.event_at,
        }


def _array(values: Iterable[UUID | str | int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _texts(values: list[str]) -> str:
    """An array of any texts. The separator can't occur in one that is escaped."""
    escaped = "\0".join(values).replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return '{"' + escaped + '"}'


def _plain(postings: Sequence[Posting]) -> bool:
    """Whether they are nothing but transfers, which don't depend on each other, in one unit."""
    units = {entry.unit for posting in postings for entry in posting.entries}
    return len(units) == 1 and all(
        posting.kind == "transfer" and posting.target_id is None and not posting.linked for posting in postings
    )


def _columns(postings: Sequence[Posting]) -> dict[str, Any]:
    """As `ledger.post_many` takes them: column by column."""
    entries = [(number, entry) for number, posting in enumerate(postings, 1) for entry in posting.entries]
    return {
        "ids": _array(posting.id for posting in postings),
        "keys": _texts([posting.key for posting in postings]),
        "causes": _texts([posting.cause.kind for posting in postings]),
        "cause_ids": _array(posting.cause.id for posting in postings),
        "actors": _texts([posting.actor for posting in postings]),
        "event_ats": _array(posting.event_at.isoformat() for posting in postings),
        "unit": entries[0][1].unit,
        "numbers": _array(number for number, _ in entries),
        "accounts": _array(entry.account_id for _, entry in entries),
        "amounts": _array(entry.amount for _, entry in entries),
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a posting; `available` is what its first account may spend after it, where that is known."""

    code: Code
    transfer_id: UUID
    available: int | None

    @property
    def ok(self) -> bool:
        return self.code in ("ok", "replayed")


async def post(session: AsyncSession, postings: Sequence[Posting]) -> list[Outcome]:
    """Post a batch in one round trip; refusals come back as codes, in the order of the postings.

    Raises ValueError for an empty batch or one above POSTINGS_MAX, and OperationalError (SQLSTATE 40001) where
    another transaction posted one of the keys for other accounts at the same moment: run the transaction again.
    """
    with telemetry.stage("ledger"):
        statement, parameters = statement_for(postings)
        rows = await _PREPARED[statement].rows(session, **parameters)
    return [Outcome(*row) for row in rows]


def statement_for(postings: Sequence[Posting]) -> tuple[TextClause, dict[str, Any]]:
    """What `post` sends: a function of its own for a single transfer, the commonest case by far."""
    if not 0 < len(postings) <= POSTINGS_MAX:
        raise ValueError(f"a batch has 1 to {POSTINGS_MAX} postings, not {len(postings)}")
    if len(postings) == 1 and postings[0].kind == "transfer" and postings[0].target_id is None:
        return _POST_ONE, postings[0].spread()
    if len(postings) <= SET_MAX and _plain(postings):
        return _POST_MANY, _columns(postings)
    return _POST, {"postings": json.dumps([posting.worded() for posting in postings])}
