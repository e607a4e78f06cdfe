"""Smart shelves: scales and a camera say who took what, the basket follows, and the walk-out pays it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import uuid4

from facepay.demo.devices import Follower, Passage
from facepay.demo.shelf import Shelf
from facepay.demo.stage import Stage, at_kiosk, yuan

# Top-ups in fen. Mei leaves with more than she has money for.
TOP_UPS = {"Lin": 20_000, "Mei": 2_000, "Hao": 10_000}
OWED = 2 * 1290 - TOP_UPS["Mei"]
RED_UMBRELLA = {"sku": "UMB-004", "name": "Folding umbrella, red", "price": 6_900}
GRAMS = {"TEA-001": 512.0, "BAO-002": 130.0, "UMB-003": 410.0, "UMB-004": 410.0}
SLOTS = {"A1": {"TEA-001": 6}, "A2": {"BAO-002": 3}, "A3": {"UMB-003": 3, "UMB-004": 3}}
# So that nobody is taken for whoever stood there before.
IN_BETWEEN = timedelta(seconds=30)
# More than it takes until whoever left without paying is charged.
LATER = timedelta(minutes=15)


class Shelves(Stage):
    title = "Smart shelves"

    def play(self) -> None:
        self._open()
        self._come_in()
        forgotten = self._take_and_put_back()
        self._empty_a_slot()
        self._take_one_of_two_alike()
        self._walk_out("Lin", 450)
        self._walk_out("Hao", 6_900)
        self._report("Lin", forgotten, "take", step="told late")
        self.at_gate("exits", "Mei", "open", "goodbye")
        self._settle()
        self.list_alerts("restock", "misplaced_goods")

    def _open(self) -> None:
        self.open_store("gate", "lane", "shelf")
        self.stock_up(RED_UMBRELLA)
        with self.summed_up("enrol", "three", "enrolled", "consent, face, money"):
            self.enrol(TOP_UPS)
        self.as_staff("PUT", f"/v1/lanes/{self.devices['lane'][0]}/policy", json={"goods_from": "shelves"})
        with self.summed_up("planogram", "the shelf", "set", "3 slots, 15 pieces"):
            self.shelf = Shelf(self, slots=SLOTS, grams=GRAMS)
            self.shelf.set_up()

    def _come_in(self) -> None:
        self.visits = {who: self.at_gate("entries", who, "open", "welcome")["visit_id"] for who in TOP_UPS}

    def _take_and_put_back(self) -> dict[str, Any]:
        """Answers a change that the shelf will tell of late."""
        with self._before_shelf("Lin") as follower:
            self._reach("Lin", "A1")
            taken = self.shelf.take("A1", "TEA-001", 2)
            self._move("Lin", taken, "take", follower, {"TEA-001": 2})
            self._move("Lin", self.shelf.put("A1", "TEA-001"), "put_back", follower, {"TEA-001": 1})
        again = self.shelf.report(taken)
        self.check(again["repeated"] == 1, f"{again} instead of once repeated")
        self.row("told again", "Lin", "repeated", "counts once")
        drifted = self.shelf.weigh("A2", -38.0, hand=False, took_ms=3_600_000)
        self._report("the shelf", drifted, "drift", "in an hour")
        return self.shelf.take("A1", "TEA-001")

    def _empty_a_slot(self) -> None:
        with self._before_shelf("Mei") as follower:
            self._reach("Mei", "A2")
            self._move("Mei", self.shelf.take("A2", "BAO-002", 3), "take", follower, {"BAO-002": 3})
            self._reach("Mei", "A1")
            self._move("Mei", self.shelf.put("A1", "BAO-002"), "put_back", follower, {"BAO-002": 2})

    def _take_one_of_two_alike(self) -> None:
        """No scale tells them apart: nobody is charged for it before staff have looked."""
        with self._before_shelf("Hao") as follower:
            self._reach("Hao", "A3")
            self._report("Hao", self.shelf.take("A3", "UMB-004"), "take", "which?")
            follower.hear()
            (review,) = self.as_staff("GET", f"/v1/stores/{self.store_id}/shelf-reviews")["items"]
            self.row("in doubt", "Hao", review["standing"], f"by weight {review['sources']['weight']:.0%} sure")
            decided = {"sku": "UMB-004", "quantity": 1, "note": "The red one, by the camera"}
            headers = {"Idempotency-Key": str(uuid4())}
            self.as_staff("POST", f"/v1/shelf-reviews/{review['id']}", json=decided, headers=headers)
            self._basket("Hao", follower, {"UMB-004": 1}, step="staff")

    def _walk_out(self, who: str, total: int) -> None:
        passage = Passage(self)
        shown = passage.look(at_kiosk(self.faces[who]))
        self.check(shown["held"] == total, f"{who}: {shown['held']} on hold instead of {total}")
        self.row("lane", who, "pending", f"shows {yuan(shown['total'])}, on hold", shown["similarity"])
        answer = passage.finish()
        self.expect(answer, "release", "paid", who)
        self.row("walk out", who, "release", f"paid, {yuan(answer['total'])}", answer["similarity"])

    def _settle(self) -> None:
        """What the shelf told late, and what somebody left with, is charged; the member is told."""
        self._later(LATER)
        self.row("later", "the store", "settles", f"{LATER.seconds // 60} minutes on")
        self._notice("Lin", "charged_later")
        self._notice("Mei", "charged_later")
        refused = self.at_gate("entries", "Mei", "deny", "debt_unsettled", why=f"debt_unsettled, {yuan(OWED)}")
        self.check(refused["amount_owed"] == OWED, f"{refused['amount_owed']} owed instead of {OWED}")
        self.top_up("Mei", 5_000)
        self.at_gate("entries", "Mei", "open", "welcome")

    @contextmanager
    def _before_shelf(self, who: str) -> Iterator[Follower]:
        """A while after whoever stood there before; their basket is followed."""
        self._later(IN_BETWEEN)
        follower = Follower(self, f"/v1/visits/{self.visits[who]}/basket/stream", self.staff)
        with follower.listening():
            self._check_basket(who, follower.hear(), {})
            yield follower

    def _reach(self, who: str, slot: str) -> None:
        hands, people = self.shelf.reach(slot, self.faces[who])
        self.check(hands == {slot}, f"{who}: hands in {hands} instead of in {slot}")
        self.row("reach in", who, "seen", f"a hand in {slot}" + (", a face" if people else ""))

    def _move(self, who: str, event: dict[str, Any], finding: str, follower: Follower, basket: dict[str, int]) -> None:
        self._report(who, event, finding)
        self._basket(who, follower, basket)

    def _report(self, who: str, event: dict[str, Any], finding: str, note: str = "", *, step: str = "shelf") -> None:
        (found,) = self.shelf.report(event)["findings"]
        self.check(found["finding"] == finding, f"{who}: {event} is {found['finding']} instead of {finding}")
        grams = f"{event['slot']} {event['delta_grams']:+,.1f} g"
        self.row(step, who, finding, f"{grams}, {note}" if note else grams)

    def _basket(self, who: str, follower: Follower, basket: dict[str, int], *, step: str = "basket") -> None:
        """As whoever follows it is shown it."""
        shown = follower.hear()
        self._check_basket(who, shown, basket)
        goods = ", ".join(f"{pieces} {sku}" for sku, pieces in basket.items())
        self.row(step, who, "follows", f"{goods}, {yuan(shown['total'])}")

    def _check_basket(self, who: str, shown: Any, basket: dict[str, int]) -> None:
        lines = {line["sku"]: line["quantity"] for line in shown["lines"]}
        self.check(lines == basket, f"{who}: the basket has {lines} instead of {basket}")

    def _notice(self, who: str, kind: str) -> None:
        notices = self.as_staff("GET", f"/v1/members/{self.ids[who]}/notices")["items"]
        amounts = [notice["amount"] for notice in notices if notice["kind"] == kind]
        self.check(len(amounts) == 1, f"{who} was told {notices}")
        self.row("notice", who, "told", f"{kind}, {yuan(amounts[0])}")

    def _later(self, span: timedelta) -> None:
        assert self.pass_time is not None, "this store's clock is the scenario's"
        start = perf_counter()
        self.pass_time(span)
        self.took_ms = (perf_counter() - start) * 1000
