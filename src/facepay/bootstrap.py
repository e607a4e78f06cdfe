"""Everything the API needs around it: a database that is up and migrated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from facepay.kernel.embedded import EmbeddedPostgres
from facepay.migrate import connect, migrate
from facepay.settings import Settings


@contextmanager
def with_database(settings: Settings) -> Iterator[Settings]:
    """Settings with the address of a running database; the embedded one, brought up to date, where none is set."""
    if settings.database_url is not None:
        yield settings
        return
    with EmbeddedPostgres(settings.data_dir / "postgres") as postgres:
        with connect(postgres.url(role="facepay_owner")) as connection:
            migrate(connection)
        yield settings.model_copy(update={"database_url": postgres.url()})
