"""A migrated Postgres for every test that asks: one server for each worker, one cloned database for each test.

On it the whole app, with real models: in this process for most tests (`shop`), on a socket for some (`live_shop`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute

from facepay.app import create_app
from facepay.kernel import passwords
from facepay.kernel.clock import utc_now
from facepay.kernel.embedded import DATABASE, OWNER, SUPERUSER, EmbeddedPostgres
from facepay.kernel.secrets import MasterKey
from facepay.migrate import connect, migrate
from facepay.settings import Settings
from facepay.templates import protection
from facepay.vision.engine import Engine, load_engine
from tests.server import serving
from tests.shop import PASSWORD, Shop

pytest_plugins = ["tests.processes"]
MASTER_KEY = MasterKey.generate_text()


class Clones:
    """Copies of the migrated database: the next is made, and the last dropped, while a test runs."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._address = postgres.url(role=SUPERUSER, database="postgres").replace("+psycopg", "")
        self._numbers = count(1)
        self._work = ThreadPoolExecutor(1)
        self._next = self._work.submit(self._make)

    def take(self) -> str:
        name = self._next.result()
        self._next = self._work.submit(self._make)
        return name

    def give_back(self, name: str) -> None:
        self._work.submit(self._run, f"drop database {name} with (force)")

    def close(self) -> None:
        self._work.shutdown(cancel_futures=True)

    def _make(self) -> str:
        name = f"test_{next(self._numbers)}"
        self._run(f"create database {name} template {DATABASE} owner {OWNER} strategy file_copy")
        return name

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with (
        TemporaryDirectory(prefix="facepay-test-") as data_dir,
        EmbeddedPostgres(Path(data_dir) / "postgres", durable=False) as server,
    ):
        with connect(server.url(role=OWNER)) as connection:
            migrate(connection)
        yield server


@pytest.fixture(scope="session")
def clones(postgres: EmbeddedPostgres) -> Iterator[Clones]:
    clones = Clones(postgres)
    yield clones
    clones.close()


@pytest.fixture
def database_name(clones: Clones) -> Iterator[str]:
    name = clones.take()
    yield name
    clones.give_back(name)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, database_name: str) -> str:
    """A migrated database of the test's own, under the app's role."""
    return postgres.url(database=database_name)


@pytest.fixture
def owner_database_url(postgres: EmbeddedPostgres, database_name: str) -> str:
    """The same database under the role that owns its tables."""
    return postgres.url(role=OWNER, database=database_name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def engine() -> Engine:
    return load_engine()


@pytest.fixture(scope="session", autouse=True)
def cheap_secrets() -> Iterator[None]:
    """Each rotation is drawn once, and passwords are hashed at the least cost, for hundreds of apps in a row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protection, "orthogonal", cache(protection.orthogonal))
        patch.setattr(passwords, "MEMORY_KIB", 8)
        patch.setattr(passwords, "PASSES", 1)
        yield


@pytest.fixture(scope="session")
def routes() -> list[BaseRoute]:
    """The first app's. FastAPI works them out at an app's first request, which takes a sixth of a second."""
    return []


@dataclass
class Clock:
    """The time of day, and whatever a test adds to it."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


def settings_for(database_url: str, **changes: Any) -> Settings:
    values = {
        "database_url": database_url,
        "master_key": MASTER_KEY,
        "admin_username": "owner",
        "admin_password": PASSWORD,
        "log_level": "error",
    }
    return Settings(_env_file=None, **(values | changes))


OpenApp = Callable[..., Awaitable[FastAPI]]
OpenShop = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def open_app(database_url: str, engine: Engine, clock: Clock, routes: list[BaseRoute]) -> AsyncIterator[OpenApp]:
    """Starts the app, with other settings where a test needs them."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> FastAPI:
            app = create_app(settings_for(database_url, **changes), engine=engine, clock=clock)
            if not routes:
                routes.extend(app.router.routes)
            app.router.routes[:] = routes
            await stack.enter_async_context(app.router.lifespan_context(app))
            return app

        yield start


@pytest.fixture
async def app(open_app: OpenApp) -> FastAPI:
    return await open_app()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def open_shop(open_app: OpenApp) -> AsyncIterator[OpenShop]:
    """Opens a shop, with other settings where a test needs them."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> Shop:
            app = await open_app(**changes)
            return await Shop.open(await stack.enter_async_context(client_of(app)))

        yield start


@pytest.fixture
async def shop(client: httpx.AsyncClient) -> Shop:
    return await Shop.open(client)


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://shop")


@dataclass(frozen=True)
class LiveShop:
    """A shop on a real socket, in a process of its own."""

    address: str
    tokens: dict[str, str]

    def token_for(self, path: str) -> str:
        """Of whoever may call this path."""
        kinds = {
            "/gates/": "gate",
            "/kiosks/": "kiosk",
            "/lanes/{lane_id}/passages": "lane",
            "/heartbeats": "gate",
            "/metrics": "monitor",
        }
        return next((self.tokens[role] for part, role in kinds.items() if part in path), self.tokens["staff"])


@pytest.fixture(scope="module")
def live_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveShop]:
    with serving(tmp_path_factory.mktemp("live")) as address, httpx.Client(base_url=address) as client:
        form = {"username": "owner", "password": PASSWORD}
        staff = client.post("/v1/auth/token", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {staff}"}
        store = client.post("/v1/stores", json={"name": "Live", "code": "LIVE"}, headers=headers).json()["id"]
        tokens = {"staff": staff}
        for role in ("gate", "kiosk", "lane", "monitor"):
            body = {"role": role, "name": role}
            tokens[role] = client.post(f"/v1/stores/{store}/devices", json=body, headers=headers).json()["token"]
        yield LiveShop(address, tokens)
