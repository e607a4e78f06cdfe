"""The stage of every scenario: a store with its devices, staff and members as clients of the API, and a table.

A scenario (`demo.day`, `demo.lane`, `demo.shelves`) is a `Stage` that says what happens; each step adds a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import time, timedelta
from functools import partial
from time import perf_counter
from typing import Any, ClassVar, Self
from uuid import uuid4

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table

from facepay.demo.actors import Actor
from facepay.demo.clock import StoreClock
from facepay.vision import samples
from facepay.vision.engine import Engine

OWNER = "owner"
STORE = {"name": "Xixi Road", "code": "XIXI", "timezone": "Asia/Shanghai"}
# The six that have a face, in the order of their portraits.
NAMES = ("Lin", "Mei", "Bo", "Yan", "Hao", "Ping")
PRODUCTS = (
    {"sku": "TEA-001", "gtin": "6901234567892", "name": "Jasmine tea, 500 ml", "price": 450},
    {"sku": "BAO-002", "gtin": "6920152400777", "name": "Red bean bao, 3 pieces", "price": 1290},
    {"sku": "UMB-003", "gtin": "6954767412573", "name": "Folding umbrella", "price": 5900},
)
TAX_BASIS_POINTS = 1300
STOCK = 20
# How the later frames differ from the enrolled photo: what a camera at a gate makes of a face.
at_gate = partial(samples.variant, quality=60, scale=0.8, brightness=0.75)
at_kiosk = partial(samples.variant, quality=75, scale=1.2, brightness=1.15)
GOOD = {"open", "paid", "release", "granted"}
BAD = {"deny", "declined", "hold", "denied", "warning", "critical"}


class SceneWentWrong(Exception):
    """The store did not do what it should have done."""


class Stage:
    """A store over HTTP. Use it as a context manager: the table is live while it is open."""

    title: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}
    begins_at: ClassVar[time | None] = None  # on the store's wall; None is now
    stands: ClassVar[str] = "balance"  # what the last column shows of whom a row is about

    def __init__(
        self,
        client: httpx.Client,
        console: Console,
        password: str,
        *,
        engine: Engine | None = None,
        clock: StoreClock | None = None,
        pass_time: Callable[[timedelta], None] | None = None,
        database_url: str | None = None,
    ) -> None:
        """`pass_time` makes it later by the store's clock, and does what its server does by itself meanwhile.
        `database_url` is for what isn't done over HTTP.
        """
        self.client, self.engine, self.now, self.pass_time = client, engine, clock or StoreClock(), pass_time
        self.called_at, self.took_ms, self.silent = 0.0, 0.0, False
        self.database_url, self._password = database_url, password
        self.sign_in()
        self.faces = dict(zip(NAMES, samples.people(), strict=True))
        self.ids: dict[str, str] = {}
        self.store_id = ""
        self.devices: dict[str, tuple[str, dict[str, str]]] = {}
        self.table = Table(
            "step", "who", "decision", Column("why", overflow="fold"), pad_edge=False, header_style="bold", box=None
        )
        for right in ("match", "ms", self.stands):
            self.table.add_column(right, justify="right", no_wrap=True, min_width=4)  # a slow answer moves no column
        self.live = Live(self.table, console=console, vertical_overflow="visible")

    def play(self) -> None:
        """What happens, from the store's opening on. Raises SceneWentWrong."""
        raise NotImplementedError

    def pages(self) -> Mapping[str, str]:
        """What there is to look at in a browser afterwards: paths by name."""
        return {}

    def actor(self, who: str) -> Actor:
        """Them before a camera, and not only their photo."""
        assert self.engine, "a scenario with actors is given the engine"
        return Actor.of(self.faces[who], self.engine)

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def sign_in(self) -> None:
        """As the owner, for an hour by the store's clock."""
        form = {"username": OWNER, "password": self._password}
        self.staff = {"Authorization": f"Bearer {self.call('POST', '/v1/auth/token', data=form)['access_token']}"}

    def open_store(self, *roles: str) -> None:
        """With one device of each role, and some of every product in stock."""
        self.store_id = self.as_staff("POST", "/v1/stores", json=STORE)["id"]
        for role in roles:
            self.add_device(role)
        for product in PRODUCTS:
            self.stock_up(product)

    def stock_up(self, product: Mapping[str, Any], quantity: int = STOCK) -> None:
        body = {**product, "tax_rate_basis_points": TAX_BASIS_POINTS, "currency": "CNY"}
        self.as_staff("POST", "/v1/products", json=body)
        self.as_staff("PUT", f"/v1/stores/{self.store_id}/stock/{product['sku']}", json={"quantity": quantity})

    def add_device(self, role: str, name: str | None = None) -> None:
        """Known by its name from then on, or by its role."""
        body = {"role": role, "name": name or f"{role} 1"}
        device = self.as_staff("POST", f"/v1/stores/{self.store_id}/devices", json=body)
        self.devices[name or role] = device["id"], {"Authorization": f"Bearer {device['token']}"}

    @contextmanager
    def summed_up(self, step: str, who: str, decision: str, why: str) -> Iterator[None]:
        """One row for all that is done meanwhile, which the story doesn't need to dwell upon."""
        start, self.silent = perf_counter(), True
        yield
        self.silent, self.took_ms = False, (perf_counter() - start) * 1000
        self.row(step, who, decision, why)

    def enrol(self, top_ups: Mapping[str, int]) -> None:
        """Members with a face, and money in fen."""
        for name, amount in top_ups.items():
            self.enrol_face(name)
            self.top_up(name, amount)

    def enrol_face(self, who: str) -> None:
        consent = {"policy_version": "2026-01", "accepted": True}
        body = {"display_name": who, "phone": f"+861380013800{NAMES.index(who)}", "consent": consent}
        self.ids[who] = self.as_staff("POST", "/v1/members", json=body)["id"]
        frames = [("frames", ("face.jpg", self.faces[who], "image/jpeg"))]
        self.as_staff("PUT", f"/v1/members/{self.ids[who]}/face", files=frames)
        self.row("enrol", who, "enrolled", "consent given")

    def register(self, who: str, amount: int) -> None:
        """A member who wants no face recognition, and has the shop's app instead."""
        self.ids[who] = self.as_staff("POST", "/v1/members", json={"display_name": who})["id"]
        self.row("register", who, "added", "no face, no consent")
        self.top_up(who, amount)

    def top_up(self, who: str, amount: int) -> None:
        self.as_staff(
            "POST",
            f"/v1/members/{self.ids[who]}/wallet/top-ups",
            json={"amount": amount, "currency": "CNY"},
            headers={"Idempotency-Key": str(uuid4())},
        )
        self.row("top up", who, "paid in", yuan(amount))

    def at_gate(
        self,
        way: str,
        who: str,
        decision: str,
        code: str,
        frame: bytes | None = None,
        why: str = "",
        *,
        gate: str = "gate",
        **party: Any,
    ) -> Any:
        """`party`: who comes along, as `guests` and `group_id`."""
        gate_id, headers = self.devices[gate]
        body = frame or at_gate(self.faces[who])
        sent: dict[str, Any]
        if party:
            sent = {"files": {"frame": ("frame.jpg", body, "image/jpeg")}, "data": party, "headers": headers}
        else:
            sent = {"content": body, "headers": {**headers, "Content-Type": "image/jpeg"}}
        answer = self.call("POST", f"/v1/gates/{gate_id}/{way}", **sent)
        self.expect(answer, decision, code, who)
        self.row("enter" if way == "entries" else "leave", who, decision, why or code, answer["similarity"])
        return answer

    def at_kiosk(
        self,
        who: str,
        basket: Mapping[str, int | str],
        decision: str,
        code: str,
        *,
        frame: bytes | None = None,
        depth: bytes | None = None,
        key: str | None = None,
        step: str = "buy",
        kiosk: str = "kiosk",
    ) -> Any:
        kiosk_id, headers = self.devices[kiosk]
        files = {"frame": ("frame.jpg", frame or at_kiosk(self.faces[who]), "image/jpeg")}
        answer = self.call(
            "POST",
            f"/v1/kiosks/{kiosk_id}/checkouts",
            headers={**headers, "Idempotency-Key": key or str(uuid4())},
            files=files | ({"depth": ("depth.png", depth, "image/png")} if depth else {}),
            data={"basket": json.dumps({"lines": lines_of(basket)})},
        )
        self.expect(answer, decision, code, who)
        what = code if answer["total"] is None else f"{code}, {yuan(answer['total'])}"
        self.row(step, who, decision, what, answer["similarity"])
        return answer

    def list_alerts(self, *kinds: str) -> None:
        """What the store's staff find at the end, the newest first. Raises SceneWentWrong where it is anything else."""
        alerts = self.as_staff("GET", f"/v1/stores/{self.store_id}/alerts")["items"]
        found = [alert["kind"] for alert in alerts]
        self.check(sorted(found) == sorted(kinds), f"alerts: {found} instead of {list(kinds)}")
        names = {device_id: f"the {name}" for name, (device_id, _) in self.devices.items()}
        for alert in alerts:
            self.row("alert", names.get(alert["device_id"], "the store"), alert["severity"], alert["kind"])

    def pass_of(self, who: str) -> dict[str, str]:
        """What a scanner reads from their phone."""
        return {"pass": self.as_staff("POST", f"/v1/members/{self.ids[who]}/passes")["pass"]}

    def heading(self, hour: int, minute: int, what: str) -> None:
        """What the rows from here on are about, and how late it is."""
        self.table.add_section()
        self.table.add_row(f"[bold]{hour:02}:{minute:02}[/]", "", "", f"[bold]{what}[/]")

    def row(self, step: str, who: str, decision: str, why: str, similarity: float | None = None) -> None:
        """With the milliseconds that the last call took."""
        if self.silent:
            return
        colour = "green" if decision in GOOD else "red" if decision in BAD else "cyan"
        self.table.add_row(
            step,
            who,
            f"[{colour}]{decision}[/]",
            why,
            "" if similarity is None else f"{similarity:.3f}",
            f"{self.took_ms:.0f}",
            self.standing(who) if who in self.ids else "",
        )

    def standing(self, who: str) -> str:
        """What the last column shows of a member."""
        return yuan(self.look(f"/v1/members/{self.ids[who]}/wallet")["available"])

    def expect(self, answer: dict[str, Any], decision: str, code: str, who: str) -> None:
        found = answer["decision"], answer["code"]
        self.check(found == (decision, code), f"{who}: {found} instead of {(decision, code)}")

    def check(self, is_so: bool, otherwise: str) -> None:
        """Raises SceneWentWrong where it isn't."""
        if not is_so:
            raise SceneWentWrong(otherwise)

    def as_staff(self, method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any) -> Any:
        return self.call(method, path, headers={**self.staff, **(headers or {})}, **body)

    def look(self, path: str, **query: Any) -> Any:
        """As staff, without that the next row shows how long it took."""
        return self._send("GET", path, headers=self.staff, params=query)

    def call(self, method: str, path: str, **request: Any) -> Any:
        self.called_at = perf_counter()
        answer = self._send(method, path, **request)
        self.took_ms = (perf_counter() - self.called_at) * 1000
        return answer

    def refuse(self, method: str, path: str, code: str, **request: Any) -> Any:
        """What the problem says, where it is this one."""
        return self.call(method, path, refused=code, **request)

    def _send(self, method: str, path: str, *, refused: str | None = None, **request: Any) -> Any:
        response = self.client.request(method, path, **request)
        code = response.json()["code"] if response.is_error else None
        if code != refused:
            raise SceneWentWrong(f"{method} {path}: {response.status_code} {response.text}")
        return response.json() if response.content else None


def lines_of(basket: Mapping[str, int | str]) -> list[dict[str, Any]]:
    """Of so many pieces of each, or of what a scale's reading says."""
    return [
        {"sku": sku, "quantity": amount} if isinstance(amount, int) else {"sku": sku, "weighing": amount}
        for sku, amount in basket.items()
    ]


def yuan(fen: int) -> str:
    return f"¥{fen / 100:,.2f}"
