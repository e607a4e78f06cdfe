"""The database's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facepay.cli.running import console
from facepay.settings import Settings


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only look: models and migrations agree, and no migration closes the shop.")
    ] = False,
) -> None:
    """Bring the database's schema to the newest version, as the owner of its tables."""
    from facepay import migrate as schema

    if check:
        _check_operations()
        _check_models()
        return
    settings = Settings()
    try:
        with schema.owner_connection(settings) as connection:
            schema.migrate(connection, app_url=schema.app_url(settings))
    except schema.NotMigrated as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(f"The schema is at [bold]{schema.newest_revision()}[/].")


def _check_models() -> None:
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


def _check_operations() -> None:
    from importlib.metadata import version

    from facepay.migrate import alembic_config
    from facepay.migration_check import BASELINE, CheckerMissing, breaches

    try:
        found = breaches(alembic_config(), baseline=BASELINE, release=version("facepay"))
    except CheckerMissing as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error
    for breach in found:
        console.print(str(breach), style="red", markup=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
