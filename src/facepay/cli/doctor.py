"""Is everything as it must be?"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from facepay.cli.running import console
from facepay.settings import Settings

if TYPE_CHECKING:
    from facepay.doctor.findings import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Look at settings, keys, models, machine and database, and say what to do. It changes nothing.

    Ends with 0 where nothing fails, warnings or not, and with 1 otherwise.
    """
    findings = _findings()
    if as_json:
        print(json.dumps([asdict(each) for each in findings], indent=2))
    for each in () if as_json else findings:
        console.print(f"[{COLOURS[each.verdict]}]{each.verdict:4}[/]  [bold]{each.check:20}[/]", end="  ")
        console.print(each.found, markup=False, highlight=False, soft_wrap=True)
        if each.advice:
            console.print(f"{'':28}{each.advice}", style="dim", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1 if any(each.verdict == "fail" for each in findings) else 0)


def _findings() -> list[Finding]:
    from facepay.doctor.findings import fail
    from facepay.doctor.machine import look_at_machine

    try:
        settings = Settings()
    except ValidationError as error:
        return [
            # Without the value, which may be a secret.
            fail("settings", f"FACEPAY_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}", "See .env.example.")
            for each in error.errors(include_input=False, include_url=False)
        ]
    return [*look_at_machine(settings, os.environ), *_of_database(settings)]


def _of_database(settings: Settings) -> list[Finding]:
    import asyncio

    from facepay.doctor.database import look_at_database
    from facepay.doctor.findings import ok
    from facepay.kernel.clock import utc_now
    from facepay.kernel.database import Database
    from facepay.kernel.embedded import EmbeddedPostgres

    async def look(url: str) -> list[Finding]:
        database = Database(url, pool_size=2)
        try:
            return [each async for each in look_at_database(database, settings, utc_now)]
        finally:
            await database.close()

    if settings.database_url is not None:
        return asyncio.run(look(settings.database_url))
    folder = settings.data_dir / "postgres"
    if not folder.exists():
        return [ok("database", f"the embedded one, made in {folder} at the first start")]
    with EmbeddedPostgres(folder) as postgres:
        return asyncio.run(look(postgres.url()))
