"""What the app's role can't do with psql, and what its own functions refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql

from facepay.kernel.ids import new_id
from facepay.wallet.accounts import member_wallet, store_sales
from facepay.wallet.ledger import Entry
from facepay.wallet.upkeep import LEDGER
from tests.wallet.books import Books, moves, posting

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]
APPEND_ONLY = ["ledger.transfers", "ledger.entries", "ledger.folds", "chain.links"]
TABLES = [*APPEND_ONLY, "ledger.accounts", "ledger.balances", "ledger.holds", "ledger.refundable", "chain.logs"]


@pytest.fixture
def app(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(owner_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("table", TABLES)
def test_the_apps_role_reads_the_ledger_and_writes_none_of_it(app: psycopg.Connection, table: str) -> None:
    name = sql.Identifier(*table.split("."))
    app.execute(sql.SQL("select * from {}").format(name))
    for statement in (
        "insert into {0} select * from {0}",
        "update {0} set {1} = {1}",
        "delete from {0}",
        "truncate {0} cascade",
        "alter table {0} disable trigger all",
        "drop table {0} cascade",
    ):
        (column,) = app.execute(
            "select column_name from information_schema.columns where table_schema = %s and table_name = %s limit 1",
            table.split("."),
        ).fetchone() or ("",)
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(sql.SQL(statement).format(name, sql.Identifier(column)))


@pytest.mark.parametrize(
    "statement",
    [
        "set role facepay_owner",
        "set session_replication_role = replica",
        "create table ledger.mine ()",
        "create function ledger.mine() returns int language sql return 1",
        "alter function ledger.post(jsonb) security invoker",
        "create or replace function ledger.post(postings jsonb) returns int language sql return 1",
        "select nextval('ledger.transfer_position')",
        "select setval('ledger.transfer_position', 1)",
        "select ledger.write('{}', '{}', '{}', '{}', '{}', '{}'), 1 / (select count(*) from chain.links)",
    ],
)
def test_the_apps_role_cannot_get_around_the_functions(app: psycopg.Connection, statement: str) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.DivisionByZero)):
        app.execute(statement)


async def test_the_inner_functions_write_nothing_for_the_apps_role(books: Books, app: psycopg.Connection) -> None:
    wallet = member_wallet(await books.member(100))
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(
            "select ledger.write('{}', '{}', array[row(%s::uuid, 'CNY', 0, null, 9999, 0, 9)::ledger.balances],"
            " '{}', '{}', '{}')",
            [wallet.id],
        )
    assert (await books.balance(wallet)).posted == 100


async def test_a_callers_own_tables_do_not_stand_in_for_the_ledgers(books: Books, app: psycopg.Connection) -> None:
    member = await books.member(100)
    app.execute(
        "create temp table balances (account_id uuid, floor bigint, posted bigint, held bigint, version bigint)"
    )
    app.execute("create temp table accounts as select * from ledger.accounts")
    app.execute("set search_path = pg_temp, ledger, public")
    words = json.dumps([moves(member_wallet(member), store_sales(books.store_id), 101).worded()])
    row = app.execute("select code from ledger.post(%s)", [words]).fetchone()
    assert row == ("insufficient_funds",)


async def test_money_is_not_made_out_of_nothing(books: Books, app: psycopg.Connection) -> None:
    wallet, sales = member_wallet(await books.member(100)), store_sales(books.store_id)
    for entries in ([(wallet, 50)], [(wallet, 50), (sales, -49)], [(wallet, 50), (sales, 50)]):
        worded = posting(*(Entry(account.id, amount) for account, amount in entries)).worded()
        row = app.execute("select code from ledger.post(%s)", [json.dumps([worded])]).fetchone()
        assert row in [("malformed",), ("unbalanced",)]
    unknown = posting(Entry(new_id(), -5), Entry(wallet.id, 5)).worded()
    row = app.execute("select code from ledger.post(%s)", [json.dumps([unknown])]).fetchone()
    assert row == ("account_not_found",)
    assert (await books.balance(wallet)).posted == 100


async def test_not_even_the_owner_changes_or_removes_what_was_written(books: Books, owner: psycopg.Connection) -> None:
    await books.pay(await books.member(100), 40)
    await LEDGER.seal_all(books.database)
    for table in APPEND_ONLY:
        name = sql.Identifier(*table.split("."))
        for statement in ("update {} set position = 1", "delete from {}", "truncate {} cascade"):
            with pytest.raises(errors.RestrictViolation):
                owner.execute(sql.SQL(statement).format(name))


async def test_the_owner_is_held_to_floors_caps_and_units_too(books: Books, owner: psycopg.Connection) -> None:
    member = await books.member(100)
    payment, hold = await books.pay(member, 40), await books.authorise(member, 30)
    await books.refund(member, payment, 10)
    for statement, error in (
        ("update ledger.balances set posted = 29", errors.CheckViolation),
        ("update ledger.balances set held = -1", errors.CheckViolation),
        ("update ledger.holds set captured = 31", errors.CheckViolation),
        ("update ledger.refundable set refunded = 41", errors.CheckViolation),
        ("update ledger.holds set unit = 'EUR'", errors.ForeignKeyViolation),
        ("update ledger.accounts set unit = 'EUR'", errors.RestrictViolation),
        ("delete from ledger.accounts", errors.RestrictViolation),
        ("truncate ledger.balances", errors.RestrictViolation),
    ):
        with pytest.raises(error):
            owner.execute(statement)
    assert hold.ok
