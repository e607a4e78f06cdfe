"""Backups: made while the shop is open, and put back into an empty database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facepay.cli.running import console, on_database
from facepay.settings import Settings

if TYPE_CHECKING:
    from facepay.backups import Progress
    from facepay.kernel.database import Database
    from facepay.kernel.proofs import Report


def backup(file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to; what is there is replaced.")]) -> None:
    """Write everything that the database holds into one file, while the shop is open.

    It holds names and phones: keep it as you keep the database. The master key is NOT in it. Keep that elsewhere:
    without it nobody can use the backup.
    """
    from facepay.backups import back_up
    from facepay.bootstrap import master_key
    from facepay.kernel.clock import utc_now
    from facepay.migrate import owner_connection

    settings = Settings()
    with _told(), owner_connection(settings) as connection, _bar("Backing up", None) as progress:
        about = back_up(connection, file, key=master_key(settings), now=utc_now(), progress=progress)
    rows = sum(about.rows.values())
    console.print(f"{file}: {rows:,} rows of {len(about.rows)} tables, {file.stat().st_size / 1e6:,.1f} MB.")
    console.print(f"It opens with the master key [bold]{about.key}[/], which is not in it.")


def restore(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A backup.")]) -> None:
    """Put a backup into an empty database, under the master key that it was made under, and prove its books.

    All of it or nothing. Whoever was erased since the backup is in it again: erase them once more (docs/backup.md).
    """
    from facepay.backups import dump_bytes
    from facepay.backups import restore as put_back
    from facepay.bootstrap import master_key
    from facepay.migrate import app_url, newest_revision, owner_connection

    settings = Settings()
    with _told(), owner_connection(settings) as connection, _bar("Restoring", dump_bytes(file)) as progress:
        about = put_back(connection, file, key=master_key(settings), app=app_url(settings), progress=progress)
    console.print(f"As of {about.made_at}: {sum(about.rows.values()):,} rows, now at {newest_revision()}.")
    proofs = on_database(_proved)
    for what, report in proofs.items():
        console.print(f"{what}: {report}", style=None if report.ok else "red", markup=False)
    raise typer.Exit(0 if all(report.ok for report in proofs.values()) else 1)


async def _proved(database: Database) -> dict[str, Report]:
    from facepay.access_log.verify import verify as verify_access
    from facepay.online.audit import CHECKS
    from facepay.wallet.verify import verify as verify_ledger

    return {
        "ledger": await verify_ledger(database, extra_checks=CHECKS),
        "access log": await verify_access(database),
    }


@contextmanager
def _told() -> Iterator[None]:
    from facepay.backups import NoBackup
    from facepay.migrate import NotMigrated

    try:
        yield
    except (NoBackup, NotMigrated) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


@contextmanager
def _bar(words: str, total: int | None) -> Iterator[Progress]:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task(words, total=total)
        yield lambda carried: bars.update(task, completed=carried)
