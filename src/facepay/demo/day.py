"""A day in the store: enrolment, gates, kiosks, one-time passes, refusals, a consent withdrawn."""

from __future__ import annotations

from uuid import uuid4

from facepay.demo.stage import Stage, at_gate, lines_of, yuan
from facepay.vision import samples

# Top-ups in fen. Yan can't afford what she wants.
TOP_UPS = {"Lin": 20_000, "Mei": 20_000, "Bo": 10_000, "Yan": 500, "Hao": 10_000, "Ping": 10_000}
APP_USER, APP_USER_TOP_UP = "Wei", 10_000


class Day(Stage):
    title = "A day in the store"

    def play(self) -> None:
        self.open_store("gate", "kiosk")
        self.enrol(TOP_UPS)
        self.register(APP_USER, APP_USER_TOP_UP)
        self._come_in()
        self._buy()
        self._go_home()

    def _come_in(self) -> None:
        for name in TOP_UPS:
            self.at_gate("entries", name, "open", "welcome")
        self.at_gate("entries", "Lin", "deny", "already_inside")
        self.at_gate("entries", "a stranger", "deny", "unknown_face", samples.stranger())
        self._enter_by_qr(APP_USER)

    def _buy(self) -> None:
        self.at_kiosk("Lin", {"TEA-001": 2, "BAO-002": 1}, "paid", "paid")
        key = str(uuid4())
        self.at_kiosk("Mei", {"UMB-003": 1}, "paid", "paid", key=key)
        self.at_kiosk("Mei", {"UMB-003": 1}, "paid", "paid", key=key, step="sent again")
        self.at_kiosk("Yan", {"UMB-003": 1}, "declined", "insufficient_funds")
        self._pay_by_qr(APP_USER, {"TEA-001": 1})
        self.at_kiosk("a stranger", {"TEA-001": 1}, "declined", "unknown_face", frame=samples.stranger())

    def _go_home(self) -> None:
        self.at_gate("exits", "Lin", "open", "goodbye")
        self.at_gate("exits", "Yan", "open", "basket_unpaid")
        self.as_staff("PATCH", f"/v1/devices/{self.devices['gate'][0]}", json={"presentation_checks": ["replay"]})
        self.at_gate("exits", "Bo", "open", "goodbye")
        self.at_gate("entries", "a picture", "deny", "frame_seen_before", at_gate(self.faces["Bo"]))
        self.as_staff("DELETE", f"/v1/members/{self.ids['Ping']}/face")
        self.row("consent", "Ping", "withdrawn", "templates removed")
        self.at_gate("exits", "Ping", "deny", "unknown_face")

    def _enter_by_qr(self, who: str) -> None:
        gate_id, headers = self.devices["gate"]
        answer = self.call("POST", f"/v1/gates/{gate_id}/entries/pass", headers=headers, json=self.pass_of(who))
        self.expect(answer, "open", "welcome", who)
        self.row("enter, QR", who, "open", "welcome")

    def _pay_by_qr(self, who: str, basket: dict[str, int]) -> None:
        kiosk_id, headers = self.devices["kiosk"]
        answer = self.call(
            "POST",
            f"/v1/kiosks/{kiosk_id}/checkouts/pass",
            headers={**headers, "Idempotency-Key": str(uuid4())},
            json=self.pass_of(who) | {"basket": {"lines": lines_of(basket)}},
        )
        self.expect(answer, "paid", "paid", who)
        self.row("buy, QR", who, "paid", f"paid, {yuan(answer['total'])}")
