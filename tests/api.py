"""The API's description takes seconds of CPU: it is made once a run, by the first process whose tests ask for it."""

from __future__ import annotations

import json
import os
from fcntl import LOCK_EX, flock
from typing import Any

import pytest
from docs.openapi import served


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The OpenAPI as it is served: to be read only."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return served()
    with (tmp_path_factory.getbasetemp().parent / "openapi.json").open("a+") as shared:
        flock(shared, LOCK_EX)
        shared.seek(0)
        text = shared.read()
        if not text:
            text = json.dumps(served())
            shared.write(text)
    return dict(json.loads(text))
