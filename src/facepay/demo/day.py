"""The store's devices and staff, as clients of the API, and what they do in a day."""

from __future__ import annotations

import json
from functools import partial
from time import perf_counter
from typing import Any, Self
from uuid import uuid4

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table

from facepay.vision import samples

OWNER = "owner"
# Name, top-up in fen. Yan can't afford what she wants.
PEOPLE = (("Lin", 20_000), ("Mei", 20_000), ("Bo", 10_000), ("Yan", 500), ("Hao", 10_000), ("Ping", 10_000))
# Wants no face recognition, and has the shop's app instead.
APP_USER, APP_USER_TOP_UP = "Wei", 10_000
PRODUCTS = (
    {"sku": "TEA-001", "gtin": "6901234567892", "name": "Jasmine tea, 500 ml", "price": 450},
    {"sku": "BAO-002", "gtin": "6920152400777", "name": "Red bean bao, 3 pieces", "price": 1290},
    {"sku": "UMB-003", "gtin": "6954767412573", "name": "Folding umbrella", "price": 5900},
)
TAX_BASIS_POINTS = 1300
# How the later frames differ from the enrolled photo: what a camera at a gate makes of a face.
at_gate = partial(samples.variant, quality=60, scale=0.8, brightness=0.75)
at_kiosk = partial(samples.variant, quality=75, scale=1.2, brightness=1.15)


class DayWentWrong(Exception):
    """The store did not do what it should have done."""


