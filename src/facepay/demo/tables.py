"""A dining room: tables with cameras, a menu, a kitchen, and how a table's screen talks to the server.

`demo.restaurant` tells what happens there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from facepay.demo.stage import STORE, TAX_BASIS_POINTS, Stage, at_kiosk, yuan
from facepay.vision.samples import camera_frame

GUEST = "a guest"
SEATS = 4
SOUP, NOODLES, SATAY, DUCK, BEER = "SOUP", "NOODLES", "SATAY", "DUCK", "BEER"
SAUCES = {
    "name": "Sauce",
    "least": 1,
    "most": 1,
    "choices": [{"name": "plain"}, {"name": "peanut", "price": 200, "allergens": ["peanuts"]}],
}
# A dish as it is in the catalogue, and as it is on the menu.
MENU: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    SOUP: ({"name": "Soup", "price": 800, "allergens": ["celery"]}, {"section": "Starters"}),
    NOODLES: (
        {"name": "Noodles", "price": 2_800, "allergens": ["gluten"]},
        {"section": "Mains", "courses": [1, 2], "options": [SAUCES]},
    ),
    SATAY: ({"name": "Satay", "price": 3_200, "allergens": ["peanuts"]}, {"section": "Mains"}),
    DUCK: ({"name": "Roast duck", "price": 16_800, "allergens": []}, {"section": "Mains", "courses": [2]}),
    BEER: ({"name": "Beer", "price": 1_500, "allergens": ["gluten"], "age_min": 18}, {"section": "Drinks"}),
}
SERVICE = {"sku": "SERVICE", "name": "Service", "price": 0}
POLICY = {
    "service_basis_points": 1_000,
    "service_sku": "SERVICE",
    "margin_basis_points": 2_000,
    "unattended_minutes": 10,
}


class Tables(Stage):
    """Devices and tables are known by the table's name."""

    def open_room(self, *tables: str) -> None:
        self.store_id = self.as_staff("POST", "/v1/stores", json=STORE)["id"]
        self.of_store = f"/v1/stores/{self.store_id}"
        self.add_device("kitchen")
        self.tables: dict[str, str] = {}
        self.parties: dict[str, str] = {}
        self.seats: dict[tuple[str, int], str] = {}
        for name in tables:
            self.add_device("table", name)
            body = {"name": name, "device_id": self.devices[name][0], "seats": SEATS}
            self.tables[name] = self.as_staff("POST", f"{self.of_store}/tables", json=body)["id"]
        sold = {"tax_rate_basis_points": TAX_BASIS_POINTS, "currency": "CNY"}
        self.as_staff("POST", "/v1/products", json=SERVICE | sold)
        for sku, (product, dish) in MENU.items():
            self.as_staff("POST", "/v1/products", json={"sku": sku, "prepared": True} | product | sold)
            self.as_staff("PUT", f"{self.of_store}/menu/{sku}", json=dish)
        self.as_staff("PUT", f"{self.of_store}/dining-policy", json=POLICY)

    def seat(self, table: str, *who: str) -> None:
        """The table's camera takes one picture of all of them, from the first seat on."""
        empty = camera_frame([], width=320, height=320)
        portraits = [self.faces[each] for each in who] + [empty] * (SEATS - len(who))
        frame = camera_frame(portraits, width=480 * SEATS, height=640)
        sat = self.at_table(table, "POST", "/parties", files={"frame": ("frame.jpg", frame, "image/jpeg")})
        self.parties[table] = sat["party"]["id"]
        found = {each["seat"]: each for each in sat["seated"]}
        self.check(sorted(found) == list(range(1, len(who) + 1)), f"{table}: seats {sorted(found)} are taken")
        for seat, name in enumerate(who, start=1):
            answer, is_member = found[seat], name in self.ids
            self.expect(answer, *(("member", "welcome") if is_member else ("guest", "unknown_face")), name)
            shown = answer["member"]["display_name"] if is_member else name
            self.check(shown == name, f"{table}: {shown} sits where {name} does")
            self.row("sit down", name, answer["decision"], f"{table}, seat {seat}", answer["similarity"])

    def menu(self, table: str, seat: int) -> dict[str, Any]:
        """Dishes by their skus, as whoever sits there is shown them."""
        dishes = self.at_table(table, "GET", "/menu", params={"seat": seat})["dishes"]
        return {each["sku"]: each for each in dishes}

    def order(self, table: str, seat: int | None, *items: dict[str, Any], refused: str | None = None) -> Any:
        """All of it for one seat, or for the table."""
        wanted = {"seat": seat, "items": list(items)}
        return self.at_table(table, "POST", "/orders", refused=refused, json=wanted)

    def pay(self, table: str, who: str, note: str, **bill: Any) -> Any:
        """With their face."""
        frame = at_kiosk(self.faces[who])
        answer = self.at_table(
            table,
            "POST",
            "/payments",
            files={"frame": ("frame.jpg", frame, "image/jpeg")},
            data={"bill": json.dumps(bill)},
        )
        self.expect(answer, "paid", "paid", who)
        self.row("pay", who, "paid", f"{yuan(answer['total'])}, {note}", answer["similarity"])
        return answer

    def at_table(self, table: str, method: str, what: str, *, refused: str | None = None, **request: Any) -> Any:
        device_id, headers = self.devices[table]
        headers = headers | {"Idempotency-Key": str(uuid4())}
        path = f"/v1/tables/{device_id}{what}"
        return self.call(method, path, refused=refused, headers=headers, **request)

    def tickets(self) -> Any:
        """What the kitchen's screen shows."""
        return self.call("GET", f"{self.of_store}/kitchen/tickets", headers=self.devices["kitchen"][1])["items"]

    def press(self, ticket: Mapping[str, Any], *steps: str) -> None:
        for step in steps:
            path = f"{self.of_store}/kitchen/tickets/{ticket['id']}/{step}"
            self.call("POST", path, headers=self.devices["kitchen"][1])
