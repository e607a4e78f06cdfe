"""Signing in and out, and the reader's language."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from facepay.console.pages import HEADERS, LANGUAGE_COOKIE, PREFIX, Console, console, pages, shown
from facepay.console.words import LANGUAGES
from facepay.kernel.auth import from_own_page, session_cookie
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import NotFound
from facepay.kernel.pages import MEDIA_TYPES
from facepay.kernel.passwords import HasherOf
from facepay.staff import accounts, sessions
from facepay.staff.accounts import WrongCredentials

STATIC = {file.name: file.read_bytes() for file in (Path(__file__).parent / "static").iterdir()}
router = pages()
Anybody = Annotated[Console, Depends(console("account:own"))]
A_YEAR_SECONDS = 365 * 24 * 3600


@router.get("/sign-in")
async def ask_to_sign_in(request: Request, to: str = PREFIX) -> Response:
    return shown(request, "sign_in.html", to=to, wrong=False)


@router.post("/sign-in")
async def sign_in(
    username: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=accounts.PASSWORD_LENGTH_MAX)],
    request: Request,
    database: Db,
    hasher: HasherOf,
    now: Now,
    to: Annotated[str, Form()] = PREFIX,
) -> Response:
    """As the API's: five wrong passwords in a row lock the account. The cookie is out of scripts' reach."""
    from_own_page(request)
    try:
        account = await accounts.sign_in(database, username=username, password=password, hasher=hasher, now=now)
    except WrongCredentials:
        return shown(request, "sign_in.html", status=401, to=to, wrong=True)
    async with database.begin() as session:
        token = await sessions.open_session(
            session, account=account, agent=request.headers.get("user-agent", ""), now=now
        )
    answer = RedirectResponse(_within(to), 303)
    answer.set_cookie(
        session_cookie(request),
        token,
        max_age=int(sessions.LASTS.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


def _within(to: str) -> str:
    """A page of the console, whatever the address asked for: nobody is sent elsewhere from here."""
    return to if to == PREFIX or (to.startswith(f"{PREFIX}/") and "\\" not in to and "//" not in to) else PREFIX


@router.post("/sign-out")
async def sign_out(console: Anybody, session: Session) -> Response:
    name = session_cookie(console.request)
    await sessions.close_session(session, token=console.request.cookies[name])
    answer = console.back("/sign-in")
    answer.delete_cookie(name, path="/", secure=console.request.url.scheme == "https", httponly=True, samesite="lax")
    return answer


@router.post("/language")
async def choose_language(
    request: Request, language: Annotated[str, Form(max_length=8)], to: Annotated[str, Form()] = PREFIX
) -> Response:
    from_own_page(request)
    answer = RedirectResponse(_within(to), 303)
    if language in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=A_YEAR_SECONDS, path=PREFIX, samesite="lax", httponly=True)
    return answer


@router.get("/static/{name}")
async def static_file(name: str) -> Response:
    if name not in STATIC:
        raise NotFound("There is no such file.")
    headers = HEADERS | {"Cache-Control": "no-cache"}
    return Response(STATIC[name], media_type=MEDIA_TYPES[Path(name).suffix], headers=headers)
