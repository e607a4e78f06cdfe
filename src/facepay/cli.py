"""The command line: `facepay --help`."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from facepay.kernel.embedded_host import EmbeddedPostgresError
from facepay.settings import Settings

# Requests run side by side; a matrix product that takes all cores for itself makes them wait. NumPy, which is
# imported later, reads it once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

T = TypeVar("T")
app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="The backend of shops where a face is the ticket and the wallet. Settings: `FACEPAY_*` (see `.env.example`).",
)
ledger_app = typer.Typer(no_args_is_help=True, help="The books.")
admin_app = typer.Typer(no_args_is_help=True, help="Staff who may sign in.")
templates_app = typer.Typer(no_args_is_help=True, help="Face templates at rest.")
app.add_typer(ledger_app, name="ledger")
app.add_typer(admin_app, name="admin")
app.add_typer(templates_app, name="templates")
console = Console()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (FACEPAY_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port, 0 for a free one (FACEPAY_PORT).")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each loads the models.")] = 1,
) -> None:
    """Run the API, with the embedded Postgres where FACEPAY_DATABASE_URL is not set."""
    import uvicorn

    from facepay.bootstrap import with_database

    settings = Settings()
    with with_database(settings) as ready:
        assert ready.database_url
        # Worker processes read it from here.
        os.environ["FACEPAY_DATABASE_URL"] = ready.database_url
        if sys.stdout.isatty():
            console.print(f"Loading models; then at http://{host or settings.host}:{port or settings.port}/docs")
        uvicorn.run(
            "facepay.app:create_app",
            factory=True,
            host=host or settings.host,
            port=settings.port if port is None else port,
            workers=workers,
            access_log=False,
            log_level="warning" if settings.log_level == "info" else settings.log_level,
            server_header=False,
            timeout_graceful_shutdown=15,
        )


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--serve", help="Stay up when the day is over.")] = False,
    port: Annotated[int, typer.Option(help="Port, 0 for a free one.")] = 0,
) -> None:
    """Play a day in the store: real faces over HTTP, from enrolment to the books."""
    from facepay.demo import run_demo

    raise typer.Exit(run_demo(console, serve=keep, port=port))


@app.command("migrate")
def migrate_command(
    check: Annotated[
        bool, typer.Option("--check", help="Only compare models and migrations, on a scratch database.")
    ] = False,
) -> None:
    """Bring the database's schema to the newest version, as the owner of its tables."""
    from facepay import migrate as schema

    if check:
        check_migrations()
        return
    settings = Settings()
    with schema.owner_connection(settings) as connection:
        schema.migrate(connection, app_url=schema.app_url(settings))
    console.print(f"The schema is at [bold]{schema.newest_revision()}[/].")


def check_migrations() -> None:
    import tempfile

    from alembic.util import CommandError

    from facepay import migrate as schema
    from facepay.kernel.embedded import EmbeddedPostgres

    with (
        tempfile.TemporaryDirectory(prefix="facepay-check-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres", durable=False) as postgres,
        schema.connect(postgres.url(role="facepay_owner")) as connection,
    ):
        schema.migrate(connection)
        try:
            schema.check(connection)
        except CommandError as error:
            console.print(f"[red]Models and migrations differ:[/] {error}")
            raise typer.Exit(1) from error
    console.print("Models and migrations agree.")


@admin_app.command("create")
def create_owner(
    username: Annotated[str, typer.Argument(help="Name to sign in with.")],
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar="FACEPAY_ADMIN_PASSWORD")
    ],
) -> None:
    """Add the first owner; further staff are added over the API."""
    from facepay.kernel.database import Database
    from facepay.staff.accounts import ensure_first_owner

    async def create(database: Database) -> bool:
        async with database.begin() as session:
            return await ensure_first_owner(session, username=username, password=password)

    if not _on_database(create):
        console.print("[red]There is staff already.[/] Sign in as an owner and add more at POST /v1/staff.")
        raise typer.Exit(1)
    console.print(f"[bold]{username}[/] is the first owner and can sign in at POST /v1/auth/token.")


