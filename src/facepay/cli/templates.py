"""Face templates at rest."""

from __future__ import annotations

from typing import Annotated

import typer

from facepay.cli.running import console, on_database
from facepay.settings import Settings

templates_app = typer.Typer(no_args_is_help=True, help="Face templates at rest.")


@templates_app.command("renew")
def renew_templates(
    new_key: Annotated[
        str | None, typer.Option(envvar="FACEPAY_NEW_MASTER_KEY", help="256 bits in base64; made where not given.")
    ] = None,
) -> None:
    """Move every face template to a new master key, without a new photo. Stop the API first."""
    from rich.progress import Progress

    from facepay.bootstrap import MASTER_KEY_FILE, master_key
    from facepay.kernel.database import Database
    from facepay.kernel.secrets import MasterKey
    from facepay.templates.protection import Protection
    from facepay.templates.renewal import renew

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
    count = on_database(move)
    if settings.master_key is None:
        successor.replace(key_file)
        console.print(f"{count} templates renewed; the new key is in {key_file}.")
    else:
        console.print(f"{count} templates renewed. Set FACEPAY_MASTER_KEY to the new key before the next start.")
