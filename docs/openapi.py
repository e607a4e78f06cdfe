"""The API as it is served."""

from __future__ import annotations

from functools import cache
from typing import Any

from facepay.app import create_app
from facepay.settings import Settings


@cache
def served() -> dict[str, Any]:
    """Its OpenAPI, without a database, and made once: to be read only."""
    settings = Settings(_env_file=None, database_url="postgresql+psycopg://nobody@localhost/none")
    return create_app(settings).openapi()
