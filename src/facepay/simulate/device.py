"""A gate, kiosk or lane that goes on without network (docs/offline.md): for tests and for whoever builds one.

While it has network, it syncs every minute. Without, it decides about signed passes by the policy it holds, and writes
down what it does before it does it. When the network is back, it tells that first, in order, and then syncs again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx

from facepay.kernel.clock import utc_now
from facepay.offline.clocks import TOLERANCE
from facepay.offline.documents import Document, DocumentUnreadable, ListedProduct, Mode, Pass, Policy, Reader
from facepay.simulate.journal import Journal, Untold

WAIT_SECONDS_MAX = 60.0
TRIES_MAX = 20
_BOOT = uuid4().hex


@dataclass(frozen=True, slots=True)
class Moment:
    """By the wall clock, and since the start."""

    at: datetime
    uptime_ms: int
    boot: str = _BOOT

    def told(self) -> dict[str, Any]:
        return {"at": self.at.isoformat(), "boot": self.boot, "uptime_ms": self.uptime_ms}


def moment() -> Moment:
    """Now. A device in earnest names its start by /proc/sys/kernel/random/boot_id, this one by its process."""
    return Moment(utc_now(), time.monotonic_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to open, or to hand over the goods; `code` says why not, `total` what they cost."""

    allowed: bool
    code: str
    total: int = 0


