"""The command line: `facepay --help`."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console

from facepay.cli.access import access_app
from facepay.cli.api import demo, serve
from facepay.cli.backups import backup, restore
from facepay.cli.calibrate import calibrate_app
from facepay.cli.capacity import capacity
from facepay.cli.doctor import doctor
from facepay.cli.engine import engine_app
from facepay.cli.evaluate import evaluate
from facepay.cli.ledger import ledger_app
from facepay.cli.models import models
from facepay.cli.privacy import privacy_app
from facepay.cli.recommender import recommender_app
from facepay.cli.schema import migrate
from facepay.cli.simulate import simulate
from facepay.cli.staff import admin_app
from facepay.cli.templates import templates_app
from facepay.kernel.embedded_host import EmbeddedPostgresError
from facepay.vision.packs import PackError

# Requests run side by side; a matrix product that takes all cores for itself makes them wait. NumPy, which the
# commands import, reads it once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="The backend of shops where a face is the ticket and the wallet. Settings: `FACEPAY_*` (see `.env.example`).",
)
for command in (serve, demo, simulate, doctor, migrate, backup, restore, models, evaluate, capacity):
    app.command()(command)
app.add_typer(calibrate_app, name="calibrate")
app.add_typer(engine_app, name="engine")
app.add_typer(ledger_app, name="ledger")
app.add_typer(access_app, name="access")
app.add_typer(admin_app, name="admin")
app.add_typer(templates_app, name="templates")
app.add_typer(privacy_app, name="privacy")
app.add_typer(recommender_app, name="recommender")


def main() -> None:
    try:
        app()
    except (EmbeddedPostgresError, PackError) as error:
        Console(stderr=True).print(f"[red]{error}[/]")
        sys.exit(1)
