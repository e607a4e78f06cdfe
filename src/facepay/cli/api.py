"""The API: serve, demo."""

from __future__ import annotations

import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from facepay.cli.models import require_licence
from facepay.cli.running import console
from facepay.demo.scenarios import Scenario
from facepay.settings import Settings
from facepay.vision.packs import find_pack

if TYPE_CHECKING:
    from fastapi import FastAPI

GARBAGE_MAX = 5_000
# How long the event loop waits for a thread that computes: a tenth of Python's default.
SWITCH_SECONDS = 0.0005


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (FACEPAY_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port, 0 for a free one (FACEPAY_PORT).")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; each loads the models.")] = 1,
) -> None:
    """Run the API, with the embedded Postgres where FACEPAY_DATABASE_URL is not set."""
    import uvicorn

    from facepay.bootstrap import with_database
    from facepay.templates.area import area_for_workers

    settings = Settings()
    require_licence(settings)
    with with_database(settings) as ready, area_for_workers():
        assert ready.database_url
        # Worker processes read them from here: also where they are reached, which payers are sent to.
        os.environ["FACEPAY_DATABASE_URL"] = ready.database_url
        os.environ["FACEPAY_HOST"] = host or settings.host
        os.environ["FACEPAY_PORT"] = str(settings.port if port is None else port)
        if sys.stdout.isatty():
            console.print(f"Loading models; then at http://{host or settings.host}:{port or settings.port}/docs")
        uvicorn.run(
            "facepay.cli.api:create_lasting_app",
            factory=True,
            host=host or settings.host,
            port=settings.port if port is None else port,
            workers=workers,
            access_log=False,
            log_level="warning" if settings.log_level == "info" else settings.log_level,
            server_header=False,
            timeout_graceful_shutdown=15,
        )


def create_lasting_app() -> FastAPI:
    """For a process that does nothing else: what is loaded at its start stays, so the collector needn't look at it."""
    gc.disable()
    from facepay.bootstrap import open_engine

    with_models = ThreadPoolExecutor(1, thread_name_prefix="models")
    loading = with_models.submit(open_engine, Settings())  # while all the rest is imported
    with_models.shutdown(wait=False)
    from facepay.app import create_app

    app = create_app(engine=loading, lasting=True)
    gc.freeze()
    # Seldom enough that no answer waits for it often: by default some 25 times a second, now and then for 30 ms.
    gc.set_threshold(GARBAGE_MAX)
    gc.enable()
    sys.setswitchinterval(SWITCH_SECONDS)
    return app


def demo(
    scenario: Annotated[Scenario, typer.Option(help="What happens in the store.")] = Scenario.DAY,
    keep: Annotated[bool, typer.Option("--serve", help="Stay up when it is over.")] = False,
    port: Annotated[int, typer.Option(help="Port, 0 for a free one.")] = 0,
) -> None:
    """Play a scenario in the store: real faces over HTTP, from enrolment to the books."""
    from facepay.demo.run import run_demo

    licence = find_pack(Settings().model_pack).licence
    if not licence.commercial:
        console.print(f"This is a demonstration, with the {licence.name}.", style="dim", highlight=False)
    raise typer.Exit(run_demo(console, scenario=scenario, serve=keep, port=port))