@dataclass(slots=True)
class OfflineDevice:
    """`client` speaks to the server with the device's token."""

    device_id: UUID
    client: httpx.AsyncClient
    journal: Journal
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    moment: Callable[[], Moment] = moment
    wait: Callable[[float], Any] = asyncio.sleep
    held: tuple[str, Policy] | None = field(default=None, init=False, repr=False)

    async def sync(self) -> None:
        """Ask for the time and for the present policy. Raises httpx.HTTPError."""
        now = self.moment()
        beat = await self._call("POST", "heartbeats", json={"sent_at": now.at.isoformat()})
        ahead = now.at - datetime.fromisoformat(beat["server_time"])
        self.journal.remember("boot", now.boot)
        self.journal.remember("boot_at", (now.at - ahead - timedelta(milliseconds=now.uptime_ms)).isoformat())
        self.journal.remember("ahead_seconds", str(ahead.total_seconds()))
        keys = await self.client.get("/v1/offline-keys", headers=self.headers)
        self.journal.remember("keys", keys.raise_for_status().text)
        held = {"If-None-Match": self.journal.note("tag") or ""}
        answer = await self.client.get(self._path("offline-policy"), headers={**self.headers, **held})
        if answer.status_code != httpx.codes.NOT_MODIFIED:
            policy = answer.raise_for_status().json()["policy"]
            self._reader().read(Policy, policy)
            self.journal.remember("policy", policy)
            self.journal.remember("tag", answer.headers["ETag"])

    def admit(self, shown: str, kind: Literal["entry", "exit"] = "entry") -> Decision:
        """Open to whoever shows this pass, or not."""
        return self._decide(shown, kind, {})

    def sell(self, shown: str, basket: Mapping[str, int]) -> Decision:
        """Sell sku -> quantity to whoever shows this pass, or not."""
        return self._decide(shown, "sale", basket)

    def _decide(self, shown: str, kind: str, basket: Mapping[str, int]) -> Decision:
        now, text = self.moment(), self.journal.note("policy")
        try:
            policy = self._policy(text or "")
        except DocumentUnreadable:
            return Decision(False, "no_policy")
        at = self._true_time(now)
        if fault := self._policy_fault(policy, at) or (policy.entry_fault(at) if kind == "entry" else None):
            return Decision(False, fault)
        try:
            read = self._reader().read(Pass, shown)
        except DocumentUnreadable:
            return Decision(False, "pass_unreadable")
        total = _total(policy.products, basket)
        if total is None:
            return Decision(False, "not_listed")
        if fault := self._pass_fault(policy, read, total, self._true_time(now)):
            return Decision(False, fault, total)
        body: dict[str, Any] = {"kind": kind, "time": now.told(), "pass": shown}
        if basket:
            body |= {"lines": [{"sku": sku, "quantity": count} for sku, count in basket.items()], "total": total}
        assert text
        self.journal.add(text, body, pass_id=read.id, amount=total)
        return Decision(True, "ok", total)

    async def tell(self) -> list[dict[str, Any]]:
        """Tell all that still has to be told, as often as it takes; what became of it. Raises httpx.HTTPError."""
        verdicts: list[dict[str, Any]] = []
        while untold := self.journal.untold():
            answer = await self._persist(untold)
            verdicts += answer["verdicts"]
            self.journal.told_before(answer["next_sequence"])
        return verdicts

    async def _persist(self, untold: Untold) -> Any:
        """Whatever is no refusal is tried again, after longer and longer."""
        for seconds in _waits():
            try:
                return await self._tell(untold)
            except httpx.HTTPStatusError as error:
                if error.response.status_code < 500 and error.response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    raise
            except httpx.TransportError:
                pass
            await self.wait(seconds)
        return await self._tell(untold)

    async def _tell(self, untold: Untold) -> Any:
        body = {
            "run": str(self.journal.run),
            "policy": untold.policy,
            "sent": self.moment().told(),
            "posts": untold.posts,
        }
        return await self._call("POST", "offline-posts", json=body)

    async def _call(self, method: str, what: str, **request: Any) -> Any:
        answer = await self.client.request(method, self._path(what), headers=self.headers, **request)
        return answer.raise_for_status().json()

    def _path(self, what: str) -> str:
        return f"/v1/devices/{self.device_id}/{what}"

    def _policy(self, text: str) -> Policy:
        """Read once: thousands of products take a moment. Raises DocumentUnreadable."""
        if self.held is None or self.held[0] != text:
            self.held = text, self._reader().read(Policy, text)
        return self.held[1]

    def _reader(self) -> Reader:
        keys = self.journal.note("keys")
        return Reader.from_jwks(httpx.Response(200, text=keys).json()) if keys else Reader({})

    def _true_time(self, now: Moment) -> datetime:
        """By the server's clock: as long ago as this start allows to say, or by the wall clock as wrong as it was."""
        boot_at = self.journal.note("boot_at")
        if boot_at and self.journal.note("boot") == now.boot:
            return datetime.fromisoformat(boot_at) + timedelta(milliseconds=now.uptime_ms)
        return now.at - timedelta(seconds=float(self.journal.note("ahead_seconds") or 0))

    def _policy_fault(self, policy: Policy, at: datetime) -> str | None:
        if policy.device_id != self.device_id:
            return "policy_of_another_device"
        if policy.mode is not Mode.ALLOW_SIGNED_PASS:
            return "policy_denies"
        return None if _in_force(policy, at) else "policy_expired"

    def _pass_fault(self, policy: Policy, shown: Pass, total: int, at: datetime) -> str | None:
        if not _in_force(shown, at):
            return "pass_expired"
        if shown.id in policy.revoked_passes:
            return "pass_revoked"
        if total > policy.payment_max:
            return "over_payment_max"
        if total and shown.currency != policy.currency:
            return "currency_mismatch"
        if total + self.journal.spent(shown.id) > min(shown.amount_max, policy.pass_max):
            return "pass_overdrawn"
        return None


def _in_force(document: Document, at: datetime) -> bool:
    """A device may be a little behind whoever issued it."""
    return document.issued_at - TOLERANCE <= at < document.expires_at


def _total(products: tuple[ListedProduct, ...], basket: Mapping[str, int]) -> int | None:
    prices = {product.sku: product.price for product in products}
    return sum(prices[sku] * count for sku, count in basket.items()) if basket.keys() <= prices.keys() else None


def _waits() -> Iterator[float]:
    """Seconds, doubling up to a minute, each made up to a half shorter, so that devices don't come back in step."""
    for power in range(TRIES_MAX):
        yield min(WAIT_SECONDS_MAX, 0.5 * 2**power) * random.uniform(0.5, 1)  # noqa: S311 (spreads load)
