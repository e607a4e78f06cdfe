"""The real server as users start it: `facepay serve` with its embedded Postgres, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvicorn
from fastapi import FastAPI

from tests.shop import PASSWORD

START_SECONDS_MAX = 60
GRACE_SECONDS = 5


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def start(data_dir: Path, port: int, **settings: str) -> subprocess.Popen[bytes]:
    """Returns once it is ready."""
    environment = {
        "FACEPAY_DATA_DIR": str(data_dir),
        "FACEPAY_ADMIN_USERNAME": "owner",
        "FACEPAY_ADMIN_PASSWORD": PASSWORD,
        "FACEPAY_LOG_LEVEL": "error",
        "FACEPAY_ACCEPT_RESEARCH_LICENCE": "true",
        "FACEPAY_TEN_MINUTE_PAYMENTS_MAX": "10000",  # one face pays again and again
        **settings,
    }
    return launch(["facepay.cli", "serve", "--port", str(port)], port, environment)


def launch(module: list[str], port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A module of Python's that serves there, with its arguments. Returns once its /readyz says so."""
    server = subprocess.Popen([sys.executable, "-m", *module], env=os.environ | environment)
    deadline = time.monotonic() + START_SECONDS_MAX
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        while time.monotonic() < deadline and server.poll() is None:
            try:
                if client.get("/readyz").is_success:
                    return server
            except httpx.TransportError:
                pass
            time.sleep(0.02)
    server.kill()
    raise AssertionError("the server did not start")


@contextmanager
def running(**settings: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """With a shop of its own, that goes with it, and a client; `settings` are the server's (`FACEPAY_*`)."""
    with TemporaryDirectory(prefix="facepay-server-") as folder:
        port = free_port()
        server = start(Path(folder) / "data", port, **settings)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield server, client
        finally:
            server.terminate()
            server.wait(20)


@asynccontextmanager
async def on_a_socket(app: FastAPI) -> AsyncIterator[str]:
    """An app that runs already, for whoever needs a real connection. Streams that pages still hold end with it."""
    listener = socket.create_server(("127.0.0.1", 0))
    # Its connections inherit it. asyncio sets it only on those it listens for itself, and without it an
    # answer may wait 40 ms until the client has acknowledged its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app, lifespan="off", access_log=False, log_level="warning", timeout_graceful_shutdown=GRACE_SECONDS
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        app.state.hub.close()
        server.should_exit = True
        await serving
        app.state.hub.closing = False
