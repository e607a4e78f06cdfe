"""The access log: verify."""

from __future__ import annotations

import typer

from facepay.cli.proving import HeadOption, prove

access_app = typer.Typer(no_args_is_help=True, help="The access log.")


@access_app.callback()
def _group() -> None:
    """Keeps `verify` a command of its own, also while it is the only one."""


@access_app.command("verify")
def verify_command(head: HeadOption = None) -> None:
    """Prove the access log: every event, who took part in it, what was erased, the chain. Exits 1 where one is wrong.

    No door waits for it. Keep the head that it prints somewhere else: only that shows a chain that was cut short.
    """
    from facepay.access_log.verify import verify

    prove(head, lambda database, expected, progress: verify(database, expected_head=expected, progress=progress))
