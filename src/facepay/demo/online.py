"""A shop on the web: its member is sent to a page, turns, smiles and has paid, and the shop hears of it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import loads
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from facepay.demo.actors import Actor
from facepay.demo.stage import SceneWentWrong, Stage, yuan
from facepay.kernel.webhooks import verify
from facepay.vision import samples
from facepay.vision.heads import HEAD, Surface, View, sheet
from facepay.vision.liveness.challenge import Action

TOP_UPS = {"Lin": 30_000}
PIN = "739150"
ORDER = 12_900
REFUNDED = 2_900
POSES = {Action.TURN_LEFT: View(yaw=28), Action.TURN_RIGHT: View(yaw=-28)}
HEARD_WITHIN_SECONDS = 10.0
# Longer than a payment waits for its payer, unless the shop says otherwise.
TOO_LATE = timedelta(minutes=6)


class Online(Stage):
    title = "A shop on the web"

    def play(self) -> None:
        self.faces["a stranger"] = samples.stranger()
        self.heard: SimpleQueue[tuple[Mapping[str, str], bytes]] = SimpleQueue()
        with _receiver(self.heard) as url:
            self._open(url)
            paid = self._pay_by_smile()
            self._be_refused_and_type_a_pin()
            self._come_back(paid)
            self._refund(paid)
            self._come_too_late()
        self.left_open = self._ask("Order 1046", expires_in=24 * 3600)

    def pages(self) -> Mapping[str, str]:
        return {f"Pay as Lin (PIN {PIN})": f"/pay#{self.left_open['client_secret']}"}

    def _open(self, url: str) -> None:
        self.open_store("webshop")
        with self.summed_up("enrol", "Lin", "enrolled", "face, money, PIN"):
            self.enrol(TOP_UPS)
            self.as_staff("PUT", f"/v1/members/{self.ids['Lin']}/pin", json={"pin": PIN})
        told = ["payment_intent.succeeded", "payment_intent.canceled", "refund.created"]
        body = {"url": url, "types": told, "device_id": self.devices["webshop"][0]}
        secret = self.as_staff("POST", "/v1/webhook-endpoints", json=body)["secret"]
        self.secret = base64.b64decode(secret.removeprefix("whsec_"))
        self.row("webhook", "the shop", "set up", "a secret")

    def _pay_by_smile(self) -> Any:
        intent = self._ask("Order 1042")
        self.row("ask", "the shop", intent["status"], yuan(ORDER))
        self._before_the_camera(intent, "Lin", "succeeded")
        self._hear("payment_intent.succeeded")
        return intent

    def _be_refused_and_type_a_pin(self) -> None:
        """Another's face, however live, and a print of the right one; both cost an attempt."""
        intent = self._ask("Order 1043")
        self._before_the_camera(intent, "a stranger", "requires_action", "face_not_verified")
        self._before_the_camera(
            intent, "Lin", "requires_action", "challenge_incomplete", surface=sheet(), step="a print"
        )
        answer = self._as_payer(intent, "POST", "confirmations/pin", json={"pin": PIN})
        self._came_to(answer, "succeeded", "PIN", "Lin")
        self._hear("payment_intent.succeeded")

    def _come_back(self, intent: Any) -> None:
        """The link of what is paid shows that, and pays no more."""
        found = self._as_payer(intent, "GET", "intent")
        self._came_to(found, "succeeded", "link again", "Lin")

    def _refund(self, intent: Any) -> None:
        path = f"/v1/payment-intents/{intent['id']}/refunds"
        self._as_shop("POST", path, json={"amount": REFUNDED, "reason": "Arrived late"})
        self.row("refund", "Lin", "given back", yuan(REFUNDED))
        self._hear("refund.created")

    def _come_too_late(self) -> None:
        intent = self._ask("Order 1044")
        assert self.pass_time
        self.pass_time(TOO_LATE)
        found = self._as_payer(intent, "GET", "intent")
        self._came_to(found, "canceled", "too late", "Lin", found["cancellation_reason"])
        self._hear("payment_intent.canceled")

    def _before_the_camera(
        self,
        intent: Any,
        who: str,
        status: str,
        code: str | None = None,
        *,
        surface: Surface = HEAD,
        step: str = "smile",
    ) -> None:
        """Do what the page asks."""
        challenge = self._as_payer(intent, "POST", "challenges")
        actor = self.actor(who)
        steps = [Action(each["action"]) for each in challenge["steps"]]
        frames = [_shown(actor, action, surface) for action in (None, *steps)]
        answer = self._as_payer(
            intent,
            "POST",
            "confirmations",
            files=[("frame", ("frame.jpg", frame, "image/jpeg")) for frame in frames],
            data={"challenge_id": challenge["id"]},
        )
        error = answer["last_payment_error"]
        self.check(code is None or error["code"] == code, f"{who}: {error} instead of {code}")
        self._came_to(answer, status, step, who, error["code"].removeprefix("challenge_") if error else "")

    def _came_to(self, answer: Any, status: str, step: str, who: str, why: str = "") -> None:
        self.check(answer["status"] == status, f"{step}: {answer['status']} instead of {status}")
        self.row(step, who, answer["status"], why or yuan(answer["amount"]))

    def _hear(self, kind: str) -> None:
        """The next webhook, whose signature says that it's ours."""
        try:
            headers, body = self.heard.get(timeout=HEARD_WITHIN_SECONDS)
        except Empty:
            raise SceneWentWrong(f"the shop did not hear of {kind}") from None
        verify(self.secret, headers=headers, body=body, now=self.now())
        told = loads(body)
        self.check(told["type"] == kind, f"the shop heard {told['type']} instead of {kind}")
        self.row("webhook", "the shop", "signed", kind.removeprefix("payment_"))

    def _ask(self, description: str, **more: Any) -> Any:
        body = {
            "amount": ORDER,
            "currency": "CNY",
            "member_id": self.ids["Lin"],
            "description": description,
            "return_url": "https://shop.example.com/orders",
            "confirm": True,
        }
        return self._as_shop("POST", "/v1/payment-intents", json=body | more)

    def _as_shop(self, method: str, path: str, **body: Any) -> Any:
        headers = {**self.devices["webshop"][1], "Idempotency-Key": uuid4().hex}
        return self.call(method, path, headers=headers, **body)

    def _as_payer(self, intent: Any, method: str, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {intent['client_secret']}"}
        return self.call(method, f"/v1/payer/{path}", headers=headers, **body)


def _shown(actor: Actor, action: Action | None, surface: Surface) -> bytes:
    view = POSES.get(action, View()) if action else View()
    return actor.frame(view, smile=1.0 if action is Action.SMILE and surface is HEAD else 0.0, surface=surface)


@contextmanager
def _receiver(heard: SimpleQueue[tuple[Mapping[str, str], bytes]]) -> Iterator[str]:
    """The shop's own server, which hears webhooks."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """A table is no place for a log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/webhooks"
        finally:
            server.shutdown()
