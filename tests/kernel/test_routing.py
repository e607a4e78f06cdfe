"""The index of routes answers as trying one route after another does."""

from __future__ import annotations

import re

import pytest
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from facepay.app import create_app
from facepay.kernel.routing import RouteIndex
from tests.conftest import settings_for


@pytest.fixture(scope="module")
def routes() -> list[BaseRoute]:
    app = create_app(settings_for("postgresql+psycopg://nobody@localhost/nothing"))
    return [route for route in app.routes if not isinstance(route, RouteIndex)]


def asked(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path, "root_path": ""}


def tried_in_turn(routes: list[BaseRoute], scope: Scope) -> BaseRoute | None:
    return next((route for route in routes if route.matches(dict(scope))[0] is Match.FULL), None)


def test_each_route_is_found_by_its_path_and_none_before_it_is_passed_over(routes: list[BaseRoute]) -> None:
    index = RouteIndex(routes)
    for route in (each for each in routes if isinstance(each, Route) and ":" not in each.path):
        for method in route.methods or ():
            scope = asked(method, re.sub(r"{[^}]+}", "abc", route.path))
            match, child = index.matches(scope)
            assert match is Match.FULL
            assert child["answered_by"] is tried_in_turn(routes, scope)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1/nothing"),
        ("DELETE", "/livez"),
        ("GET", "/v1/stores//devices"),
        ("GET", "/livez/"),
        ("GET", "/console/no/such/page"),  # whose route takes a path of any length
    ],
)
def test_what_no_route_answers_is_left_to_the_others(routes: list[BaseRoute], method: str, path: str) -> None:
    assert RouteIndex(routes).matches(asked(method, path)) == (Match.NONE, {})
