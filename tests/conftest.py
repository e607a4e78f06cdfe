"""A migrated Postgres for every test that asks: one server for each worker, one cloned database for each test.

On it the whole app, with real models, in this process.
The shop of `shop` and `open_shop` was opened once, in a database that is cloned for each test that asks for it, or put
back after it; all others start empty.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from itertools import count
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
import pytest
import sqlalchemy
from fastapi import FastAPI
from hypothesis import settings as property_settings

import tests.threads  # noqa: F401
from facepay import edge_device
from facepay.app import create_app
from facepay.kernel import passwords
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.embedded import DATABASE, OWNER, SUPERUSER, EmbeddedPostgres
from facepay.kernel.secrets import MasterKey
from facepay.migrate import connect, migrate
from facepay.settings import Settings
from facepay.templates import protection
from facepay.vision.engine import Engine, load_engine
from tests.reopening import AS_NOBODY_MAY, KeptShop, OpenedRows
from tests.shop import PASSWORD, Shop

pytest_plugins = ["tests.api", "tests.browser", "tests.processes"]
# The collector goes through all that was imported every few tests, a tenth of a second each, unless it is told not to.
gc.freeze()
gc.set_threshold(20_000)
# How long an example takes says how busy the machine is.
property_settings.register_profile("untimed", deadline=None)
property_settings.load_profile("untimed")
MASTER_KEY = MasterKey.generate_text()
SHOP_DATABASE = "shop"
MEMORY, MEMORY_LEAST = Path("/dev/shm"), 4 << 30
LONG = {"test_contract.py", "test_crash.py", "test_demo.py", "test_ray_engine.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: a worker that began one last would end alone."""
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_collection_finish() -> None:
    """Nor through thousands of tests, which stay."""
    gc.freeze()


def address_of(postgres: EmbeddedPostgres, database: str) -> str:
    """For its superuser, without SQLAlchemy."""
    return postgres.url(role=SUPERUSER, database=database).replace("+psycopg", "")


