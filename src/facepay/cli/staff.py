"""Staff who may sign in."""

from __future__ import annotations

from typing import Annotated

import typer

from facepay.cli.running import console, on_database

admin_app = typer.Typer(no_args_is_help=True, help="Staff who may sign in.")


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

    if not on_database(create):
        console.print("[red]There is staff already.[/] Sign in as an owner and add more at POST /v1/staff.")
        raise typer.Exit(1)
    console.print(f"[bold]{username}[/] is the first owner and can sign in at POST /v1/auth/token.")
