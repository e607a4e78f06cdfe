"""Postgres goes away under a serving app: it says so, gives nobody's data away, and recovers by itself."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from facepay.kernel.embedded import SUPERUSER, EmbeddedPostgres
from tests.answers import verdict
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("owner_database_url")]


def end_backends(postgres: EmbeddedPostgres, database_name: str) -> int:
    """As a restart of the server ends them; returns how many."""
    address = postgres.url(role=SUPERUSER, database="postgres").replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        query = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
        return connection.execute(query, [database_name]).rowcount


async def test_a_restart_of_postgres_costs_a_few_503_and_no_more(
    shop: Shop, postgres: EmbeddedPostgres, database_name: str
) -> None:
    await shop.add_member(0)
    await asyncio.gather(*(shop.do("GET", "/v1/members") for _ in range(8)))
    assert end_backends(postgres, database_name) >= 2
    burst = await asyncio.gather(*(shop.client.get("/v1/members", headers=shop.staff) for _ in range(20)))
    assert {verdict(each) for each in burst if not each.is_success} <= {(503, "database_unavailable")}
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    assert (await shop.client.get("/readyz")).is_success
