"""RFC 9457 answers: every refusal leaves as application/problem+json, and /docs names each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from facepay.kernel.errors import Overloaded, Problem
from facepay.kernel.idempotency import IdempotencyKeyMissing
from facepay.kernel.rates import RateLimited
from facepay.kernel.uploads import BodyTooLarge, BodyTooSlow

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
ERRORS_SHOWN_MAX = 20
WHERE_CHARACTERS_MAX = 100
NEWER_PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


class ProblemDocument(BaseModel):
    """What went wrong: `code` is stable, `detail` is for people, further members hold the measured values."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str


# Said by name: as the `model` of each answer FastAPI would make it a validator for each, two thirds of all it makes.
DOCUMENT = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}


class InvalidRequest(Problem):
    """A field is missing, unknown or out of bounds: `errors` says which, and why."""

    status = 422
    code = "invalid_request"
    title = "Invalid request"


def respond(request: Request, status: int, code: str, title: str, detail: str, **more: Any) -> JSONResponse:
    headers = more.pop("headers", None)
    request.state.problem = code
    document = {
        "type": f"urn:facepay:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": getattr(request.state, "request_id", ""),
        **more,
    }
    return JSONResponse(document, status, headers=headers, media_type=MEDIA_TYPE)


def problems(*classes: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: one entry a status, one example a code. Any request can be unreadable, invalid
    or one too many.
    """
    by_status: dict[int | str, list[type[Problem]]] = defaultdict(list)
    every: tuple[type[Problem], ...] = (*classes, Problem, InvalidRequest, RateLimited)
    for each in every:
        by_status[each.status].append(each)
    return {
        status: {
            "description": " · ".join(f"`{each.code}`" for each in those),
            "content": {MEDIA_TYPE: {"schema": DOCUMENT, "examples": {each.code: _example(each) for each in those}}},
        }
        for status, those in by_status.items()
    }


def _example(problem: type[Problem]) -> dict[str, Any]:
    document = ProblemDocument(
        type=f"urn:facepay:problem:{problem.code}",
        title=problem.title,
        status=problem.status,
        code=problem.code,
        detail=(problem.__doc__ or problem.title).strip().splitlines()[0],
        request_id="0199f7a1-…",
    )
    return {"summary": problem.title, "value": document.model_dump()}


def install(app: FastAPI) -> None:
    _describe(app)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DBAPIError, _on_database)
    app.add_exception_handler(PoolTimeout, _on_busy_pool)


def _describe(app: FastAPI) -> None:
    """Have the app's OpenAPI hold what its routes name."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas[ProblemDocument.__name__] = ProblemDocument.model_json_schema(mode="serialization")
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def respond_to(request: Request, problem: Problem) -> JSONResponse:
    return respond(
        request,
        problem.status,
        problem.code,
        problem.title,
        problem.detail,
        headers=problem.headers,
        **problem.measured,
    )


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return respond_to(request, error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(_is_missing_key(each["loc"], each["type"]) for each in found):
        return await _on_problem(request, IdempotencyKeyMissing("This request needs an Idempotency-Key header."))
    # The value itself is left out: it may be personal, a secret or a megabyte. So may an unknown field's name be long.
    errors = [
        {"where": _where(each["loc"]), "code": each["type"], "detail": each["msg"]} for each in found[:ERRORS_SHOWN_MAX]
    ]
    return await _on_problem(request, InvalidRequest(_sentence(errors), errors=errors))


def _where(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location)[:WHERE_CHARACTERS_MAX]


def _is_missing_key(location: Sequence[int | str], kind: str) -> bool:
    return kind == "missing" and tuple(location) == ("header", "Idempotency-Key")


def _sentence(errors: list[dict[str, str]]) -> str:
    first = f"{errors[0]['where']}: {errors[0]['detail']}" if errors else "The request is not valid."
    return first if len(errors) < 2 else f"{first} (and {len(errors) - 1} more)"


def phrase_of(status: int) -> str:
    """As RFC 9110 has it, whichever Python this is: those before 3.13 have older ones."""
    return NEWER_PHRASES.get(status) or HTTPStatus(status).phrase


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == BodyTooLarge.status:
        return respond_to(request, BodyTooLarge("The body is larger than one of its kind may be."))
    if error.status_code == BodyTooSlow.status:
        return respond_to(request, BodyTooSlow("The rest of the body didn't come in time."))
    phrase = phrase_of(error.status_code)
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    return respond(request, error.status_code, code, phrase, str(error.detail or phrase), headers=error.headers)


async def _on_database(request: Request, error: Exception) -> Response:
    if isinstance(error, DataError):
        return await _on_problem(request, InvalidRequest("A value can't be stored.", errors=[]))
    assert isinstance(error, DBAPIError)
    if isinstance(error, OperationalError) or error.connection_invalidated:
        log.error("database_unavailable", error=type(error.orig).__name__)
        return await _on_problem(request, DatabaseUnavailable("The database can't be reached right now."))
    return respond_to_bug(request, error)


async def _on_busy_pool(request: Request, error: Exception) -> Response:
    return await _on_problem(request, Overloaded("Every database connection is busy."))


def respond_to_bug(request: Request, error: Exception) -> Response:
    log.error("internal_error", exc_info=error)
    return respond(request, 500, "internal_error", "Internal error", "The error was logged under this request id.")


class DatabaseUnavailable(Overloaded):
    """The database is restarting or out of reach; retry with the same Idempotency-Key."""

    code = "database_unavailable"
    title = "Database unavailable"
