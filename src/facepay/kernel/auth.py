"""Who asks, and what they may do. Nothing is reachable without a scope unless PUBLIC_PATHS names it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request, params
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_typed_signature
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, OAuth2PasswordBearer, SecurityScopes
from starlette.routing import BaseRoute

from facepay.kernel import telemetry
from facepay.kernel.cameras import DepthCamera
from facepay.kernel.database import Database
from facepay.kernel.errors import Forbidden, Unauthenticated
from facepay.kernel.routing import unfolded
from facepay.kernel.secrets import MasterKey

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SCOPES = {
    "members:read": "See members, consents and visits.",
    "members:write": "Register, change and erase members; enrol and withdraw faces.",
    "lookalikes:read": "See which members look too alike.",
    "lookalikes:write": "Say that two members who look alike are two people; be told whom a new face is refused for.",
    "members:export": "Export all that is held of a member.",
    "passes:write": "Issue one-time passes: whoever has one enters and pays as the member.",
    "wallet:read": "See balances and statements.",
    "wallet:write": "Top up wallets; refund, cancel and correct orders; collect debts and write them off.",
    "faces:identify": "See who is in a picture.",
    "stores:read": "See stores, devices and their health.",
    "stores:write": "Open stores; register, rotate and revoke devices.",
    "devices:command": "Lock, unlock and open doors; tell devices what to show, say and be.",
    "catalog:read": "See products, prices and stock.",
    "catalog:write": "Change and import products.",
    "rewards:read": "See tiers, coupons, and members' points and gifts.",
    "rewards:write": "Set tiers, points and coupons; give gift balance.",
    "visits:write": "Link visits of families and friends, say who of them pays; end visits of people who are gone.",
    "insights:read": "See what people look at, take and smile at, as counts.",
    "webhooks:read": "See where events are sent, and how that goes.",
    "webhooks:write": "Say where events are sent; send them again.",
    "alerts:read": "See what somebody should look at.",
    "alerts:write": "Acknowledge and resolve alerts.",
    "access:read": "See zones, access points, credentials, the access log, and who is inside.",
    "access:write": "Add holders, issue and revoke credentials, invite visitors.",
    "access:configure": "Set up zones, access points, authentication policies and access profiles.",
    "access:export": "Export the access log.",
    "emergency:act": "Release all doors, lock a store down, and end either.",
    "watchlist:view": "See whom the watchlist names and why, and who was taken for them; each look is recorded.",
    "watchlist:propose": "Propose people for the watchlist; record appeals.",
    "watchlist:approve": "Approve and lift bans that somebody else proposed.",
    "watchlist:answer": "Say what happens to somebody whom the watchlist has stopped.",
    "security:read": "See house rules, reactions, on-call lists and response times.",
    "security:write": "Set house rules, reactions and on-call lists.",
    "dining:read": "See tables, parties and bills.",
    "dining:write": "Set tables and menus; seat, move and close parties, and correct their bills.",
    "fitting:read": "See what is asked for in fitting rooms.",
    "fitting:write": "Set what garments are; answer what is asked for in fitting rooms.",
    "drives:read": "See cars, machines and test drives.",
    "drives:write": "Set cars and machines; check licences, hand keys out and waive fees.",
    "drives:reserve": "Reserve, extend and cancel test drives; accept and dispute claims.",
    "drives:inspect": "Inspect cars that come back, and charge what is damaged.",
    "orders:read": "See checkouts, orders and their tickets in the kitchen.",
    "kitchen:write": "Move tickets through the kitchen.",
    "reviews:read": "See disputes and decisions worth a look.",
    "reviews:write": "Dispute decisions.",
    "reviews:resolve": "Find decisions right or wrong, and so refund orders and mark members; lift watches.",
    "evidence:read": "Look at the frames of disputed decisions.",
    "audit:read": "See what staff did.",
    "staff:write": "Add staff, change their roles, revoke their access.",
    "account:own": "See your own account and change its password.",
}
DEVICE_SCOPES = {
    "gate:decide": "Let people in and out.",
    "kiosk:checkout": "Charge faces for baskets.",
    "lane:checkout": "Charge faces that walk through a lane.",
    "shelf:report": "Report what is taken and put back.",
    "table:serve": "Seat a party at its table, and take its orders and payments.",
    "fitting:style": "Advise whoever stands before a mirror.",
    "drive:handover": "Hand out cars' keys and take them back.",
    "member:greet": "See of a member whom it has just recognised what its role may show.",
    "campaign:play": "Have people smile for a discount.",
    "attention:report": "Report who looks at what, and how.",
    "kitchen:work": "See what is to be prepared, and say how far it is.",
    "board:read": "Show which orders are ready.",
    "payments:create": "Ask members for payments, for a shop on the web.",
    "access:decide": "Decide who may pass a door.",
    "camera:report": "Show what a camera sees.",
    "metrics:read": "Read /metrics.",
    "device:heartbeat": "Say that the device is alive.",
    "device:commands": "Be told what to do, and report what happens.",
    "gallery:read": "Hold the store's gallery and recognise by it.",
    "offline:act": "Hold a policy for being without network, and tell afterwards what was done by it.",
}
PAYER_SCOPES = {"payment:confirm": "Look at one payment that a shop on the web asks for, and pay it or not."}
PUBLIC_PATHS = frozenset(
    {
        "/livez",
        "/readyz",
        "/v1/auth/token",
        # Whoever has no token yet: the code that is sent was shown by staff, and is good once.
        "/v1/pairings",
        # A provider has no account here: the signature of each webhook says that it's the provider who calls.
        "/v1/providers/mock/webhooks",
        # Public keys, for whoever checks what was signed with the others.
        "/v1/offline-keys",
        # Pages: what they show, they ask of the API.
        "/pay",
        "/pay/{name}",
        "/kiosk",
        "/kiosk/{name}",
        "/gate",
        "/gate/{name}",
        "/docs",
        "/docs/oauth2-redirect",
        "/static-offline-docs",
        "/openapi.json",
        # Pages, which show what their token may see.
        "/board",
        "/board/{name}",
        "/kitchen",
        "/kitchen/{name}",
        "/guard",
        "/guard/{name}",
        "/muster",
        "/muster/{name}",
        "/fitting",
        "/fitting/{name}",
        "/floor",
        "/floor/{name}",
        "/drives",
        "/drives/{name}",
        "/console/sign-in",
        "/console/language",
        "/console/static/{name}",
    }
)


class PresentationCheck(StrEnum):
    """What may be required to tell a person from a picture of one (ISO/IEC 30107-3)."""

    CHALLENGE = "challenge"
    DEPTH = "depth"
    PASSIVE = "passive"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever holds the token: a member of staff, a device of one store, or whoever was sent to pay (`id` is then the
    payment intent's).
    """

    kind: Literal["staff", "device", "payer"]
    id: UUID
    name: str
    role: str
    scopes: frozenset[str]
    store_id: UUID | None = None
    presentation_checks: frozenset[PresentationCheck] = frozenset()
    region: str | None = None
    public_key: bytes | None = None  # Ed25519, of a device with an engine of its own
    exchange_key: bytes | None = None  # X25519, to which its gallery is sealed
    edge_matching: bool = False  # it may say itself who somebody is
    camera: DepthCamera | None = None  # its 3D camera's intrinsics
    bearer: str | None = field(default=None, repr=False)  # of a session in the browser: what its calls of the API carry

    @property
    def store(self) -> UUID:
        """The store of a device. Raises ValueError for staff, who belong to none."""
        if self.store_id is None:
            raise ValueError(f"{self.kind} {self.id} has no store")
        return self.store_id


