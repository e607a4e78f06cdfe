"""How often an entry or a paid checkout asks the database, and wakes a thread: each time somebody waits for it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant

from facepay.kernel.auth import api_routes
from tests.families.household import Household
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
# What goes on behind the requests began in another context, and stays out of the count.
asked_here: ContextVar[bool] = ContextVar("asked_here", default=False)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The statements that the test's own requests send meanwhile, savepoints among them."""
    sent: list[str] = []

    execute = psycopg.AsyncCursor.execute

    async def recording(cursor: Any, statement: Any, *rest: Any, **how: Any) -> Any:
        if asked_here.get():
            sent.append(" ".join((statement.decode() if isinstance(statement, bytes) else str(statement)).split()))
        return await execute(cursor, statement, *rest, **how)

    here = asked_here.set(True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.AsyncCursor, "execute", recording)
        yield sent
    asked_here.reset(here)  # the next test's app begins in this context


async def test_a_paid_checkout_asks_the_database_no_more_often_than_it_must(shop: Shop, app: FastAPI) -> None:
    await shop.add_member(0, balance=10_000)
    await shop.at_gate(0)
    await shop.at_kiosk(0, {"TEA-001": 1})  # opens the store's accounts
    with recorded() as sent:
        answer = (await shop.at_kiosk(0, {"TEA-001": 2, "BAO-002": 1})).json()
    assert answer["code"] == "paid"
    start = next(number for number, each in enumerate(sent) if each.startswith("SELECT store.currency"))
    assert sent[-1].startswith("UPDATE idempotency_record")
    assert len(sent[start:]) <= 12, "\n".join(sent)
    assert len(sent) <= 16, "\n".join(sent)


async def test_an_entry_asks_the_database_no_more_often_than_it_must(shop: Shop, app: FastAPI) -> None:
    await shop.add_member(0)
    with recorded() as sent:
        answer = (await shop.at_gate(0)).json()
    assert answer["code"] == "welcome"
    assert len(sent) <= 8, "\n".join(sent)


def calls_of(dependant: Dependant) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from calls_of(each)


async def test_no_thread_is_woken_for_what_a_device_brings_along(app: FastAPI) -> None:
    """FastAPI calls in a thread whatever isn't a coroutine."""
    of_devices = [route for route in api_routes(app.routes) if "/gates/" in route.path or "/kiosks/" in route.path]
    calls = {call for route in of_devices for call in calls_of(route.dependant)}
    assert len(calls) > 5
    assert [call for call in calls if not runs_on_the_loop(call)] == []


def runs_on_the_loop(call: Any) -> bool:
    functions = call, type(call).__call__
    return any(inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in functions)


async def test_a_family_costs_its_own_purchases_three_more_and_nobody_elses(shop: Shop, app: FastAPI) -> None:
    """Its rules with the payer's row, what the child has spent, and the payer's notice."""
    household = await Household.of(shop, face=0, daily_max=10_000)
    await shop.at_gate(0)
    await shop.at_kiosk(0, {"TEA-001": 1})
    with recorded() as sent:
        answer = (await shop.at_kiosk(0, {"TEA-001": 2, "BAO-002": 1})).json()
    assert (answer["code"], answer["order"]["member_id"]) == ("paid", household.payer)
    assert len(sent) <= 16 + 3, "\n".join(sent)
