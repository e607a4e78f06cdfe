"""Backups: everything in the database at one moment, in one file, and the way back into an empty database.

A backup is a ZIP of `facepay.json` (what it is of) and `database.dump` (pg_dump's custom format). The master key isn't
in it: without that, its templates, secrets and signatures are useless, to its owner too.
"""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Self

from sqlalchemy import URL, Connection, text

from facepay.kernel.embedded_host import find_binaries
from facepay.kernel.secrets import MasterKey, fingerprint
from facepay.migrate import migrate, revisions

FORMAT = 1
ABOUT, DUMP = "facepay.json", "database.dump"
PIECE_BYTES = 1 << 20
# Alembic's own, and what belongs to the server's extensions, are no rows of the shop.
TABLES = """
    select schemaname || '.' || tablename from pg_tables
    where schemaname in ('public', 'chain', 'ledger', 'access_log') and tablename <> 'alembic_version' order by 1
"""
Progress = Callable[[int], None]
"""Called with how many bytes of the dump were written or read."""


class NoBackup(Exception):
    """It can't be made or put back; what to do about it."""


@dataclass(frozen=True, slots=True)
class About:
    """What a backup is of. `rows` counts each table's, at the moment of the backup; `key` tells master keys apart."""

    format: int
    facepay: str
    revision: str
    postgres: int
    made_at: str
    key: str
    rows: dict[str, int]

    @classmethod
    def of(cls, backup: Path) -> Self:
        """Raises NoBackup."""
        try:
            with zipfile.ZipFile(backup) as file:
                about: dict[str, Any] = json.loads(file.read(ABOUT))
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise NoBackup(f"{backup} is no whole backup: {error}") from error
        if about.get("format") != FORMAT:
            raise NoBackup(f"{backup} was made by facepay {about.get('facepay')}, in a format this one doesn't know.")
        return cls(**about)


def back_up(connection: Connection, backup: Path, *, key: MasterKey, now: datetime, progress: Progress) -> About:
    """Write all that the database holds now, while the shop goes on; `connection` is its owner's.

    The file appears under its name only once it is whole, readable by its owner alone. Raises NoBackup.
    """
    url = connection.engine.url
    # What is counted here and what pg_dump reads are one moment.
    connection.execute(text("set transaction isolation level repeatable read, read only"))
    snapshot = connection.scalar(text("select pg_export_snapshot()"))
    about = About(
        format=FORMAT,
        facepay=version("facepay"),
        revision=str(connection.scalar(text("select version_num from alembic_version"))),
        postgres=_major(connection),
        made_at=now.isoformat(),
        key=_name_of(key),
        rows=counted(connection),
    )
    unfinished = backup.with_name(backup.name + ".part")
    try:
        with open(unfinished, "wb", opener=_private) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(ABOUT, json.dumps(asdict(about), indent=1))
            with archive.open(DUMP, "w", force_zip64=True) as dump:
                _run("pg_dump", url, [f"--snapshot={snapshot}", "--format=custom"], into=dump, progress=progress)
            archive.close()
            os.fsync(file.fileno())
        unfinished.replace(backup)
    finally:
        unfinished.unlink(missing_ok=True)
    return about


def restore(connection: Connection, backup: Path, *, key: MasterKey, app: URL | None, progress: Progress) -> About:
    """Put a backup into an empty database, all of it or nothing, and bring it to the newest revision.

    Raises NoBackup for another master key, a newer backup, and a database that isn't empty.
    """
    about = About.of(backup)
    _check(connection, about, key=key)
    url = connection.engine.url
    connection.rollback()
    with zipfile.ZipFile(backup) as archive, archive.open(DUMP) as dump:
        options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-acl", "--no-comments"]
        _run("pg_restore", url, [*options, f"--dbname={_conninfo(url)}"], out_of=dump, progress=progress)
    found = counted(connection)
    connection.rollback()
    if differing := {table for table in found.keys() | about.rows.keys() if found.get(table) != about.rows.get(table)}:
        raise NoBackup(f"Rows are missing or too many in {', '.join(sorted(differing))}: don't use this database.")
    migrate(connection, app_url=app)
    return about


def dump_bytes(backup: Path) -> int:
    """Raises NoBackup."""
    About.of(backup)
    with zipfile.ZipFile(backup) as file:
        return file.getinfo(DUMP).file_size


def counted(connection: Connection) -> dict[str, int]:
    """The rows of each table."""
    tables = list(connection.scalars(text(TABLES)))
    counts = " union all ".join(f"select '{table}', count(*) from {table}" for table in tables)  # noqa: S608
    return {str(table): int(count) for table, count in connection.execute(text(counts))} if tables else {}


def _check(connection: Connection, about: About, *, key: MasterKey) -> None:
    if about.key not in {_name_of(each) for each in (key, *key.others)}:
        raise NoBackup(
            f"This backup was made under the master key {about.key}, and this is {_name_of(key)}: its templates and"
            " secrets couldn't be read. Set FACEPAY_MASTER_KEY (or master.key in the data folder) to that one."
        )
    if about.revision not in revisions():
        raise NoBackup(f"This backup is of facepay {about.facepay} ({about.revision}), which is newer than this one.")
    if (server := _major(connection)) < about.postgres:
        raise NoBackup(f"This backup is of Postgres {about.postgres}, and this server is of {server}.")
    if tables := connection.scalar(text("select count(*) from pg_tables where schemaname = 'public'")):
        raise NoBackup(f"The database has {tables} tables already: a backup goes into an empty one only.")


def _run(
    program: str,
    url: URL,
    options: list[str],
    *,
    into: IO[bytes] | None = None,
    out_of: IO[bytes] | None = None,
    progress: Progress,
) -> None:
    """A program of Postgres's, its output or its input carried over piece by piece. The password isn't in `ps`."""
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    command = [str(_program(program)), "--no-password", *options]
    if into is not None:
        command.append(f"--dbname={_conninfo(url)}")
    with subprocess.Popen(  # noqa: S603
        command,
        env=environment,
        stdin=subprocess.PIPE if out_of else subprocess.DEVNULL,
        stdout=subprocess.PIPE if into else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        source, sink = (process.stdout, into) if into else (out_of, process.stdin)
        assert source is not None
        assert sink is not None
        assert process.stderr is not None
        with _broken_pipes_are_told_by_the_program():
            carried = 0
            while piece := source.read(PIECE_BYTES):
                sink.write(piece)
                progress(carried := carried + len(piece))
            if out_of:
                sink.close()
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise NoBackup(f"{program} failed: {said}")


@contextmanager
def _broken_pipes_are_told_by_the_program() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        return


def _program(name: str) -> Path:
    """Of the Postgres that comes along."""
    return find_binaries({}) / name


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql", password=None).render_as_string()


def _name_of(key: MasterKey) -> str:
    return fingerprint(key.derive("backup"), b"name").hex()[:16]


def _major(connection: Connection) -> int:
    return int(connection.scalar(text("select current_setting('server_version_num')::int / 10000")) or 0)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
