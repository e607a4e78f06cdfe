"""What is left running of a data folder's server."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from facepay.kernel.embedded import EmbeddedPostgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up its rights for the server")


def servers_of(data_dir: Path) -> list[psutil.Process]:
    """Every process, server or watcher, that this data folder still keeps alive."""
    socket_dir = str(EmbeddedPostgres(data_dir).socket_dir)
    return [
        process
        for process in psutil.process_iter(["cmdline", "name"])
        if process.info["name"] == "postgres" and socket_dir in " ".join(process.info["cmdline"] or [])
    ]


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it didn't happen within 10 seconds")
