"""Faces that are held, and how long: status, retain, verify."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from facepay.cli.running import console, on_database
from facepay.kernel.clock import utc_now
from facepay.settings import Settings

if TYPE_CHECKING:
    from facepay.kernel.database import Database
    from facepay.privacy.receipts import Signer
    from facepay.privacy.schemas import PrivacyStatus

privacy_app = typer.Typer(no_args_is_help=True, help="Faces that are held, and how long.")


@privacy_app.command("status")
def status_command() -> None:
    """Show how many people are enrolled under which law, and which faces and consents are due."""
    from facepay.privacy.status import privacy_status

    signer, settings = _signer(), Settings()
    found = on_database(lambda database: privacy_status(database, settings=settings, signer=signer, now=utc_now()))
    _print_status(found)


def _print_status(found: PrivacyStatus) -> None:
    from facepay.privacy.retention import filings_near

    table = Table("jurisdiction", "law", box=None, pad_edge=False, header_style="bold")
    for title in ("enrolled", "kept for, unseen", "due"):
        table.add_column(title, justify="right")
    for each in found.jurisdictions:
        table.add_row(
            each.jurisdiction, each.law, f"{each.enrolled_people:,}", f"{each.idle_days} days", f"{each.idle:,}"
        )
    console.print(table)
    console.print(f"Consents: {found.consents_ended:,} have run out, {found.consents_ending:,} are about to.")
    console.print(f"Receipts are signed under {found.public_key}", highlight=False, soft_wrap=True)
    people = {each.jurisdiction: each.enrolled_people for each in found.jurisdictions}
    for jurisdiction, limit in filings_near(people).items():
        console.print(f"[yellow]{jurisdiction}: {people[jurisdiction]:,} people enrolled; from {limit:,} on, file.[/]")


@privacy_app.command("retain")
def retain_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many faces are due.")] = False,
) -> None:
    """Erase the faces whose consent ran out, or whose members were not seen for too long. The API does it hourly."""
    from facepay.privacy.retention import faces_due, retain

    signer, settings, now = _signer(), Settings(), utc_now()

    async def count(database: Database) -> Counter[str]:
        return Counter([due.why async for due in faces_due(database, settings=settings, now=now)])

    if dry_run:
        due = on_database(count)
        console.print(f"{due['ended']:,} consents have run out, {due['idle']:,} members were not seen for too long.")
    else:
        erased = on_database(lambda database: retain(database, settings=settings, signer=signer, now=now))
        console.print(f"{erased:,} faces erased; GET /v1/erasures has the receipts.")


@privacy_app.command("verify")
def verify_command(
    receipt: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="As the API answered it, in JSON.")],
    public_key: Annotated[
        str | None, typer.Option(help="The shop's, in hex; that of the master key in force where not given.")
    ] = None,
) -> None:
    """Check that a receipt of an erasure was signed by this shop, and says what it said then. Exits 1 where not."""
    from facepay.privacy.receipts import is_genuine

    try:
        said = json.loads(receipt.read_bytes())
    except ValueError as error:
        raise typer.BadParameter(f"{receipt} is not JSON") from error
    genuine = isinstance(said, dict) and is_genuine(said, public_key=public_key or _signer().public_key)
    console.print("[green]genuine[/]" if genuine else "[red]not signed under this key, or altered since[/]")
    raise typer.Exit(0 if genuine else 1)


def _signer() -> Signer:
    from facepay.bootstrap import master_key
    from facepay.privacy.receipts import Signer

    return Signer(master_key(Settings()))
