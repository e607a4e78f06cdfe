from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from facepay.kernel.embedded import EmbeddedPostgres
from tests.conftest import folder_in_memory
from tests.kernel.servers import servers_of, wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_in_memory() as folder:
        yield Path(folder)


@pytest.fixture
def data_dir(folder: Path) -> Iterator[Path]:
    data_dir = folder / "postgres"
    yield data_dir
    wait_until(lambda: not servers_of(data_dir))
    shutil.rmtree(EmbeddedPostgres(data_dir).socket_dir, ignore_errors=True)
