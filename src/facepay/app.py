"""create_app(): settings in, FastAPI out. All state hangs on `app.state`, made here and in the lifespan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from starlette.datastructures import State

from facepay.alerts.kinds import AlertKinds
from facepay.alerts.of_endpoints import alert_of_stopped
from facepay.alerts.watch import keep_watch
from facepay.bootstrap import master_key, payment_provider
from facepay.housekeeping import LEARNING_LOCK, Task, keep_house, slow_tasks_of, tasks_of
from facepay.kernel import auth, documentation, logging, problems
from facepay.kernel.clock import Clock, utc_now
from facepay.kernel.database import Database
from facepay.kernel.http import RequestGuard, from_within
from facepay.kernel.hub import Hub, closing_on_signals
from facepay.kernel.idempotency import Idempotency
from facepay.kernel.metrics import Metrics
from facepay.kernel.passwords import PasswordHasher
from facepay.kernel.rates import RateLimits
from facepay.kernel.recent import Recent
from facepay.kernel.routers import build_ahead
from facepay.kernel.routing import RouteIndex, unfolded
from facepay.kernel.telemetry import TelemetryMissing, Traces, exporting_provider, is_collected
from facepay.nightwatch import cameras
from facepay.nightwatch.reacting import keep_reacting
from facepay.online.secrets import authenticate as authenticate_payer
from facepay.opening import open_recognition, recognise_once_loaded
from facepay.privacy.receipts import Signer
from facepay.routes import ROUTERS
from facepay.settings import Settings
from facepay.shelves.scene import Known
from facepay.staff.accounts import ensure_first_owner
from facepay.staff.actions import note as note_action
from facepay.staff.sessions import authenticate as authenticate_session
from facepay.staff.tokens import authenticate as authenticate_staff
from facepay.stores.devices import authenticate as authenticate_device
from facepay.telling import ALERT_KINDS, EVENT_TYPES
from facepay.test_drives.keys import follow_locker
from facepay.vision.engine import Engine
from facepay.vision.motion import MotionWatchers
from facepay.wallet import webhook_router as providers
from facepay.wallet.providers.mock import deliver_to
from facepay.wallet.resume import keep_resuming
from facepay.watchlist.gallery import protection_of
from facepay.webhooks.courier import AT_ONCE_MAX, Courier
from facepay.webhooks.destinations import Destinations
from facepay.webhooks.documentation import described
from facepay.webhooks.events import Catalogue
from facepay.webhooks.sending import Sender

log = structlog.get_logger()
CATCH_UP_AFTER_SECONDS = 0.3
BUILD_AFTER_SECONDS = 2.0
# FastAPI's own spans and logs hold paths, queries and messages of errors, and so people: kernel.telemetry has ours.
UNTOLD = TelemetryConfig(tracing=False, metrics=False, logs=False, operation_spans=False, auto_configure=False)
DESCRIPTION = """
The backend of shops where a face is the ticket and the wallet.

