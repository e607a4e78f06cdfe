"""How much one caller may ask: so many requests a minute, by token, by session, or by address.

Kept in each process by itself, so that it costs no round trip: of N processes together a caller gets at most N times
as much. It is there against loops and floods, not to sell by.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from time import monotonic

from starlette.requests import Request

from facepay.kernel.auth import session_cookie
from facepay.kernel.errors import Problem

CALLERS_MAX = 20_000  # some 4 MB; beyond that whoever asked longest ago is forgotten
IPV6_NETWORK_BITS = 64  # one customer of a provider has as many addresses
# A balancer asks these from one address for all of its life.
UNLIMITED_PATHS = frozenset({"/livez", "/readyz"})


class RateLimited(Problem):
    """This token, session or address asked too much: wait (`Retry-After`, seconds), then send the same again."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"


class Meter:
    """A bucket for each caller that holds a minute's requests and fills steadily (GCRA: one number a caller)."""

    def __init__(
        self, per_minute: int, *, callers_max: int = CALLERS_MAX, elapsed: Callable[[], float] = monotonic
    ) -> None:
        self._per_minute, self._callers_max, self._elapsed = per_minute, callers_max, elapsed
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def wait_seconds(self, caller: Hashable) -> float:
        """Take one of the caller's requests: 0, or after how many seconds there is one again. 0 a minute: no limit."""
        if not self._per_minute:
            return 0.0
        now, each = self._elapsed(), 60 / self._per_minute
        full_at = max(self._full_at.pop(caller, now), now)
        wait = full_at + each - now - 60
        self._full_at[caller] = full_at if wait > 0 else full_at + each
        while len(self._full_at) > self._callers_max:
            self._full_at.popitem(last=False)
        return max(wait, 0.0)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request says it is from: a hash of its token, which may be anything until it was good here once."""

    address: str = field(repr=False)
    token: bytes | None = field(repr=False)


class RateLimits:
    """A limit for each token of a device, each token or session of a person, and each address.

    What was no good here yet counts against its address, so that made-up tokens get nobody further.
    """

    def __init__(self, *, device: int, person: int, address: int, elapsed: Callable[[], float] = monotonic) -> None:
        limits = {"device": device, "person": person, "address": address}
        self._meters = {who: Meter(per_minute, elapsed=elapsed) for who, per_minute in limits.items()}
        self._good: OrderedDict[bytes, str] = OrderedDict()

    def take(self, caller: Caller) -> tuple[str, float]:
        """Whose limit the request counts against, and the seconds until there is room: 0 where there is now."""
        who = self._good.get(caller.token, "address") if caller.token else "address"
        name = caller.address if who == "address" else caller.token
        return who, self._meters[who].wait_seconds(name)

    def answered(self, caller: Caller, kind: str | None) -> None:
        """`kind` of principal whom the token was found to be of, or None where it's no good."""
        if caller.token is None:
            return
        self._good.pop(caller.token, None)
        if kind is not None:
            self._good[caller.token] = "device" if kind == "device" else "person"
            while len(self._good) > CALLERS_MAX:
                self._good.popitem(last=False)


def caller_of(request: Request) -> Caller:
    address = network_of(request.client.host if request.client else "")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.cookies.get(session_cookie(request), "")
    return Caller(address, hashlib.blake2b(token.encode(), digest_size=16).digest() if token else None)


def network_of(host: str) -> str:
    """The address, or of an IPv6 one the network that its customer has."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(int(address) >> (128 - IPV6_NETWORK_BITS))
    return str(getattr(address, "ipv4_mapped", None) or address)