def administer(postgres: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(address_of(postgres, "postgres"), autocommit=True) as connection:
        connection.execute(statement)


def clone(postgres: EmbeddedPostgres, template: str, name: str) -> None:
    """Connections that were closed may take some time to be gone from the template, on a busy machine."""
    for patience in (True, True, False):
        try:
            administer(postgres, f"create database {name} template {template} owner {OWNER} strategy file_copy")
        except psycopg.errors.ObjectInUse:
            if not patience:
                raise
        else:
            return


class Clones:
    """Copies of a database: the next is made, and the last dropped, while a test runs."""

    def __init__(self, postgres: EmbeddedPostgres, template: str) -> None:
        self._postgres, self._template = postgres, template
        self._numbers = count(1)
        self._work = ThreadPoolExecutor(1)
        self._next = self._work.submit(self._make)

    def take(self) -> str:
        name = self._next.result()
        self._next = self._work.submit(self._make)
        return name

    def give_back(self, name: str) -> None:
        self._work.submit(administer, self._postgres, f"drop database {name} with (force)")

    def close(self) -> None:
        self._work.shutdown(cancel_futures=True)

    def _make(self) -> str:
        name = f"{self._template}_{next(self._numbers)}"
        clone(self._postgres, self._template, name)
        return name


def folder_in_memory() -> TemporaryDirectory[str]:
    """Where there is room: databases of a thousand files each come and go soonest there, ext4 takes a third of a second
    over each. Kills, which are no power cuts, lose nothing there that a disk would have kept.
    """
    roomy = MEMORY.is_dir() and disk_usage(MEMORY).free > MEMORY_LEAST
    return TemporaryDirectory(prefix="facepay-test-", dir=MEMORY if roomy else None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with (
        folder_in_memory() as data_dir,
        EmbeddedPostgres(Path(data_dir) / "postgres", durable=False) as server,
    ):
        with connect(server.url(role=OWNER)) as connection:
            migrate(connection)
        yield server


@pytest.fixture(scope="session")
def empty_clones(postgres: EmbeddedPostgres) -> Iterator[Clones]:
    with closing(Clones(postgres, DATABASE)) as clones:
        yield clones


@pytest.fixture(scope="session")
def opened_rows(postgres: EmbeddedPostgres, opened_shop: Shop) -> OpenedRows:
    return OpenedRows(address_of(postgres, SHOP_DATABASE))


@pytest.fixture(scope="session")
def shop_clones(postgres: EmbeddedPostgres, opened_rows: OpenedRows) -> Iterator[Clones]:
    with closing(Clones(postgres, SHOP_DATABASE)) as clones:
        yield clones


def shares_a_shop(request: pytest.FixtureRequest) -> bool:
    """Whether the tests of this module share one app on one clone of the opened shop, by one of two marks.

    After each test marked `reopened` all rows and faces are put back to what they were. Tests marked `one_shop` live
    beside each other: they count on nothing that another may have left there, and have members, products and devices
    of their own.
    """
    return sharing(request) is not None


def sharing(request: pytest.FixtureRequest) -> pytest.Mark | None:
    """The mark that says so, whose arguments are settings of that app, like `reopened(watchlist=True)`."""
    return next((each for each in request.node.iter_markers() if each.name in ("one_shop", "reopened")), None)


@pytest.fixture(scope="session")
async def kept_shop(
    postgres: EmbeddedPostgres, shop_clones: Clones, opened_rows: OpenedRows, warmth: Warmth
) -> AsyncIterator[KeptShop]:
    """A clone for one test after the other: making one, and the first statements on each new connection to it, take
    longer than many a test.
    """
    name = shop_clones.take()
    async with warmth.kept(postgres.url(database=name)):
        with psycopg.connect(address_of(postgres, name), autocommit=True, options=AS_NOBODY_MAY) as connection:
            yield KeptShop(name, opened_rows, connection)
    shop_clones.give_back(name)


@pytest.fixture
async def shop_put_back(kept_shop: KeptShop) -> AsyncIterator[KeptShop]:
    yield kept_shop
    await kept_shop.put_back()


@pytest.fixture(scope="module")
def database_of_module(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.node.get_closest_marker("reopened"):
        yield request.getfixturevalue("kept_shop").name
        return
    clones: Clones = request.getfixturevalue("shop_clones")
    name = clones.take()
    yield name
    clones.give_back(name)


@pytest.fixture
def database_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """Tests that come to their database as its owner have a clone of their own: they may break it."""
    opened = {"shop", "open_shop"}.intersection(request.fixturenames)
    if shares_a_shop(request):
        if request.node.get_closest_marker("reopened"):
            request.getfixturevalue("app_reopened")
        yield request.getfixturevalue("database_of_module")
    elif opened and "owner_database_url" not in request.fixturenames:
        yield request.getfixturevalue("shop_put_back").name
    else:
        clones: Clones = request.getfixturevalue("shop_clones" if opened else "empty_clones")
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
    return load_engine(threads=1)


@pytest.fixture(scope="session")
def app_engine(engine: Engine) -> Engine:
    """The same for the apps, which see a few faces over and over: it looks at each frame once."""
    remembering = copy(engine)
    remembering.analyse = lru_cache(1000)(engine.analyse)  # type: ignore[method-assign]
    return remembering


@pytest.fixture(scope="session", autouse=True)
def house_unkept() -> Iterator[None]:
    """Tests run the tasks they are about: those of an app would seal rows while they are put back."""

    async def sleep(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facepay.app.keep_house", sleep)
        yield


@pytest.fixture(scope="session", autouse=True)
def cheap_secrets() -> Iterator[None]:
    """Each rotation is drawn once, and passwords are hashed at the least cost, for hundreds of apps in a row."""
    with pytest.MonkeyPatch.context() as patch:
        drawn = cache(protection.orthogonal)
        patch.setattr(protection, "orthogonal", drawn)
        patch.setattr(edge_device, "orthogonal", drawn)
        patch.setattr(passwords, "MEMORY_KIB", 8)
        patch.setattr(passwords, "PASSES", 1)
        yield


class Warmth:
    """What the apps before have left, for the next: what their statements were compiled to, and their connections to
    the database that is kept, where what they ran is prepared. Each app has an engine, and so both, of its own.
    """

    def __init__(self) -> None:
        self._first: sqlalchemy.Engine | None = None
        self._kept: Database | None = None

    @asynccontextmanager
    async def kept(self, url: str) -> AsyncIterator[None]:
        database = Database(url)
        self.share(database)
        await database.schema_version()  # over its first connection a dialect learns what it has to do with
        self._kept = database
        yield
        self._kept = None
        await database.close()

    def share(self, database: Database) -> None:
        engine, reading = database.engine.sync_engine, database._reading_session.kw["bind"].sync_engine
        own, first = engine.dialect, self._first or engine
        for each in (engine, reading):
            each.dialect, each._compiled_cache = first.dialect, first._compiled_cache
        kept = self._kept and self._kept.engine.sync_engine
        if kept and (kept.url, _size_of(kept.pool)) == (engine.url, _size_of(engine.pool)):
            engine.pool = kept.pool
            own.default_isolation_level = first.dialect.default_isolation_level
            database.close = _leave_open  # type: ignore[method-assign]
        self._first = first


def _size_of(pool: sqlalchemy.Pool) -> int:
    assert isinstance(pool, sqlalchemy.QueuePool)
    return pool.size()


async def _leave_open() -> None: ...


@pytest.fixture(scope="session")
def warmth() -> Warmth:
    return Warmth()


@dataclass
class Clock:
    """The time of day, and whatever a test adds to it."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@pytest.fixture(scope="module")
def clock_of_module() -> Clock:
    return Clock()


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Clock:
    if not shares_a_shop(request):
        return Clock()
    clock: Clock = request.getfixturevalue("clock_of_module")
    clock.ahead = timedelta()
    return clock


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
async def open_app(database_url: str, app_engine: Engine, clock: Clock, warmth: Warmth) -> AsyncIterator[OpenApp]:
    """Starts the app, with other settings where a test needs them."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> FastAPI:
            app = create_app(settings_for(database_url, **changes), engine=app_engine, clock=clock)
            warmth.share(app.state.database)
            await stack.enter_async_context(app.router.lifespan_context(app))
            return app

        yield start


@pytest.fixture
async def app_of_test(open_app: OpenApp) -> FastAPI:
    return await open_app()


@pytest.fixture(scope="module")
async def app_of_module(
    request: pytest.FixtureRequest,
    postgres: EmbeddedPostgres,
    database_of_module: str,
    app_engine: Engine,
    clock_of_module: Clock,
    warmth: Warmth,
) -> AsyncIterator[FastAPI]:
    mark = sharing(request)
    assert mark, "a module that shares an app says so for all of its tests"
    settings = settings_for(postgres.url(database=database_of_module), **mark.kwargs)
    app = create_app(settings, engine=app_engine, clock=clock_of_module)
    warmth.share(app.state.database)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def app_reopened(app_of_module: FastAPI, kept_shop: KeptShop) -> AsyncIterator[FastAPI]:
    yield app_of_module
    kept_shop.forget_faces(app_of_module)
    await kept_shop.put_back()


@pytest.fixture
def app(request: pytest.FixtureRequest, clock: Clock) -> FastAPI:
    """The test's own, or its module's, whose clock `clock` has put back."""
    shared = "app_reopened" if request.node.get_closest_marker("reopened") else "app_of_module"
    app: FastAPI = request.getfixturevalue(shared if shares_a_shop(request) else "app_of_test")
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def open_shop(open_app: OpenApp, opened_shop: Shop) -> AsyncIterator[OpenShop]:
    """The test's clone of the opened shop, with other settings where a test needs them."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> Shop:
            app = await open_app(**changes)
            return await opened_shop.reached_by(await stack.enter_async_context(client_of(app)))

        yield start


@pytest.fixture(scope="session")
def opened_shop(postgres: EmbeddedPostgres, app_engine: Engine) -> Shop:
    """Opened once, in a database that each test's `shop` is a clone of."""

    async def open_once() -> Shop:
        # The owner's token has to outlast the hour that a test may put the clock forward, and the tests before it.
        settings = settings_for(postgres.url(database=SHOP_DATABASE), admin_token_minutes=120)
        app = create_app(settings, engine=app_engine)
        async with app.router.lifespan_context(app), client_of(app) as client:
            return await Shop.open(client)

    clone(postgres, DATABASE, SHOP_DATABASE)
    return asyncio.run(open_once())


@pytest.fixture
async def shop(client: httpx.AsyncClient, opened_shop: Shop) -> Shop:
    return replace(opened_shop, client=client)


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://shop")