class Day:
    """The store's devices and staff, as clients of the API; each step adds a row to the table."""

    def __init__(self, client: httpx.Client, console: Console, password: str) -> None:
        self.client = client
        self.staff = {"Authorization": f"Bearer {self._token(password)}"}
        self.faces = dict(zip((name for name, _ in PEOPLE), samples.people(), strict=True))
        self.ids: dict[str, str] = {}
        self.devices: dict[str, tuple[str, dict[str, str]]] = {}
        self.table = Table(
            "step", "who", "decision", Column("why", overflow="fold"), pad_edge=False, header_style="bold", box=None
        )
        for right in ("similarity", "ms", "balance"):
            self.table.add_column(right, justify="right", no_wrap=True)
        self.live = Live(self.table, console=console, vertical_overflow="visible")

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def open_store(self) -> None:
        store = self._staff("POST", "/v1/stores", json={"name": "Xixi Road", "code": "XIXI"})
        for role in ("gate", "kiosk"):
            path = f"/v1/stores/{store['id']}/devices"
            device = self._staff("POST", path, json={"role": role, "name": f"{role} 1"})
            self.devices[role] = device["id"], {"Authorization": f"Bearer {device['token']}"}
        for product in PRODUCTS:
            body = {**product, "tax_rate_basis_points": TAX_BASIS_POINTS, "currency": "CNY"}
            self._staff("POST", "/v1/products", json=body)
            self._staff("PUT", f"/v1/stores/{store['id']}/stock/{product['sku']}", json={"quantity": 20})

    def enrol_members(self) -> None:
        for number, (name, amount) in enumerate(PEOPLE):
            consent = {"policy_version": "2026-01", "accepted": True}
            body = {"display_name": name, "phone": f"+861380013800{number}", "consent": consent}
            member = self._staff("POST", "/v1/members", json=body)
            self.ids[name] = member["id"]
            start = perf_counter()
            frames = [("frames", ("face.jpg", self.faces[name], "image/jpeg"))]
            self._staff("PUT", f"/v1/members/{member['id']}/face", files=frames)
            self._row("enrol", name, "enrolled", "consent given", None, start)
            self._top_up(name, amount)
        start = perf_counter()
        self.ids[APP_USER] = self._staff("POST", "/v1/members", json={"display_name": APP_USER})["id"]
        self._row("register", APP_USER, "added", "no face, no consent", None, start)
        self._top_up(APP_USER, APP_USER_TOP_UP)

    def come_in(self) -> None:
        for name, _ in PEOPLE:
            self._gate("entries", name, "open", "welcome")
        self._gate("entries", "Lin", "deny", "already_inside")
        self._gate("entries", "a stranger", "deny", "unknown_face", samples.stranger())
        self._enter_by_qr(APP_USER)

    def buy(self) -> None:
        self._kiosk("Lin", {"TEA-001": 2, "BAO-002": 1}, "paid", "paid")
        key = str(uuid4())
        self._kiosk("Mei", {"UMB-003": 1}, "paid", "paid", key=key)
        self._kiosk("Mei", {"UMB-003": 1}, "paid", "paid", key=key, step="sent again")
        self._kiosk("Yan", {"UMB-003": 1}, "declined", "insufficient_funds")
        self._pay_by_qr(APP_USER, {"TEA-001": 1})
        self._kiosk("a stranger", {"TEA-001": 1}, "declined", "unknown_face", frame=samples.stranger())

    def go_home(self) -> None:
        self._gate("exits", "Lin", "open", "goodbye")
        self._gate("exits", "Yan", "open", "basket_unpaid")
        self._staff("PATCH", f"/v1/devices/{self.devices['gate'][0]}", json={"presentation_checks": ["replay"]})
        self._gate("exits", "Bo", "open", "goodbye")
        self._gate("entries", "a picture", "deny", "frame_seen_before", at_gate(self.faces["Bo"]))
        start = perf_counter()
        self._staff("DELETE", f"/v1/members/{self.ids['Ping']}/face")
        self._row("consent", "Ping", "withdrawn", "templates removed", None, start)
        self._gate("exits", "Ping", "deny", "unknown_face")

    def _gate(self, way: str, who: str, decision: str, code: str, frame: bytes | None = None) -> None:
        gate_id, headers = self.devices["gate"]
        body = frame or at_gate(self.faces[who])
        start = perf_counter()
        answer = self._call(
            "POST", f"/v1/gates/{gate_id}/{way}", headers={**headers, "Content-Type": "image/jpeg"}, content=body
        )
        self._expect(answer, decision, code, who)
        self._row("enter" if way == "entries" else "leave", who, decision, code, answer["similarity"], start)

    def _kiosk(
        self,
        who: str,
        basket: dict[str, int],
        decision: str,
        code: str,
        *,
        frame: bytes | None = None,
        key: str | None = None,
        step: str = "buy",
    ) -> None:
        kiosk_id, headers = self.devices["kiosk"]
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]
        start = perf_counter()
        answer = self._call(
            "POST",
            f"/v1/kiosks/{kiosk_id}/checkouts",
            headers={**headers, "Idempotency-Key": key or str(uuid4())},
            files={"frame": ("frame.jpg", frame or at_kiosk(self.faces[who]), "image/jpeg")},
            data={"basket": json.dumps({"lines": lines})},
        )
        self._expect(answer, decision, code, who)
        what = f"{code}, {yuan(answer['total'])}"
        self._row(step, who, decision, what, answer["similarity"], start)

    def _enter_by_qr(self, who: str) -> None:
        gate_id, headers = self.devices["gate"]
        start = perf_counter()
        answer = self._call("POST", f"/v1/gates/{gate_id}/entries/pass", headers=headers, json=self._pass_of(who))
        self._expect(answer, "open", "welcome", who)
        self._row("enter, QR", who, "open", "welcome", None, start)

    def _pay_by_qr(self, who: str, basket: dict[str, int]) -> None:
        kiosk_id, headers = self.devices["kiosk"]
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]
        start = perf_counter()
        answer = self._call(
            "POST",
            f"/v1/kiosks/{kiosk_id}/checkouts/pass",
            headers={**headers, "Idempotency-Key": str(uuid4())},
            json=self._pass_of(who) | {"basket": {"lines": lines}},
        )
        self._expect(answer, "paid", "paid", who)
        self._row("buy, QR", who, "paid", f"paid, {yuan(answer['total'])}", None, start)

    def _pass_of(self, who: str) -> dict[str, str]:
        """What the gate's scanner reads from their phone."""
        return {"pass": self._staff("POST", f"/v1/members/{self.ids[who]}/passes")["pass"]}

    def _top_up(self, who: str, amount: int) -> None:
        start = perf_counter()
        self._staff(
            "POST",
            f"/v1/members/{self.ids[who]}/wallet/top-ups",
            json={"amount": amount, "currency": "CNY"},
            headers={"Idempotency-Key": str(uuid4())},
        )
        self._row("top up", who, "paid in", yuan(amount), None, start)

    def _row(self, step: str, who: str, decision: str, why: str, similarity: float | None, start: float) -> None:
        milliseconds = (perf_counter() - start) * 1000
        colour = {"open": "green", "paid": "green", "deny": "red", "declined": "red"}.get(decision, "cyan")
        self.table.add_row(
            step,
            who,
            f"[{colour}]{decision}[/]",
            why,
            "" if similarity is None else f"{similarity:.3f}",
            f"{milliseconds:.0f}",
            yuan(self._balance(who)) if who in self.ids else "",
        )

    def _balance(self, who: str) -> int:
        return int(self._staff("GET", f"/v1/members/{self.ids[who]}/wallet")["available"])

    def _expect(self, answer: dict[str, Any], decision: str, code: str, who: str) -> None:
        if (answer["decision"], answer["code"]) != (decision, code):
            raise DayWentWrong(f"{who}: {answer['decision']} ({answer['code']}) instead of {decision} ({code})")

    def _staff(self, method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any) -> Any:
        return self._call(method, path, headers={**self.staff, **(headers or {})}, **body)

    def _token(self, password: str) -> str:
        form = {"username": OWNER, "password": password}
        return str(self._call("POST", "/v1/auth/token", data=form)["access_token"])

    def _call(self, method: str, path: str, **request: Any) -> Any:
        response = self.client.request(method, path, **request)
        if response.is_error:
            raise DayWentWrong(f"{method} {path}: {response.status_code} {response.text}")
        return response.json() if response.content else None


def yuan(fen: int) -> str:
    return f"¥{fen / 100:,.2f}"
