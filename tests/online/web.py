"""A shop on the web, and whoever is sent to pay there, in front of their own camera."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

import cv2
import httpx
import numpy as np
from sqlalchemy import text

from facepay.kernel.database import Database
from facepay.online.audit import CHECKS
from facepay.vision.engine import Engine
from facepay.vision.frames import FrameLimits, decode_frame
from facepay.vision.liveness.challenge import Action
from facepay.wallet.verify import verify
from tests.presentation.test_presentation import Visitor, jpeg
from tests.shop import Shop

PIN = "739150"
RETURN_URL = "https://shop.example.com/orders/1042?lang=zh"


class Person(Visitor):
    """Each time they do something, it's another moment, and every other time they hold their head otherwise."""

    def __init__(self, engine: Engine, photo: bytes | None = None) -> None:
        super().__init__(engine, photo)
        self._moments: dict[tuple[Action | None, int], bytes] = {}

    def frame(self, action: Action | None, moment: int) -> bytes:
        if (action, moment) not in self._moments:
            image = decode_frame(self.doing(action) if action else self.still(), limits=FrameLimits())
            grain = np.random.default_rng(moment).normal(0, 2, image.shape)
            seen = np.clip(image + grain, 0, 255).astype(np.uint8)
            self._moments[action, moment] = jpeg(
                cv2.resize(seen, None, fx=1, fy=1 + moment % 2 * 0.06).astype(np.uint8)
            )
        return self._moments[action, moment]

    def burst(self, *actions: Action, moment: int) -> list[bytes]:
        return [self.frame(action, moment) for action in (None, *actions)]


@dataclass
class WebShop:
    shop: Shop
    id: str
    headers: dict[str, str]
    member_id: str = ""
    moments: count[int] = field(default_factory=count)

    @classmethod
    async def open(cls, shop: Shop) -> WebShop:
        return cls(shop, *await shop.add_device("webshop"))

    async def with_payer(
        self, person: Person, *, balance: int = 50_000, pin: str | None = None, number: int = 0
    ) -> str:
        self.member_id = await self.shop.add_member(number, balance=balance, pin=pin, enrol=False)
        await self.enrol(self.member_id, person)
        return self.member_id

    async def enrol(self, member_id: str, person: Person) -> None:
        files = [("frames", ("face.jpg", person.still(noise=99), "image/jpeg"))]
        await self.shop.do("PUT", f"/v1/members/{member_id}/face", files=files)

    async def create(self, *, key: str | None = None, **changes: Any) -> httpx.Response:
        body = {
            "amount": 12_900,
            "currency": "CNY",
            "member_id": self.member_id,
            "description": "Order 1042",
            "return_url": RETURN_URL,
        }
        headers = self.headers | {"Idempotency-Key": key or uuid4().hex}
        return await self.shop.client.post("/v1/payment-intents", json=body | changes, headers=headers)

    async def ask(self, **changes: Any) -> Page:
        """A confirmed intent, and the page that its payer was sent to."""
        response = await self.create(**({"confirm": True} | changes))
        assert response.status_code == 201, response.text
        return Page(self, response.json())

    async def do(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = self.headers | {"Idempotency-Key": uuid4().hex} | request.pop("headers", {})
        return await self.shop.client.request(method, f"/v1/payment-intents{path}", headers=headers, **request)

    async def see(self, intent_id: str) -> dict[str, Any]:
        return dict((await self.do("GET", f"/{intent_id}")).json())


@dataclass
class Page:
    """What the payer's browser does, with nothing but the secret."""

    web: WebShop
    intent: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.intent["id"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.intent['client_secret']}"}

    async def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        return await self.web.shop.client.request(method, f"/v1/payer/{path}", headers=self.headers, **request)

    async def see(self) -> dict[str, Any]:
        return dict((await self.call("GET", "intent")).json())

    async def challenge(self) -> tuple[str, list[Action]]:
        response = await self.call("POST", "challenges")
        assert response.status_code == 201, response.text
        return response.json()["id"], [Action(step["action"]) for step in response.json()["steps"]]

    async def send(self, frames: list[bytes], challenge_id: str) -> httpx.Response:
        files = [("frame", ("frame.jpg", frame, "image/jpeg")) for frame in frames]
        return await self.call("POST", "confirmations", files=files, data={"challenge_id": challenge_id})

    async def smile(self, person: Person) -> httpx.Response:
        """Do what is asked, at another moment than ever before."""
        challenge_id, steps = await self.challenge()
        return await self.send(person.burst(*steps, moment=next(self.web.moments)), challenge_id)

    async def type(self, pin: str) -> httpx.Response:
        return await self.call("POST", "confirmations/pin", json={"pin": pin})


def came_to(response: httpx.Response) -> tuple[str, str | None]:
    """Status and error code of the intent that was answered."""
    assert response.status_code == 200, response.text
    error = response.json()["last_payment_error"]
    return response.json()["status"], error and error["code"]


async def told(database: Database, page: Page) -> list[str]:
    """The events of a payment, in their order."""
    query = text("select type from webhook_event where subject_id = cast(:id as uuid) order by number")
    async with database.read() as session:
        types = await session.scalars(query, {"id": page.id})
        return [each.removeprefix("payment_intent.") for each in types]


async def assert_books_verify(database: Database) -> None:
    report = await verify(database, extra_checks=CHECKS)
    assert report.ok, report