# Each kind of token has one: it returns who holds the token now, or None where there is no such token.
Authenticator = Callable[[Database, MasterKey, str, datetime], Awaitable[Principal | None]]


class InsufficientScope(Forbidden):
    code = "insufficient_scope"
    title = "Not allowed"


class CrossSiteRequest(Forbidden):
    """Some other site made the browser send this (CSRF)."""

    code = "cross_site_request"
    title = "Not sent by our page"


class WrongStore(Forbidden):
    code = "device_of_other_store"
    title = "Not this device's place"


_staff_scheme = OAuth2PasswordBearer(tokenUrl="/v1/auth/token", scopes=SCOPES, auto_error=False, scheme_name="staff")
_device_scheme = HTTPBearer(
    auto_error=False, scheme_name="device", description="A device's token, shown once when it was registered."
)
_payer_scheme = HTTPBearer(auto_error=False, scheme_name="payer", description="A payment intent's `client_secret`.")


async def _authenticate(request: Request, kind: str, token: str | None, required: SecurityScopes) -> Principal:
    state = request.app.state
    authenticator: Authenticator = state.authenticators[kind]
    principal = await authenticator(state.database, state.master_key, token, state.clock()) if token else None
    request.state.principal_kind = principal.kind if principal else None
    if principal is None:
        raise Unauthenticated(
            f"A valid {kind} token is needed.", headers={"WWW-Authenticate": f'Bearer realm="{kind}"'}
        )
    device_id = principal.id if principal.kind == "device" else None
    telemetry.note(caller=principal.kind, role=principal.role, device_id=device_id, store_id=principal.store_id)
    if kind == "staff":
        await state.note_action(request, principal, frozenset(required.scopes))
    missing = sorted(set(required.scopes) - principal.scopes)
    if missing:
        raise InsufficientScope(f"The {principal.role} role may not do this.", missing_scopes=missing)
    return principal


