"""Models on a Ray cluster, for shops that one machine is too small for (docs/scaling.md)."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from facepay.cli.models import require_licence
from facepay.cli.running import console
from facepay.settings import Settings

engine_app = typer.Typer(no_args_is_help=True, help="Models on a Ray cluster instead of in each process.")

Address = Annotated[
    str, typer.Option(help="The cluster as Ray names it: auto on one of its nodes, host:6379, ray://host:10001.")
]

HOW_TO_JOIN = (
    "Where it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as on its nodes. "
    "An engine of --local ends with its own command, by Ctrl+C."
)


@engine_app.command("deploy")
def deploy_command(
    address: Address = "auto",
    local: Annotated[
        bool, typer.Option("--local", help="For a try: a Ray of this machine's own, until Ctrl+C.")
    ] = False,
    replicas: Annotated[int, typer.Option(min=1, help="Copies of the models.")] = 1,
    cpus: Annotated[int, typer.Option(min=1, help="Processors of each.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of each; two share one at 0.5.")] = 0.0,
    batch_max: Annotated[
        int | None,
        typer.Option(min=1, help="Frames whose faces are embedded in one call. [default: 8 on a GPU, else 1]"),
    ] = None,
    queue_max: Annotated[int, typer.Option(min=0, help="Frames that may wait at each node.")] = 32,
    host: Annotated[str, typer.Option(help="Where each node listens: 0.0.0.0 for other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8100,
    certificate: Annotated[Path | None, typer.Option(help="For TLS (PEM), at this path on every node.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
) -> None:
    """Put the engine on a cluster, with the models and limits of this process's settings, or change it there.

    Where `host`, `port` and TLS change, withdraw it first.
    """
    from facepay.bootstrap import frame_limits

    settings = Settings()
    require_licence(settings)
    serving = _on_cluster(None if local else address)
    models = serving.Models(
        settings.model_pack,
        settings.liveness_model,
        settings.expression_model,
        frame_limits(settings),
        settings.execution_provider,
    )
    scale = serving.Scale(replicas=replicas, cpus=cpus, gpus=gpus, batch_max=batch_max, queue_max=queue_max)
    tls = serving.Tls(certificate, key) if certificate and key else None
    try:
        serving.deploy(models, scale, host=host, port=port, tls=tls)
    except serving.ListensElsewhere as there:
        console.print(f"Ray Serve runs there on {there}, or with other TLS files: facepay engine withdraw first")
        raise typer.Exit(1) from None
    console.print(f"{models.pack} is ready: FACEPAY_ENGINE={'rays' if certificate else 'ray'}://{host}:{port}")
    if local:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl+C: Ray's own handler aborts
        threading.Event().wait()


@engine_app.command("withdraw")
def withdraw_command(address: Address = "auto") -> None:
    """Take the engine off a cluster, once what is at work is answered. Whoever asks it gets 503 from then on."""
    _on_cluster(address).withdraw()


def _on_cluster(address: str | None) -> ModuleType:
    """`vision.ray_serving`, on the cluster at this address, or on a new one."""
    try:
        from facepay.vision import ray_serving
    except ModuleNotFoundError as missing:
        console.print(f"There is no {missing.name} here: pip install 'facepay\\[ray]'")
        raise typer.Exit(1) from None
    try:
        ray_serving.join(address)
    except ConnectionError as error:
        console.print(f"There is no Ray cluster at {address} to join: {error}\n{HOW_TO_JOIN}", markup=False)
        raise typer.Exit(1) from None
    return ray_serving
