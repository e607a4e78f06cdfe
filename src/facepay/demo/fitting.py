"""A fitting room: a mirror that advises outfits in somebody's colours, "bring me size M", and paid at the mirror."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from facepay.demo.cabins import JEANS, LOAFERS, OTHER_STORE, RAILS, SHIRT_L, SHIRT_M, Cabins
from facepay.demo.stage import yuan
from facepay.vision import samples

TOP_UPS = {"Lin": 200_000}
BUDGET = 115_000
SIZES = {"top": "M", "bottom": "M", "shoes": "42"}
HERS, NEXT_DOOR, GUEST, CLERK = "cabin 2", "cabin 1", "a guest", "Gu"
AGREED = {"policy_version": "2026-01", "accepted": True}
EARNING = {"category": None, "points_per_100": 1}
LEADS_TO = {"accept": "accepted", "bring": "bringing", "brought": "brought"}


class Fitting(Cabins):
    title = "A fitting room"

    def play(self) -> None:
        self.faces[GUEST] = samples.stranger()
        with self.summed_up("set up", "the shop", "open", f"2 mirrors, {len(RAILS)} garments"):
            self.open_cabins(NEXT_DOOR, HERS)
            self._hire()
            self.as_staff("PUT", "/v1/rewards/rules", json={"tiers": [], "earning": [EARNING]})
        with self.summed_up("enrol", "Lin", "enrolled", "may learn her taste, too"):
            self.enrol(TOP_UPS)
            self.as_staff("PUT", f"/v1/members/{self.ids['Lin']}/profiling-consent", json=AGREED)
        self._look()
        self._advise()
        self._ask()
        self._bring()
        self._pay()
        self._leave()
        self.list_alerts()

    def pages(self) -> Mapping[str, str]:
        """Somebody next door still waits for a pair of jeans."""
        token = self.clerk["Authorization"].split()[1]
        return {"What fitting rooms ask for": f"/fitting#store={self.store_id}&token={token}"}

    def _hire(self) -> None:
        account = {"username": CLERK.lower(), "password": secrets.token_urlsafe(12)}
        self.as_staff("POST", "/v1/staff", json=account | {"display_name": CLERK, "role": "operator"})
        self.clerk = {"Authorization": f"Bearer {self.call('POST', '/v1/auth/token', data=account)['access_token']}"}

    def _look(self) -> None:
        seen = self.stand("Lin", HERS, "member", "welcome")["appearance"]
        worn = " ".join(each["colour"]["hex"] for each in seen["clothes"])
        self.row("colours", "Lin", "read", f"skin {seen['skin']['hex']}, hair {seen['hair']['hex']}, wears {worn}")
        self.check(self.picture(HERS, "palette") == (1080, 1350), "her palette has another size")
        self.row("picture", "Lin", "shown", "what suits her")

    def _advise(self) -> None:
        """What she doesn't like doesn't come again."""
        self.at_mirror(HERS, "PUT", "/sizes", json={"sizes": SIZES})
        first = self._outfits()
        for outfit in first:
            self._show(outfit)
        self.row("why", "Lin", f"outfit {first[0]['number']}", first[0]["reasons"][0])
        self.check(self.picture(HERS, f"outfits/{first[0]['number']}") == (1080, 1350), "a picture of another size")
        self.row("picture", "Lin", "shown", f"outfit {first[0]['number']}")
        unloved = next(piece for each in first for piece in each["pieces"] if piece["kind"] == "top")
        self._say("disliked", sku=unloved["sku"], what=unloved["name"].lower())
        again = self._outfits()
        skus = {piece["sku"] for outfit in again for piece in outfit["pieces"]}
        self.check(bool(again) and unloved["sku"] not in skus, f"{unloved['sku']} among {skus}")
        self._show(again[0])

    def _outfits(self) -> Any:
        advised = self.at_mirror(HERS, "GET", "/outfits", params={"occasion": "work", "budget": BUDGET})["outfits"]
        stock = {sku: pieces for pieces, sku, *_ in RAILS}
        for outfit in advised:
            gone = [piece["sku"] for piece in outfit["pieces"] if not stock[piece["sku"]]]
            self.check(not gone and outfit["total"] <= BUDGET, f"advised {gone}, {outfit['total']}")
        return advised

    def _show(self, outfit: Mapping[str, Any]) -> None:
        pieces = ", ".join(piece["name"].lower() for piece in outfit["pieces"])
        self.row("advise", "Lin", f"outfit {outfit['number']}", f"{pieces}: {yuan(outfit['your_price'])}")

    def _say(self, verdict: str, *, what: str, **about: Any) -> None:
        said = self.at_mirror(HERS, "POST", "/feedback", json=about | {"verdict": verdict})
        self.check(said["learnt"], f"{verdict} wasn't learnt")
        self.row("feedback", "Lin", verdict, f"{what}, learnt")

    def _ask(self) -> None:
        """The only one in her size is promised to her, and to nobody else."""
        problem = self.ask(HERS, "not_here", sku=SHIRT_L)
        stores = [each["name"] for each in problem["stores"]]
        self.check((problem["sizes_here"], stores) == (["M"], [OTHER_STORE["name"]]), f"not here: {problem}")
        self.row("ask", "Lin", "denied", f"L: here is M, {stores[0]} has L")
        with self.staff_listening() as staff:
            asked = self.ask(HERS, style="SHIRT", size="M", colour="#1f2d4f")
            (heard,) = staff.hear()["requests"]
            self.check(heard["id"] == asked["id"], f"staff hear of {heard}")
            self.row("hear", CLERK, heard["state"], f"{heard['mirror']}: {heard['name']}, {heard['size']}")
        self.asked = asked["id"]
        self.stand(GUEST, NEXT_DOOR, "guest", "unknown_face")
        self.ask(NEXT_DOOR, "not_here", sku=SHIRT_M)
        self.row("ask", GUEST, "denied", "the last one is promised")

    def _bring(self) -> None:
        with self.mirror_listening(HERS) as mirror:
            for step, state in LEADS_TO.items():
                self.call("POST", f"{self.requests}/{self.asked}/{step}", headers=self.clerk)
                (shown,) = mirror.hear()["session"]["requests"]
                self.check(shown["state"] == state, f"{step}: the mirror shows {shown['state']}")
                self.row(step, CLERK, state, f"the mirror shows: {shown['accepted_by']}")
        self._say("liked", sku=SHIRT_M, what="navy shirt")

    def _pay(self) -> None:
        basket = self.at_mirror(HERS, "POST", "/basket", json={})
        lines = {line["sku"]: line["quantity"] for line in basket["lines"]}
        self.check(lines == {SHIRT_M: 1}, f"her basket: {lines}")
        self.row("basket", "Lin", basket["code"], f"{yuan(basket['total'])}, {basket['points_earned']} points")
        order = self.at_kiosk("Lin", lines, "paid", "paid", kiosk=HERS)["order"]
        self.check(order["total"] == basket["total"], f"paid {order['total']}")

    def _leave(self) -> None:
        """Nobody waits any more for what whoever left had asked for."""
        loafers = self.ask(HERS, sku=LOAFERS)["id"]
        jeans = self.ask(NEXT_DOOR, sku=JEANS)["id"]
        self.at_mirror(HERS, "DELETE", "")
        self.row("leave", "Lin", "forgotten", "all that the mirror knew")
        self.at_mirror(HERS, "GET", "", refused="fitting_session_not_found")
        requests = {each["id"]: each["state"] for each in self.look(self.requests)["items"]}
        found = requests[loafers], requests[jeans]
        self.check(found == ("cancelled", "asked"), f"loafers and jeans: {found}")
        self.row("loafers", CLERK, found[0], "nobody waits for them")
