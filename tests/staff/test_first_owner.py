"""The owner that the environment names, where there is no staff yet."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI

from facepay.kernel.database import Database
from facepay.staff.accounts import ensure_first_owner
from tests.shop import PASSWORD

pytestmark = pytest.mark.anyio


async def test_the_first_owner_is_made_once(app: FastAPI, database_url: str) -> None:
    database: Database = app.state.database
    async with database.begin() as session:
        assert not await ensure_first_owner(session, username="second", password=PASSWORD)


async def test_replicas_that_start_together_make_one_first_owner(database_url: str) -> None:
    database = Database(database_url)

    async def start(number: int) -> bool:
        async with database.begin() as session:
            return await ensure_first_owner(session, username=f"owner{number}", password=PASSWORD)

    assert sorted(await asyncio.gather(*(start(number) for number in range(3)))) == [False, False, True]
    await database.close()


async def test_a_first_owner_needs_a_name_and_a_password_worth_the_word(database_url: str) -> None:
    database = Database(database_url)
    for username, password in (("owner", "admin"), ("two words", PASSWORD)):
        async with database.begin() as session:
            with pytest.raises(ValueError, match=r"a password has|a user name has"):
                await ensure_first_owner(session, username=username, password=password)
    await database.close()
