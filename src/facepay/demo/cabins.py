"""Fitting rooms: mirrors in their cabins, garments on the rails, and how a mirror's screen talks to the server.

`demo.fitting` tells what happens there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any
from uuid import uuid4

import cv2
import numpy as np

from facepay.demo.devices import Follower
from facepay.demo.stage import STORE, TAX_BASIS_POINTS, Stage
from facepay.vision import samples

OTHER_STORE = {"name": "Hubin", "code": "HUBIN", "timezone": STORE["timezone"]}
SHIRT_M, SHIRT_L, LOAFERS, JEANS = "SHIRT-NAVY-M", "SHIRT-NAVY-L", "LOAFER-42", "JEANS-M"
# How many of each are here, what it is, worn, and what it is worn for.
RAILS = (
    (1, SHIRT_M, "Navy shirt", 19_900, "#1f2d4f", "SHIRT,top,M", "work; leisure"),
    (0, SHIRT_L, "Navy shirt", 19_900, "#1f2d4f", "SHIRT,top,L", "work; leisure"),
    (2, "SHIRT-WHITE-M", "White shirt", 19_900, "#f4f2ec", "SHIRT,top,M", "work"),
    (2, "KNIT-RUST-M", "Rust knit", 34_900, "#a4532c", "KNIT,top,M", "work; leisure"),
    (3, "CHINO-SAND-M", "Sand chinos", 29_900, "#cbb894", "CHINO,bottom,M", "work"),
    (3, JEANS, "Blue jeans", 39_900, "#35507f", "JEANS,bottom,M", "leisure"),
    (2, LOAFERS, "Brown loafers", 59_900, "#5b3a29", "LOAFER,shoes,42", "work"),
)
ELSEWHERE = {SHIRT_L: 3}
at_mirror = partial(samples.variant, quality=80, scale=1.1)


class Cabins(Stage):
    """Mirrors are known by their cabin's name, and so is the session of whoever stands before one."""

    def open_cabins(self, *cabins: str) -> None:
        self.store_id = self.as_staff("POST", "/v1/stores", json=STORE)["id"]
        self.requests = f"/v1/stores/{self.store_id}/fitting-requests"
        self.sessions: dict[str, str] = {}
        for name in cabins:
            self.add_device("mirror", name)
        products = ["sku,name,price,tax_rate_basis_points,colour,store_code,stock"]
        garments = ["sku,style,kind,size,occasions"]
        for pieces, sku, name, price, colour, worn, occasions in RAILS:
            products.append(f"{sku},{name},{price},{TAX_BASIS_POINTS},{colour},{STORE['code']},{pieces}")
            garments.append(f"{sku},{worn},{occasions}")
        for path, lines in (("products", products), ("garments", garments)):
            sheet = "\n".join(lines).encode()
            self.as_staff("POST", f"/v1/{path}/import", headers={"Content-Type": "text/csv"}, content=sheet)
        other = self.as_staff("POST", "/v1/stores", json=OTHER_STORE)["id"]
        for sku, pieces in ELSEWHERE.items():
            self.as_staff("PUT", f"/v1/stores/{other}/stock/{sku}", json={"quantity": pieces})

    def stand(self, who: str, cabin: str, decision: str, code: str) -> Any:
        """Before the mirror, with the colours of skin, hair and clothes: what its session knows."""
        files = {"frame": ("frame.jpg", at_mirror(self.faces[who]), "image/jpeg")}
        answer = self.call("POST", f"{self._mirror(cabin)}/sessions", headers=self._as(cabin), files=files)
        self.expect(answer, decision, code, who)
        self.check(answer["colours"] == "read", f"{who}'s colours: {answer['colours']}")
        self.row("stand", who, decision, f"{cabin}, {code}", answer["similarity"])
        self.sessions[cabin] = answer["session_id"]
        return self.at_mirror(cabin, "GET", "")

    def at_mirror(self, cabin: str, method: str, what: str, *, refused: str | None = None, **request: Any) -> Any:
        """In the session that it is about."""
        path = f"{self._mirror(cabin)}/sessions/{self.sessions[cabin]}{what}"
        return self.call(method, path, refused=refused, headers=self._as(cabin), **request)

    def picture(self, cabin: str, what: str) -> tuple[int, int]:
        """Its width and height in pixels, as the mirror's screen gets it."""
        begun_at = perf_counter()
        path = f"{self._mirror(cabin)}/sessions/{self.sessions[cabin]}/{what}.png"
        png = self.client.get(path, headers=self._as(cabin)).raise_for_status().content
        self.took_ms = (perf_counter() - begun_at) * 1000
        shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        self.check(shown is not None, f"{what} is no picture")
        assert shown is not None
        height, width, _ = shown.shape
        return width, height

    def ask(self, cabin: str, refused: str | None = None, **wanted: str) -> Any:
        """For a piece, to be brought."""
        return self.at_mirror(cabin, "POST", "/requests", refused=refused, json=wanted)

    @contextmanager
    def staff_listening(self) -> Iterator[Follower]:
        """What the page `/fitting` listens to, with what is asked for already heard."""
        follower = Follower(self, f"{self.requests}/events", self.staff)
        with follower.listening():
            follower.hear()
            yield follower

    @contextmanager
    def mirror_listening(self, cabin: str) -> Iterator[Follower]:
        follower = Follower(self, f"{self._mirror(cabin)}/session/events", self.devices[cabin][1])
        with follower.listening():
            follower.hear()
            yield follower

    def _mirror(self, cabin: str) -> str:
        return f"/v1/mirrors/{self.devices[cabin][0]}"

    def _as(self, cabin: str) -> dict[str, str]:
        return self.devices[cabin][1] | {"Idempotency-Key": str(uuid4())}
