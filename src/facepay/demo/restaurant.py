"""A restaurant: a table that knows who sits where, what each of them may have, and who answers for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from facepay.demo.stage import yuan
from facepay.demo.tables import BEER, DUCK, GUEST, NOODLES, POLICY, SATAY, SOUP, Tables
from facepay.vision import samples

TOP_UPS = {"Lin": 50_000, "Mei": 20_000, "Yan": 10_000, "Hao": 30_000}
ROUND, WINDOW, CORNER = "Round table", "Window", "Corner"
PLAIN = {"sku": NOODLES, "options": {"Sauce": ["plain"]}}
PEANUT = {"sku": NOODLES, "options": {"Sauce": ["peanut"]}}
AGREED = {"policy_version": "2026-01", "accepted": True}
TIP = 3_000


class Restaurant(Tables):
    title = "A restaurant"

    def play(self) -> None:
        self.faces[GUEST] = samples.stranger()
        with self.summed_up("set up", "the room", "open", "3 tables, 10 % service"):
            self.open_room(ROUND, WINDOW, CORNER)
        self._enrol()
        self.seat(ROUND, "Lin", "Mei", "Bo", GUEST)
        self._choose()
        self._order()
        self._cook()
        self._walk_away()
        self._pay_by_seat()
        self._push_tables_together()

    def _enrol(self) -> None:
        """Bo is Lin's son, and Mei is allergic to peanuts."""
        with self.summed_up("enrol", "four", "enrolled", "consent, face, money"):
            self.enrol(TOP_UPS)
        with self.summed_up("enrol", "Bo", "enrolled", "Lin's child, 11, her wallet"):
            self.enrol_face("Bo")
            born_on = (self.now() - timedelta(days=11.5 * 365)).date().isoformat()
            self.as_staff("PUT", f"/v1/members/{self.ids['Bo']}/age-check", json={"born_on": born_on})
            family = self.as_staff("POST", "/v1/families", json={"payer_id": self.ids["Lin"]})
            child = {"member_id": self.ids["Bo"], "role": "child", "rules": {"age_limited_goods": True}}
            self.as_staff("POST", f"/v1/families/{family['id']}/members", json=child)
        diet = {"allergens": ["peanuts"], "consent": AGREED}
        self.as_staff("PUT", f"/v1/members/{self.ids['Mei']}/diet", json=diet)
        self.row("agree", "Mei", "agreed", "no peanuts, kept for her")

    def _choose(self) -> None:
        """The same menu, and not the same: what Mei mustn't eat is marked, down to a sauce."""
        for who, seat, unfit in (("Lin", 1, []), ("Mei", 2, ["peanut sauce", "satay"])):
            dishes = self.menu(ROUND, seat)
            (sauces,) = dishes[NOODLES]["options"]
            found = [f"{each['name']} sauce" for each in sauces["choices"] if not each["fits"]]
            found += [each["name"].lower() for each in dishes.values() if not each["fits"]]
            self.check(found == unfit, f"{who}: {found} don't fit")
            self.row("menu", who, "shown", f"not: {', '.join(found)}" if found else f"{len(dishes)} dishes")
        self.order(ROUND, 2, {"sku": SATAY}, refused="allergen_in_dish")
        self.row("order", "Mei", "denied", "satay: allergen_in_dish")

    def _order(self) -> None:
        self.mei = self._ordered("Mei", 2, "plain noodles", PLAIN)
        self._ordered("the table", None, "course 2: duck", {"sku": DUCK})
        self.order(ROUND, 3, {"sku": BEER}, refused="age_restricted")
        self.row("order", "Bo", "denied", "beer: age_restricted")
        with self.summed_up("order", "two", "ordered", "Bo noodles, a guest soup"):
            self._ordered("Bo", 3, "peanut noodles", PEANUT)
            self._ordered(GUEST, 4, "soup", {"sku": SOUP})
        self._show_hold("Lin", 27_192, "table, Bo, guest")

    def _ordered(self, who: str, seat: int | None, what: str, item: dict[str, Any], table: str = ROUND) -> str:
        """Answers the item."""
        (ordered,) = self.order(table, seat, item)["ordered"]
        self.row("order", who, "ordered", f"{what}, {yuan(ordered['price'])}")
        return str(ordered["id"])

    def _show_hold(self, who: str, amount: int, what: str) -> None:
        held = self.look(f"/v1/members/{self.ids[who]}/wallet")["held"]
        self.check(held == amount, f"{who}: {held} is held instead of {amount}")
        self.row("hold", who, "held" if held else "free", f"{yuan(held)}: {what}")

    def _cook(self) -> None:
        """What one has ordered may be changed until somebody cooks it."""
        (ticket,) = [each for each in self.tickets() if each["dishes"][0]["seat"] == 2]
        self.press(ticket, "start")
        self.row("start", "the cook", "cooking", "Mei's noodles")
        self.at_table(ROUND, "PATCH", f"/items/{self.mei}", refused="already_cooking", json={"quantity": 2})
        self.row("change", "Mei", "denied", "2 of them: already_cooking")
        with self.summed_up("serve", "the cook", "served", "course 1, then the duck"):
            self.press(ticket, "ready", "collect")
            while tickets := self.tickets():
                self.press(tickets[0], "start", "ready", "collect")

    def _walk_away(self) -> None:
        self.at_table(ROUND, "POST", "/departures", json={"seats": [2]})
        self.row("leave", "Mei", "away", f"{POLICY['unattended_minutes']} minutes to come back")
        assert self.pass_time
        self.pass_time(timedelta(minutes=11))
        (notice, *_) = self.as_staff("GET", f"/v1/members/{self.ids['Mei']}/notices")["items"]
        self.check(notice["kind"] == "table_settled", f"Mei was told {notice['kind']}")
        self.row("settle", "Mei", "paid", f"{yuan(notice['amount'])}, as it was held")

    def _pay_by_seat(self) -> None:
        bill = self.at_table(ROUND, "GET", "/bill")
        self.row("bill", "the table", "shown", f"{yuan(bill['left'])} left of {yuan(bill['total'])}")
        self.pay(ROUND, "Bo", "Lin's wallet")
        paid = self.pay(ROUND, "Lin", f"tip {yuan(TIP)}", tip=TIP)
        self.check(paid["left"] == 0, f"{paid['left']} left of the bill")

    def _push_tables_together(self) -> None:
        """Yan moves to the window, Hao sits down at the next table, and then there is one bill."""
        with self.summed_up("sit down", "Yan, Hao", "member", "at a table each; soup"):
            self.seat(ROUND, "Yan")
            self.seat(CORNER, "Hao")
            self._ordered("Yan", 1, "soup", {"sku": SOUP})
        path = f"{self.of_store}/parties/{self.parties[ROUND]}"
        moved = self.as_staff("POST", f"{path}/moves", json={"table_id": self.tables[WINDOW]})
        self.row("move", "Yan", "moved", f"to the {moved['table'].lower()}, soup and all")
        merged = self.as_staff("POST", f"{path}/merges", json={"table_id": self.tables[CORNER]})
        seats = [each["seat"] for each in merged["covers"]]
        self.row("merge", "Hao", "merged", f"one party, seats {seats[0]} and {seats[1]}")
        self._ordered("Hao", seats[1], "satay", {"sku": SATAY}, CORNER)
        paid = self.pay(CORNER, "Hao", "all by one", split="one")
        self.check(paid["left"] == 0, f"{paid['left']} left of the bill")
        self._show_hold("Yan", 0, "Hao has paid")
        free = [each["name"] for each in self.look(f"{self.of_store}/floor")["tables"] if each["party"] is None]
        self.check(sorted(free) == sorted(self.tables), f"only {free} are free")
        self.row("floor", "the room", "free", f"{len(free)} tables of {len(self.tables)}")
