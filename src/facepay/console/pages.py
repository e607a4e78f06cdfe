"""What all pages of the console stand on: who reads, in which language, and what a refusal looks like.

A page is a function of a `Console`, which `Depends(console("members:read"))` brings to whoever has these scopes:
`console.api` calls the API, `console.show` fills a template, `console.back` leads on after a form.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, urlencode

from fastapi import Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse

from facepay.console import rendering
from facepay.console.api import Api, Refused
from facepay.console.words import LANGUAGES, negotiated
from facepay.kernel.auth import Principal, current_session
from facepay.kernel.errors import Problem, Unauthenticated
from facepay.kernel.routers import LazyRoute, Router

PREFIX = "/console"
SAID_COOKIE, LANGUAGE_COOKIE = "facepay_said", "facepay_language"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def language_of(request: Request) -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else negotiated(request.headers.get("accept-language", ""))


def rendered(request: Request, template: str, *, me: Principal | None, **values: Any) -> str:
    fixed = {"language": language_of(request), "request": request, "me": me, "now": request.app.state.clock()}
    return rendering.render(template, **fixed, **values)


def shown(
    request: Request, template: str, *, status: int = 200, me: Principal | None = None, **values: Any
) -> Response:
    """A template as an answer: whole, or its `main` where htmx asks for a part of a page."""
    said = unquote(request.cookies.get(SAID_COOKIE, ""))
    html = rendered(request, template, me=me, said=said, **values)
    answer = HTMLResponse(html, status, headers=HEADERS)
    if said:
        answer.delete_cookie(SAID_COOKIE, path=PREFIX)
    return answer


@dataclass(frozen=True, slots=True)
class Console:
    """One request of somebody who is signed in."""

    request: Request
    me: Principal

    @property
    def api(self) -> Api:
        return Api(self.request.app, self.me)

    def may(self, *scopes: str) -> bool:
        return self.me.scopes.issuperset(scopes)

    def render(self, template: str, **values: Any) -> str:
        """A part of a page, for a stream of them."""
        return rendered(self.request, template, me=self.me, **values)

    def show(self, template: str, **values: Any) -> Response:
        return shown(self.request, template, me=self.me, **values)

    def back(self, to: str, said: str = "") -> Response:
        """After a form: on to another page (a path below /console), which says `said` (English, as in the .po)."""
        answer = RedirectResponse(PREFIX + to, 303)
        if said:
            answer.set_cookie(SAID_COOKIE, quote(said), max_age=30, path=PREFIX, httponly=True, samesite="lax")
        return answer


def console(*scopes: str) -> Callable[..., Awaitable[Console]]:
    """For `Annotated[Console, Depends(console("stores:read"))]`."""

    async def of(request: Request, me: Principal = Security(current_session, scopes=list(scopes))) -> Console:
        return Console(request, me)

    return of


class PageRoute(LazyRoute):
    """Refusals are pages too: who isn't signed in is asked to, everybody else is told what is wrong."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_as_page(request: Request) -> Response:
            try:
                return await answer(request)
            except Unauthenticated:
                return _to_sign_in(request)
            except Refused as refused:
                return _refusal(request, refused.problem)
            except Problem as problem:
                return _refusal(request, {"status": problem.status, "code": problem.code, "detail": problem.detail})
            except RequestValidationError:
                return _refusal(request, {"status": 422, "code": "invalid_request", "detail": ""})

        return answer_as_page


def pages(path: str = "") -> Router:
    """For the routes of some pages, below /console."""
    return Router(prefix=PREFIX + path, include_in_schema=False, route_class=PageRoute)


def _to_sign_in(request: Request) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Redirect": f"{PREFIX}/sign-in"})
    wanted = request.url.path if request.method == "GET" else PREFIX
    return RedirectResponse(f"{PREFIX}/sign-in?{urlencode({'to': wanted})}", 303)


def _refusal(request: Request, problem: Any) -> Response:
    """Where htmx asked, only the words, which it puts above the page so that what was typed stays there."""
    status = int(problem["status"])
    if status == HTTPStatus.UNAUTHORIZED:
        return _to_sign_in(request)
    whole = not request.headers.get("hx-request")
    answer = shown(request, "refusal.html" if whole else "_problem.html", status=status, problem=problem)
    if not whole:
        answer.headers.update({"HX-Retarget": "#problem", "HX-Reswap": "innerHTML", "HX-Push-Url": "false"})
    return answer
