"""Is it alive, is it ready, how is it doing."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Request, Response, Security
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import Principal, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Database, Db
from facepay.kernel.metrics import MetricsOf
from facepay.kernel.routers import Router
from facepay.kernel.upkeep import overdue_seconds
from facepay.migrate import newest_revision
from facepay.privacy.retention import enrolled_people
from facepay.templates.templates import newest_version
from facepay.webhooks.deliveries import oldest_waiting_seconds

router = Router(tags=["operations"])


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Every check by name: `ok`, or what is missing. Without a `liveness` model it is ready none the less."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str]


@router.get("/livez", summary="Is the process alive?")
async def livez() -> Alive:
    return Alive()


@router.get("/readyz", summary="Can it serve?", responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response, database: Db) -> Readiness:
    """Database, schema version and models, each with its own verdict."""
    state = request.app.state
    checks = await _database_checks(database)
    checks["models"] = "ok" if state.recogniser else "loading"
    ready = all(verdict == "ok" for verdict in checks.values())
    if state.recogniser and not state.inference.engine.has_passive_model:
        # Only devices that require one don't serve: the others do.
        checks["liveness"] = "no passive model"
    response.status_code = 200 if ready else 503
    return Readiness(status="ready" if ready else "not_ready", checks=checks)


async def _database_checks(database: Database) -> dict[str, str]:
    try:
        version = await database.schema_version()
    except (SQLAlchemyError, OSError) as error:
        return {"database": type(error).__name__, "schema": "unknown"}
    newest = newest_revision()
    # Revisions are numbered. A newer release's schema serves this one as well (docs/migrations.md): if it didn't count,
    # every replica would leave the balancer at once while that release is rolled out.
    serves = version is not None and version >= newest
    return {
        "database": "ok",
        "schema": "ok" if serves else f"at {version}, needs {newest}: run `facepay migrate`",
    }


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(
    request: Request,
    monitor: Annotated[Principal, Security(current_device, scopes=["metrics:read"])],
    metrics: MetricsOf,
    recogniser: RecogniserOf,
    database: Db,
    now: Now,
) -> Response:
    """For a device of the role `monitor`, so that Prometheus authenticates with its token."""
    gallery = recogniser.keeper.gallery
    metrics.queue_depth.set(recogniser.inference.depth)
    metrics.workers_busy.set(recogniser.inference.busy)
    metrics.gallery_size.set(gallery.size)
    metrics.connections.labels("in_use").set(database.connections_in_use)
    metrics.connections.labels("max").set(request.app.state.settings.database_pool_size)
    async with database.read() as session:
        metrics.enrolled_people.set(await enrolled_people(session))
        metrics.webhook_oldest_seconds.set(await oldest_waiting_seconds(session, now=now))
        metrics.gallery_behind.set(max(0, await newest_version(session) - gallery.version))
        for task, seconds in (await overdue_seconds(session)).items():
            metrics.housekeeping_overdue.labels(task).set(seconds)
    body, media_type = metrics.exposition(request.headers.get("accept", ""))
    return Response(body, media_type=media_type)