async def current_staff(
    request: Request, required: SecurityScopes, token: Annotated[str | None, Depends(_staff_scheme)]
) -> Principal:
    """For `Security(current_staff, scopes=[…])`."""
    return await _authenticate(request, "staff", token, required)


async def current_device(
    request: Request,
    required: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_device_scheme)],
) -> Principal:
    """For `Security(current_device, scopes=[…])`."""
    return await _authenticate(request, "device", credentials.credentials if credentials else None, required)


async def current_payer(
    request: Request,
    required: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_payer_scheme)],
) -> Principal:
    """For `Security(current_payer, scopes=[…])`."""
    return await _authenticate(request, "payer", credentials.credentials if credentials else None, required)


async def current_session(request: Request, required: SecurityScopes) -> Principal:
    """For `Security(current_session, scopes=[…])`: staff who signed in with a browser, by its cookie.

    A browser sends that along whoever made it ask, so whatever changes something has to come from a page of ours.
    """
    if request.method not in SAFE_METHODS:
        from_own_page(request)
    return await _authenticate(request, "session", request.cookies.get(session_cookie(request)), required)


def session_cookie(request: Request) -> str:
    """The cookie's name: over HTTPS one that a browser only takes from this very host (RFC 6265bis, `__Host-`)."""
    return "__Host-facepay_session" if request.url.scheme == "https" else "facepay_session"


def from_own_page(request: Request) -> None:
    """Raises CrossSiteRequest unless the browser says, by fetch metadata or else `Origin`, that a page of ours asks."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    if site != "same-origin" and (site is not None or urlsplit(origin).netloc != request.headers.get("host")):
        raise CrossSiteRequest("This was not sent by a page of this server.")


async def still_current(request: Request, *scopes: str) -> Principal:
    """The device that a connection was opened for, for as long as it may stay. Raises what `current_device` does."""
    return await current_device(request, SecurityScopes(list(scopes)), await _device_scheme(request))


async def session_still_current(request: Request, *scopes: str) -> Principal:
    """The same for a session in the browser: a page that only watches doesn't keep it from ending of disuse."""
    return await _authenticate(
        request, "watching", request.cookies.get(session_cookie(request)), SecurityScopes(list(scopes))
    )


async def staff_still_current(request: Request, *scopes: str) -> Principal:
    """The same for staff. Raises what `current_staff` does."""
    return await current_staff(request, SecurityScopes(list(scopes)), await _staff_scheme(request))


def acts_as(device: Principal, device_id: UUID) -> None:
    """A device may only do its own work. Raises WrongStore for any other id, known or not."""
    if device.id != device_id:
        raise WrongStore("This token belongs to another device.")


GUARDS = (current_staff, current_device, current_payer, current_session)


def scopes_of(dependant: Dependant) -> Iterable[str]:
    for child in dependant.dependencies:
        if child.call in GUARDS:
            yield from child.own_oauth_scopes or ()
        yield from scopes_of(child)


@cache
def names_scope(call: Callable[..., Any]) -> bool:
    """Whether its signature, or that of something it depends on, asks for a scope: what `scopes_of` finds once FastAPI
    has made the route, for a fraction of that time.
    """
    for parameter in get_typed_signature(call).parameters.values():
        of, *marks = get_args(parameter.annotation) or (parameter.annotation,)
        for mark in (*marks, parameter.default):
            if isinstance(mark, params.Depends):
                asked = mark.dependency or of
                if asked in GUARDS and isinstance(mark, params.Security) and mark.scopes:
                    return True
                if names_scope(asked):
                    return True
    return False


def api_routes(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    return (route for route in unfolded(routes) if isinstance(route, APIRoute))


def is_guarded(route: BaseRoute) -> bool:
    """Whether PUBLIC_PATHS names it or it needs a scope, as no mount and no socket does."""
    path = getattr(route, "path", "")
    return path in PUBLIC_PATHS or (isinstance(route, APIRoute) and names_scope(route.endpoint))


def routes_without_scope(routes: Iterable[BaseRoute]) -> list[str]:
    """Routes of any kind that anybody could call although PUBLIC_PATHS doesn't name them."""
    return [
        f"{','.join(sorted(getattr(route, 'methods', None) or ()))} {getattr(route, 'path', '')}".strip()
        for route in unfolded(routes)
        if not is_guarded(route)
    ]
