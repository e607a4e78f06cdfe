"""What a device must not forget when its power goes: the policy it holds, what it did by it, how far that was told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

BATCH_MAX = 50
# Told posts are kept, so that a server that was set back to a backup can hear them again.
TOLD_KEPT_MAX = 10_000
_SCHEMA = """
create table if not exists note (name text primary key, value text not null) strict;
create table if not exists post (
    sequence integer primary key, policy text not null, body text not null, told integer not null default 0) strict;
create table if not exists spent (pass_id text primary key, amount integer not null) strict;
"""


@dataclass(frozen=True, slots=True)
class Untold:
    """The oldest posts that still have to be told, and the one policy that they were all decided by."""

    policy: str
    posts: tuple[dict[str, Any], ...]


class Journal:
    """One SQLite file; what was written has reached the disk before anybody acts on it."""

    def __init__(self, path: Path | str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        self._database.executescript(_SCHEMA)
        self.run = UUID(self.note("run") or self.remember("run", str(uuid4())))

    def note(self, name: str) -> str | None:
        found = self._one("select value from note where name = ?", name)
        return None if found is None else str(found)

    def remember(self, name: str, value: str) -> str:
        self._database.execute("insert or replace into note values (?, ?)", (name, value))
        return value

    def spent(self, pass_id: UUID) -> int:
        """What this device has sold on this pass, in minor units."""
        return int(self._one("select amount from spent where pass_id = ?", str(pass_id)) or 0)

    def add(self, policy: str, body: dict[str, Any], *, pass_id: UUID, amount: int = 0) -> int:
        """Write down what is about to be done; the post's number."""
        with self._transaction():
            sequence = int(self._one("select coalesce(max(sequence), 0) + 1 from post"))
            self._database.execute(
                "insert into post (sequence, policy, body) values (?, ?, ?)", (sequence, policy, json.dumps(body))
            )
            self._database.execute(
                "insert into spent values (?, ?) on conflict do update set amount = amount + excluded.amount",
                (str(pass_id), amount),
            )
        return sequence

    def untold(self) -> Untold | None:
        rows = self._database.execute(
            "select sequence, policy, body from post where not told order by sequence limit ?", (BATCH_MAX,)
        ).fetchall()
        if not rows:
            return None
        policy = rows[0][1]
        end = next((number for number, row in enumerate(rows) if row[1] != policy), len(rows))
        return Untold(policy, tuple(json.loads(body) | {"sequence": sequence} for sequence, _, body in rows[:end]))

    def told_before(self, sequence: int) -> None:
        """The server has everything before this number, and nothing from it on."""
        with self._transaction():
            self._database.execute("update post set told = sequence < ?", (sequence,))
            self._database.execute("delete from post where told and sequence < ?", (sequence - TOLD_KEPT_MAX,))

    @property
    def written(self) -> int:
        """How many posts there were in this run."""
        return int(self._one("select coalesce(max(sequence), 0) from post"))

    @property
    def waiting(self) -> int:
        """How many posts still have to be told."""
        return int(self._one("select count(*) from post where not told"))

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._database.execute("rollback")
            raise
        self._database.execute("commit")

    def _one(self, query: str, *values: object) -> Any:
        with closing(self._database.execute(query, values)) as found:
            row = found.fetchone()
        return None if row is None else row[0]
