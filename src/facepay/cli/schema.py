"""The database's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facepay.cli.running import console
from facepay.settings import Settings


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only compare models and migrations, on a scratch database.")
    ] = False,
) -> None:
    """Bring the database's schema to the newest version, as the owner of its tables."""
    from facepay import migrate as schema

    if check:
        _check_migrations()
        return
    settings = Settings()
    try:
        with schema.owner_connection(settings) as connection:
            schema.migrate(connection, app_url=schema.app_url(settings))
    except schema.NotMigrated as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(f"The schema is at [bold]{schema.newest_revision()}[/].")


def _check_migrations() -> None:
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
