"""The whole database, as its own catalogue tells it: every table and column, whoever made it, and what stands in them.

Nothing here knows the models, so that a table that nobody declared is found all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from facepay.privacy.holdings import HOLDINGS, NOTHING, Fate, Holding, UndeclaredTable

# Ids of people, whatever a room calls them: of uuids and arrays of them.
OF_A_PERSON = re.compile(r"(^|_)(member|payer|buyer|holder|host|candidate)s?_ids?$")
HOW_TO_DECLARE = (
    "Say so in privacy/holdings.py: `by`, where rows are about who is named there; `through`, where they belong to rows"
    " that are; `beside`, where it is somebody else. Then let tests/privacy/house.py leave a row."
)
HOW_TO_FORGET = (
    "Erasing them has to reach it (privacy/holdings.py: ERASED, or UNLINKED with this column in `cleared`), or it has"
    " to be KEPT, with the law that asks for it."
)

Rows = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Column:
    table: str
    name: str
    type: str
    points_at: tuple[str, ...] = ()  # tables

    @property
    def is_id(self) -> bool:
        return self.type in ("uuid", "_uuid")

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


def rows(database_url: str) -> dict[str, list[str]]:
    """Every row of every table in every schema of ours, as text: bytes in hex, JSON as it stands."""
    with _connected(database_url) as connection:
        return {
            _name(table["schema"], table["name"]): [
                str(row["line"])
                for row in connection.execute(
                    psycopg.sql.SQL("select to_jsonb(t)::text as line from {} t").format(
                        psycopg.sql.Identifier(table["schema"], table["name"])
                    )
                )
            ]
            for table in _asked(
                connection,
                "select table_schema as schema, table_name as name from information_schema.tables"
                " where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')",
            )
        }


def columns(database_url: str) -> list[Column]:
    """Of every table of ours, with what foreign keys say that they point at."""
    with _connected(database_url) as connection:
        found = _asked(
            connection,
            """
            select n.nspname as schema, c.relname as table, a.attname as name, t.typname as type,
                   coalesce(array_agg(p.relname) filter (where p.oid is not null), '{}') as points_at
              from pg_attribute a
              join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
              join pg_namespace n on n.oid = c.relnamespace and n.nspname !~ '^pg_|^information_schema$'
              join pg_type t on t.oid = a.atttypid
              left join pg_constraint k on k.conrelid = c.oid and k.contype = 'f' and a.attnum = any(k.conkey)
              left join pg_class p on p.oid = k.confrelid
             where a.attnum > 0 and not a.attisdropped
             group by 1, 2, 3, 4 order by 1, 2, 3
            """,
        )
    return [
        Column(_name(row["schema"], row["table"]), row["name"], row["type"], tuple(row["points_at"])) for row in found
    ]


def undeclared(found: Iterable[Column], holdings: Mapping[str, Holding] = HOLDINGS) -> list[str]:
    """What holdings.py doesn't say: of tables that it doesn't list, of columns that name somebody and of tables whose
    rows belong to a member's.
    """
    told: dict[str, None] = {}
    for column in found:
        if (holding := holdings.get(column.table)) is None:
            told[str(UndeclaredTable(column.table))] = None
        elif _names_a_member(column) and column.name not in _declared(holding):
            told[f"{column} names a member, and nothing says so. {HOW_TO_DECLARE}"] = None
        elif holding is NOTHING and (owners := [each for each in column.points_at if _is_of_a_member(holdings, each)]):
            told[
                f"{column} points at {owners[0]}, whose rows are a member's, and nothing says so. {HOW_TO_DECLARE}"
            ] = None
    return list(told)


def naming(found: Rows, word: str) -> set[str]:
    """The tables in which a word stands."""
    return {column.rsplit(".", 1)[0] for column in standing(found, word)}


def standing(found: Rows, word: str) -> set[str]:
    """The columns in which a word stands: as it is, as bytes in hex, or as an id without its dashes."""
    forms = {word, json.dumps(word)[1:-1], word.encode().hex(), word.replace("-", "")}
    return {
        f"{table}.{name}"
        for table, lines in found.items()
        for line in lines
        if any(form in line for form in forms)
        for name, value in _values(line)
        if any(form in value for form in forms)
    }


def left_behind(found: Rows, *, member_id: str, words: Iterable[str]) -> list[str]:
    """What is wrong after somebody was erased: words of theirs anywhere, and their id where it wasn't to stay."""
    wrong = [
        f"{word!r} stands in {column}. {HOW_TO_FORGET}" for word in words for column in sorted(standing(found, word))
    ]
    for column in sorted(standing(found, member_id)):
        table, name = column.rsplit(".", 1)
        holding = HOLDINGS.get(table)
        if holding is None or not holding.may_keep_id or (holding.by and name not in _declared(holding)):
            wrong.append(f"their id stands in {column}. {HOW_TO_FORGET}")
    return wrong


def _names_a_member(column: Column) -> bool:
    return "member" in column.points_at or (column.is_id and bool(OF_A_PERSON.search(column.name)))


def _declared(holding: Holding) -> set[str]:
    through = {holding.through[0]} if holding.through else set()
    return {*holding.by, *holding.beside, *holding.cleared, *holding.hidden, *through}


def _is_of_a_member(holdings: Mapping[str, Holding], table: str) -> bool:
    holding = holdings.get(table)
    return holding is not None and (bool(holding.by or holding.through)) and holding.fate is not Fate.NOTHING_HELD


def _values(line: str) -> Iterator[tuple[str, str]]:
    row: dict[str, Any] = json.loads(line)
    for name, value in row.items():
        yield name, json.dumps(value, ensure_ascii=False)


def _name(schema: str, table: str) -> str:
    return table if schema == "public" else f"{schema}.{table}"


def _connected(database_url: str) -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(database_url.replace("+psycopg", ""), row_factory=dict_row)


def _asked(connection: psycopg.Connection[dict[str, Any]], query: str) -> list[dict[str, Any]]:
    return connection.execute(query).fetchall()
