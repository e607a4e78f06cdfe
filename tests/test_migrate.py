"""Migrating somebody else's Postgres, where the owner of the tables is no superuser."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text

from facepay.kernel.embedded import SUPERUSER, EmbeddedPostgres
from facepay.migrate import (
    MIGRATIONS,
    AppRoleMissing,
    RevisionUnknown,
    TablesBusy,
    alembic_config,
    connect,
    migrate,
    newest_revision,
    revisions,
)

PASSWORD = "6f1d0c2f"


@pytest.fixture
def administrator(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    address = postgres.url(role=SUPERUSER, database="postgres").replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("create role branch_owner login")
        connection.execute("create database branch owner branch_owner")
        yield connection
        connection.execute("drop database branch with (force)")
        connection.execute("drop role if exists branch_app")
        connection.execute("drop role branch_owner")


def test_a_plain_owner_migrates_once_the_role_of_the_app_is_there(
    administrator: psycopg.Connection, postgres: EmbeddedPostgres
) -> None:
    owner = postgres.url(role="branch_owner", database="branch")
    app = make_url(postgres.url(role="branch_app", database="branch")).set(password=PASSWORD)
    with pytest.raises(AppRoleMissing, match="branch_app") as refused, connect(owner) as connection:
        migrate(connection, app_url=app)
    assert PASSWORD not in "".join(traceback.format_exception(refused.value))
    administrator.execute("create role branch_app login")
    for _ in range(2):  # the second time there is nothing left to do
        with connect(owner) as connection:
            migrate(connection, app_url=app)
    with connect(app.render_as_string(hide_password=False)) as connection:
        assert connection.scalar(text("select count(*) from member")) == 0
        assert connection.scalar(text("select has_table_privilege(current_user, 'ledger.entries', 'insert')")) is False


def test_an_owner_that_may_create_roles_makes_the_app_s(
    administrator: psycopg.Connection, postgres: EmbeddedPostgres
) -> None:
    administrator.execute("alter role branch_owner createrole")
    app = make_url(postgres.url(role="branch_app", database="branch")).set(password=PASSWORD)
    with connect(postgres.url(role="branch_owner", database="branch")) as connection:
        migrate(connection, app_url=app)
    with connect(app.render_as_string(hide_password=False)) as connection:
        assert connection.scalar(text("select count(*) from member")) == 0


def test_a_database_of_another_version_is_told_apart(
    administrator: psycopg.Connection, postgres: EmbeddedPostgres
) -> None:
    with connect(postgres.url(role="branch_owner", database="branch")) as connection:
        connection.execute(text("create table alembic_version (version_num varchar(32) primary key)"))
        connection.execute(text("insert into alembic_version values ('0088')"))
        with pytest.raises(RevisionUnknown, match="0088"):
            migrate(connection)


TILL = """
revision, down_revision = "0001", None
from alembic import op
def upgrade():
    op.execute("create table till (opened_at timestamptz)")
"""
CLOSES = """
revision, down_revision = "0002", "0001"
from alembic import op
def upgrade():
    op.execute("alter table till add column closed_at timestamptz")
"""
FOUND_BY_TIME = """
revision, down_revision = "0003", "0002"
from alembic import op
def upgrade():
    with op.get_context().autocommit_block():
        op.create_index("ix_till_opened_at", "till", ["opened_at"], postgresql_concurrently=True)
"""


@pytest.fixture
def tills(
    administrator: psycopg.Connection, postgres: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The address of a database with a till, which two more migrations are about to change."""
    shutil.copy(MIGRATIONS / "env.py", tmp_path)
    monkeypatch.setattr("facepay.migrate.MIGRATIONS", tmp_path)
    monkeypatch.setattr("facepay.migrate.LOCK_TIMEOUT_MS", 20)
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "0001.py").write_text(TILL)
    address = postgres.url(role="branch_owner", database="branch")
    bring_up(address)
    (versions / "0002.py").write_text(CLOSES)
    (versions / "0003.py").write_text(FOUND_BY_TIME)
    return address


def bring_up(address: str, *, waits_seconds: Sequence[float] = ()) -> None:
    with connect(address) as connection:
        migrate(connection, app_url=make_url(address), waits_seconds=waits_seconds)


def test_a_long_sale_is_waited_for_by_short_tries(tills: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(tills) as sale:
        sale.execute(text("select from till"))
        with pytest.raises(TablesBusy):
            bring_up(tills)
        slept = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 2:
                sale.rollback()

        monkeypatch.setattr("facepay.migrate.time.sleep", sleep)
        bring_up(tills, waits_seconds=(1, 2, 4))
    assert slept == [1, 2]
    with connect(tills) as connection:
        assert connection.scalar(text("select version_num from alembic_version")) == "0003"
        assert connection.scalar(
            text("select indisvalid from pg_index where indexrelid = 'ix_till_opened_at'::regclass")
        )


def test_replicas_that_start_together_migrate_one_after_the_other(tills: str) -> None:
    with ThreadPoolExecutor(4) as replicas:
        for migrated in [replicas.submit(bring_up, tills) for _ in range(4)]:
            migrated.result()


def test_the_revisions_that_files_are_named_by_are_those_that_alembic_reads_in_them() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert newest_revision() == scripts.get_current_head()
    assert revisions() == {script.revision for script in scripts.walk_revisions()}
