"""A counter: a 3D camera that no print deceives, goods by weight, and dishes with pick-up numbers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facepay.checkout.weighing import Scale
from facepay.demo.stage import Stage, yuan
from facepay.edge_device import sign_weighing
from facepay.vision.heads import HEAD, Surface, sheet

TOP_UPS = {"Lin": 20_000, "Bo": 5_000}
CRAB_PRICE = 1_980  # for 100 g
CRAB = {"sku": "CRAB", "name": "King crab", "price": CRAB_PRICE, "sold_by": "weight", "tare_grams": 20}
NOODLES = {"sku": "NOODLES", "name": "Beef noodles", "price": 2_800, "prepared": True}
SCALE = Scale(serial="A-1007", capacity_grams=15_000, interval_grams=5)


class Counter(Stage):
    title = "A counter"

    def play(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.lin = self.actor("Lin")
        self._open()
        self._show_pictures()
        self._weigh()
        self._order_dishes()

    def pages(self) -> Mapping[str, str]:
        store = f"#store={self.store_id}&token="
        tokens = {name: self.devices[name][1]["Authorization"].split()[1] for name in ("display", "kitchen")}
        return {"The board": f"/board{store}{tokens['display']}", "The kitchen": f"/kitchen{store}{tokens['kitchen']}"}

    def _open(self) -> None:
        self.open_store("kiosk", "kitchen", "display")
        for product in (CRAB, NOODLES):
            self.stock_up(product, quantity=5_000)
        with self.summed_up("enrol", "two", "enrolled", "consent, face, money"):
            self.enrol(TOP_UPS)
        kiosk = {
            "presentation_checks": ["depth"],
            "camera": asdict(self.lin.camera),
            "public_key": b64encode(self.key.public_key().public_bytes_raw()).decode(),
        }
        self.as_staff("PATCH", f"/v1/devices/{self.devices['kiosk'][0]}", json=kiosk)
        self.row("require", "the kiosk", "depth", "3D camera, a scale")

    def _show_pictures(self) -> None:
        tea = {"TEA-001": 1}
        self._pay("a frame", tea, "declined", "depth_required", seen=None)
        self._pay("a print", tea, "declined", "depth_flat", seen=sheet())
        self._pay("bent one", tea, "declined", "depth_bent", seen=sheet(radius=1.2))
        self._pay("Lin", tea, "paid", "paid", step="buy tea")

    def _weigh(self) -> None:
        """A weighing is sold once, by the price that the customer was shown."""
        weighing = self._weighing(gross_grams=845)
        paid = self._pay("Lin", {"CRAB": weighing}, "paid", "paid", step="buy crab")
        (line,) = paid["order"]["lines"]
        self.check((line["quantity"], line["total"]) == (825, 16_335), f"the crab: {line}")
        self.row("receipt", "Lin", f"{line['quantity']} g", f"{yuan(line['unit_price'])}/100 g, {yuan(line['total'])}")
        self._pay("Lin", {"CRAB": weighing}, "declined", "weighing_reused", step="sent again")
        moving = self._weighing(gross_grams=600, stable=False)
        self._pay("Lin", {"CRAB": moving}, "declined", "weighing_unstable", step="buy crab")

    def _order_dishes(self) -> None:
        number = self._pay("Lin", {"NOODLES": 1}, "paid", "paid", step="buy a dish")["order"]["pickup_number"]
        self.row("ticket", "Lin", number, "pick-up number")
        _, cook = self.devices["kitchen"]
        tickets = f"/v1/stores/{self.store_id}/kitchen/tickets"
        (ticket,) = self.call("GET", tickets, headers=cook)["items"]
        for step, state in (("start", "preparing"), ("ready", "ready"), ("collect", "collected")):
            moved = self.call("POST", f"{tickets}/{ticket['id']}/{step}", headers=cook)
            self.check(moved["state"] == state, f"ticket {moved['state']} instead of {state}")
            self.row(step, "the cook", moved["state"], self._board())
        with self.summed_up("order", "Lin", "paid", "stays on the board"):
            self.top_up("Lin", 5_000)
            self._pay("Lin", {"NOODLES": 1}, "paid", "paid")

    def _pay(
        self,
        who: str,
        basket: Mapping[str, int | str],
        decision: str,
        code: str,
        *,
        seen: Surface | None = HEAD,
        step: str = "buy",
    ) -> Any:
        """With what the 3D camera sees where Lin's face is."""
        depth = self.lin.depth(seen) if seen else None
        return self.at_kiosk(who, basket, decision, code, frame=self.lin.frame(), depth=depth, step=step)

    def _weighing(self, *, gross_grams: int, stable: bool = True) -> str:
        return sign_weighing(
            sku="CRAB",
            unit_price=CRAB_PRICE,
            gross_grams=gross_grams,
            tare_grams=20,
            scale=SCALE,
            device_id=UUID(self.devices["kiosk"][0]),
            key=self.key,
            weighed_at=self.now(),
            nonce=uuid4().hex,
            stable=stable,
        )

    def _board(self) -> str:
        board = self.call("GET", f"/v1/stores/{self.store_id}/board", headers=self.devices["display"][1])
        return f"board: {', '.join(board['preparing']) or '-'} | {', '.join(board['ready']) or '-'}"