@ledger_app.command("verify")
def verify_command(
    head: Annotated[
        str | None, typer.Option(metavar="NUMBER:HASH", help="An earlier run's head, which the chain must still hold.")
    ] = None,
) -> None:
    """Prove the books: sums, balances, holds, refunds, the chain, orders against payments. Exits 1 where one is wrong.

    No payment waits for it. Keep the head that it prints somewhere else: only that shows a chain that was cut short.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from facepay.checkout.audit import CHECKS
    from facepay.wallet.verify import verify

    expected = _head(head) if head else None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {}

        def progress(check: str, done: int, total: int) -> None:
            if check not in tasks:
                tasks[check] = bars.add_task(check)
            bars.update(tasks[check], completed=done, total=total or None)

        report = _on_database(
            lambda database: verify(database, expected_head=expected, extra_checks=CHECKS, progress=progress)
        )
    table = Table("check", box=None, pad_edge=False, header_style="bold")
    table.add_column("rows", justify="right")
    table.add_column("")
    wrong = {"links" if finding.check == "chain" else finding.check for finding in report.findings}
    for check, rows in report.checked.items():
        table.add_row(check, f"{rows:,}", "[red]wrong[/]" if check in wrong else "[green]in order[/]")
    console.print(table)
    for finding in report.findings:
        console.print(f"[red]{finding}[/]", highlight=False)
    number, digest = report.head
    if report.ok and number:
        console.print(f"head {number}:{digest}", highlight=False, soft_wrap=True)
    raise typer.Exit(0 if report.ok else 1)


def _head(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not re.fullmatch(r"\d{1,18}:[0-9a-f]{64}", text):
        raise typer.BadParameter(f"{text!r} is not NUMBER:HASH, as `facepay ledger verify` prints it")
    return int(number), digest


@ledger_app.command("reconcile")
def reconcile_command(
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day that the provider settled, in UTC.")],
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Its settlement file; asked for where not given.")
    ] = None,
) -> None:
    """Compare the provider's settlement with the books, and move what agrees to the bank. Exits 1 on differences."""
    from facepay.bootstrap import master_key, payment_provider
    from facepay.kernel.database import Database
    from facepay.wallet.providers.provider import ProviderUnavailable
    from facepay.wallet.reconciliation import Report, reconcile
    from facepay.wallet.settlement import MalformedSettlement

    async def compare(database: Database) -> Report:
        provider = payment_provider(Settings(), database, key=master_key(Settings()))
        settlement = file.read_bytes() if file else await provider.settlement(day.date())
        return await reconcile(database, day=day.date(), file=settlement)

    try:
        report = _on_database(compare)
    except (MalformedSettlement, ProviderUnavailable) as error:
        console.print(f"[red]No settlement to compare with:[/] {error}")
        raise typer.Exit(2) from error
    table = Table("difference", "top-up", "provider", "here", "there", "detail", box=None, header_style="bold")
    for found in report.differences:
        cells = (found.kind, found.reference, found.provider_id, found.here, found.there, found.detail)
        table.add_row(*("" if cell is None else str(cell) for cell in cells))
    if report.differences:
        console.print(table)
    console.print(f"{day:%Y-%m-%d}: {len(report.matched)} lines agree, {len(report.differences)} differ.")
    raise typer.Exit(0 if report.ok else 1)


@templates_app.command("renew")
def renew_templates(
    new_key: Annotated[
        str | None, typer.Option(envvar="FACEPAY_NEW_MASTER_KEY", help="256 bits in base64; made where not given.")
    ] = None,
) -> None:
    """Move every face template to a new master key, without a new photo. Stop the API first."""
    from rich.progress import Progress

    from facepay.bootstrap import MASTER_KEY_FILE, master_key
    from facepay.identity.protection import Protection
    from facepay.identity.renewal import renew
    from facepay.kernel.database import Database
    from facepay.kernel.secrets import MasterKey

    settings = Settings()
    if settings.master_key is not None and new_key is None:
        raise typer.BadParameter("FACEPAY_MASTER_KEY is set, so give its successor in FACEPAY_NEW_MASTER_KEY.")
    text = new_key or MasterKey.generate_text()
    key_file = settings.data_dir / MASTER_KEY_FILE
    old, new = Protection(master_key(settings)), Protection(MasterKey.from_text(text))

    async def move(database: Database) -> int:
        with Progress(console=console) as progress:
            task = progress.add_task("renewing")
            async with database.begin() as session:
                return await renew(
                    session,
                    old=old,
                    new=new,
                    progress=lambda done, total: progress.update(task, completed=done, total=total),
                )

    if settings.master_key is None:
        # Written before the templates move, so that no crash leaves them under a key that nobody has.
        successor = key_file.with_suffix(".new")
        successor.touch(mode=0o600)
        successor.write_text(text)
    count = _on_database(move)
    if settings.master_key is None:
        successor.replace(key_file)
        console.print(f"{count} templates renewed; the new key is in {key_file}.")
    else:
        console.print(f"{count} templates renewed. Set FACEPAY_MASTER_KEY to the new key before the next start.")


@app.command()
def models() -> None:
    """List the model packs on this machine."""
    from facepay.vision.packs import available_packs

    table = Table("pack", "file", "SHA-256", "licence")
    for pack in available_packs():
        for file in pack.files:
            table.add_row(pack.label, str(file.path), file.sha256, pack.licence)
    console.print(table)


def _on_database(work: Callable[..., Awaitable[T]]) -> T:
    """Run `work(database)` on the settings' database."""
    from facepay.bootstrap import with_database
    from facepay.kernel.database import Database

    async def run(url: str) -> T:
        database = Database(url, pool_size=4)
        try:
            return await work(database)
        finally:
            await database.close()

    with with_database(Settings()) as settings:
        assert settings.database_url
        return asyncio.run(run(settings.database_url))


def main() -> None:
    try:
        app()
    except EmbeddedPostgresError as error:
        Console(stderr=True).print(f"[red]{error}[/]")
        sys.exit(1)


if __name__ == "__main__":
    main()
