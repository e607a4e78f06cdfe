"""Migrating somebody else's Postgres, where the owner of the tables is no superuser."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url, text

from facepay.kernel.embedded import SUPERUSER, EmbeddedPostgres
from facepay.migrate import AppRoleMissing, RevisionUnknown, connect, migrate

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