**Staff** sign in with *Authorize* (user name and password). **Devices** use the token that was shown when they
were registered. Every refusal is `application/problem+json` with a stable `code`. Amounts are integers in minor
units; times are UTC; lists are cursor-paged. Whatever moves money takes an `Idempotency-Key`.
"""


def create_app(
    settings: Settings | None = None,
    *,
    engine: Engine | Future[Engine] | None = None,
    clock: Clock = utc_now,
    lasting: bool = False,
) -> FastAPI:
    """The API on the settings' database. With an `engine` it is ready as soon as it has started. With one that is being
    loaded, or none, which loads the settings' own, it serves meanwhile whatever recognises nobody. A `lasting` one
    builds its routes when it is ready, before they are called.

    Raises ValueError where no database is set: `facepay serve` brings the embedded one.
    """
    settings = settings or Settings()
    if settings.database_url is None:
        raise ValueError("FACEPAY_DATABASE_URL is not set; `facepay serve` starts the embedded Postgres")
    logging.configure(settings.log_level, settings.log_format)
    app = FastAPIOffline(
        title="facepay",
        version=version("facepay"),
        description=DESCRIPTION,
        redoc_url=None,
        lifespan=_lifespan(settings, engine, lasting=lasting),
        swagger_ui_parameters={"persistAuthorization": True},
        webhooks=described(EVENT_TYPES),
        telemetry=UNTOLD,
    )
    _furnish(app, settings, clock)
    app.router.routes.extend(unfolded(route for router in ROUTERS for route in router.routes))
    documentation.install(app)
    problems.install(app)
    app.add_middleware(RequestGuard, metrics=app.state.metrics, rates=_rate_limits(settings), traces=app.state.traces)
    if unguarded := auth.routes_without_scope(app.routes):
        raise RuntimeError(f"routes without a scope: {unguarded}")
    app.router.routes.insert(0, RouteIndex(app.router.routes))
    return app


def _rate_limits(settings: Settings) -> RateLimits:
    return RateLimits(
        device=settings.rate_device_per_minute,
        person=settings.rate_person_per_minute,
        address=settings.rate_address_per_minute,
    )


def _furnish(app: FastAPI, settings: Settings, clock: Clock) -> None:
    """Everything that needs no running event loop."""
    state = app.state
    state.settings, state.clock, state.metrics, state.traces = settings, clock, Metrics(), Traces()
    state.master_key = master_key(settings)
    state.password_hasher = PasswordHasher()
    assert settings.database_url
    state.database = Database(settings.database_url, pool_size=settings.database_pool_size)
    state.hub = Hub()
    state.motion_watchers, state.known_planograms = MotionWatchers(), Known()
    state.camera_eyes = Recent[cameras.Eye](count_max=cameras.EYES_MAX)
    state.authenticators = {
        "staff": authenticate_staff,
        "device": authenticate_device,
        "payer": authenticate_payer,
        "session": authenticate_session,
        "watching": partial(authenticate_session, in_use=False),
    }
    state.note_action = note_action
    state.idempotency = Idempotency(
        state.database,
        state.master_key.derive_each("idempotency"),
        clock,
        lease=timedelta(seconds=settings.idempotency_lease_seconds),
        retention=timedelta(hours=settings.idempotency_retention_hours),
    )
    state.provider = payment_provider(settings, state.database, key=state.master_key, clock=clock)
    state.when_acknowledged = {"open_locker": follow_locker}
    state.alert_kinds = AlertKinds(*ALERT_KINDS)
    state.event_types, state.courier = Catalogue(*EVENT_TYPES), _courier(state)
    state.watchlist_protection = protection_of(state.master_key)
    state.inference = state.recogniser = None  # until they are loaded


def _courier(state: State) -> Courier:
    destinations = Destinations.from_text(state.settings.webhook_private_hosts or "")
    return Courier(
        state.database,
        Sender(destinations, connections_max=AT_ONCE_MAX),
        key=state.master_key,
        clock=state.clock,
        metrics=state.metrics,
        when_stopped=alert_of_stopped,
    )


def _lifespan(
    settings: Settings, engine: Engine | Future[Engine] | None, *, lasting: bool
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(app.state.database.close)
            stack.push_async_callback(app.state.courier.close)
            _send_traces(app.state.traces, settings, stack)
            await _add_first_owner(app.state, settings)
            stack.enter_context(closing_on_signals(app.state.hub))
            if engine is None or isinstance(engine, Future):
                recognising = recognise_once_loaded(app.state, settings, engine, stack)
            else:
                await open_recognition(app.state, settings, engine, stack)
                recognising = app.state.gallery_keeper.listen(app.state.database, app.state.hub)
            for work in (recognising, *_background(app), *([_build_ahead(app)] if lasting else [])):
                stack.push_async_callback(_end, asyncio.create_task(work))
            yield

    return lifespan


def _background(app: FastAPI) -> tuple[Coroutine[Any, Any, None], ...]:
    """What goes on between the requests."""
    state = app.state
    return (
        state.hub.run(state.database),
        _catch_up(lambda: state.provider.run(deliver_to(from_within(app), providers.MOCK_WEBHOOKS_PATH))),
        _catch_up(lambda: keep_resuming(state.database, state.provider, state.clock)),
        _catch_up(lambda: state.courier.run(state.hub)),
        _catch_up(lambda: keep_reacting(state.database, state.hub, state.clock)),
        _catch_up(lambda: keep_watch(state.database, state.hub, state.clock)),
        keep_house(state.database, _tasks(state)),
        keep_house(
            state.database, slow_tasks_of(state.database, state.clock, settings=state.settings), lock=LEARNING_LOCK
        ),
    )


async def _build_ahead(app: FastAPI) -> None:
    await asyncio.sleep(BUILD_AFTER_SECONDS)
    while app.state.recogniser is None:  # noqa: ASYNC110  nothing tells us
        await asyncio.sleep(BUILD_AFTER_SECONDS)
    await build_ahead(app.routes)


async def _catch_up(work: Callable[[], Awaitable[None]]) -> None:
    """With what was left over, a moment after the start: the first requests come before it."""
    await asyncio.sleep(CATCH_UP_AFTER_SECONDS)
    await work()


def _tasks(state: State) -> tuple[Task, ...]:
    signer = Signer(state.master_key)
    return tasks_of(state.database, state.idempotency, state.clock, settings=state.settings, signer=signer)


def _send_traces(traces: Traces, settings: Settings, stack: AsyncExitStack) -> None:
    """Where somebody collects them. A shop opens without."""
    endpoint = str(settings.otlp_endpoint) if settings.otlp_endpoint else None
    if is_collected(endpoint):
        try:
            provider = exporting_provider(endpoint, version=version("facepay"))
        except TelemetryMissing as missing:
            log.warning("traces_not_sent", why=str(missing))
            return
        traces.give_to(provider)
        stack.push_async_callback(asyncio.to_thread, provider.shutdown)


async def _add_first_owner(state: State, settings: Settings) -> None:
    """The owner that the environment names, where there is no staff yet."""
    if settings.admin_password is not None:
        async with state.database.begin() as session:
            await ensure_first_owner(
                session, username=settings.admin_username, password=settings.admin_password.get_secret_value()
            )


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
