"""Test drives out of a machine: papers, a deposit, a key by face, a scratch, a no-show, and a birthday at the kiosk."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from uuid import uuid4

from facepay.demo.forecourt import DEPOSIT, FEES, TOP_UPS, Forecourt
from facepay.demo.stage import yuan
from facepay.vision.heads import HEAD, Surface, sheet

HOURS = 72
SCRATCH = 30_000
BIRTHDAY = {"basis_points": 2000, "amount_max": 3000, "min_basket": 2000, "budget": 100_000}


class Drive(Forecourt):
    title = "Test drives"
    begins_at: ClassVar[time | None] = time(10)

    def play(self) -> None:
        self.heading(10, 0, "Who may drive")
        self.open_forecourt()
        self._show_papers()
        self._reserve()
        self._hand_over()
        self._want_more()
        self._bring_back()
        self._miss()
        self._celebrate()
        self.list_alerts("car_late")

    def _show_papers(self) -> None:
        """Lin has sent her licence by the app, and nobody has seen it beside her yet."""
        ahead = self.now() + timedelta(hours=HOURS)
        self.birthday = ahead.astimezone(self.zone).date()
        self.see_birthday("Lin", self.birthday.replace(year=1992))
        path = self.send_licence("Lin", "440106199205011234")
        self.not_eligible("Lin", "explorer", ["licence_pending"])
        checked = self.as_staff("POST", f"{path}/check", json={"accepted": True})
        self.row("licence", "Lin", checked["status"], f"…{checked['number_last_four']}, staff saw it")
        with self.summed_up("licence", "Mei", "checked", "with a score of 720"):
            self.see_birthday("Mei", self.birthday.replace(year=1988, day=1))
            self.as_staff("POST", f"{self.send_licence('Mei', '440106198805014321')}/check", json={"accepted": True})
            told = {"score": 720, "provider": "Sesame Credit", "as_of": self.now().date().isoformat()}
            self.as_staff("PUT", f"/v1/members/{self.ids['Mei']}/drive-credit", json=told)
        for who in ("Lin", "Mei"):
            terms = self.quote(who, "explorer", self.soon())["terms"]
            self.row("quote", who, terms["level"], f"fee {_short(terms['fee'])}, held {_short(terms['deposit'])}")

    def _reserve(self) -> None:
        starts_at = self.soon()
        self.drive = self.reserve("Lin", "explorer", starts_at)
        self.not_eligible("Mei", "explorer", ["no_car_free"], starts_at)
        due_at = datetime.fromisoformat(self.drive["due_at"])
        self.next = self.reserve("Mei", "explorer", due_at + timedelta(hours=2, minutes=30), "for when it is back")

    def _hand_over(self) -> None:
        """The machine has a 3D camera: a print of the right face is no face."""
        self.heading(10, 0, "At the machine")
        self._show("Bo", "refused", "unknown_face", what="with Lin's number")
        self._show("Lin", "refused", "depth_flat", surface=sheet(), what="depth_flat, a print")
        key = str(uuid4())
        opened = self._show("Lin", "open", "opening", key=key, what="locker 3")
        again = self._show("Lin", "open", "opening", key=key, what="the same answer")
        self.check(opened["handover_id"] == again["handover_id"], f"sent again, it answers {again}")
        self.acknowledge()
        drive = self.look(f"/v1/test-drives/{self.drive['id']}")
        paid = [(each["kind"], each["amount"]) for each in drive["charges"]]
        self.check((drive["state"], paid) == ("out", [("fee", FEES["FEE"])]), f"{drive['state']}, charged {paid}")
        self.row("locker 3", "the machine", "opened", "key out, paid once")

    def _show(
        self, who: str, decision: str, code: str, *, what: str, surface: Surface = HEAD, key: str | None = None
    ) -> Any:
        """Someone's face, with Lin's number."""
        machine_id, headers = self.devices["machine"]
        actor = self.people[who]
        answer = self.call(
            "POST",
            f"/v1/machines/{machine_id}/handovers",
            headers=headers | {"Idempotency-Key": key or str(uuid4())},
            data={"number": self.drive["number"]},
            files={
                "frame": ("frame.jpg", actor.frame(), "image/jpeg"),
                "depth": ("depth.png", actor.depth(surface), "image/png"),
            },
        )
        self.expect(answer, decision, code, who)
        self.row("show face", who, decision, what, answer["similarity"])
        return answer

    def _want_more(self) -> None:
        self.later(timedelta(hours=70), "Day 4: due in 2 hours")
        notice = self.look(f"/v1/members/{self.ids['Lin']}/notices")["items"][0]
        self.check(notice["kind"] == "drive_due_soon", f"Lin's last notice is {notice['kind']}")
        self.row("remind", "Lin", "told", notice["kind"])
        until = datetime.fromisoformat(self.drive["due_at"]) + timedelta(days=1)
        self.turned_away(f"/{self.drive['id']}/extension", {"until": until.isoformat()}, "car_reserved")
        self.row("extend", "Lin", "refused", "car_reserved, by Mei")

    def _bring_back(self) -> None:
        """An hour and a half late are two that have started."""
        self.later(timedelta(hours=3, minutes=35), "Day 4: late")
        back = self.give_key_back(self.drive["number"], locker=3, mileage_km=1_450)
        late = back["late_hours"] * FEES["LATE"]
        self.check((back["state"], back["late_hours"]) == ("returned", 2), f"it came back {back}")
        self.row("return", "Lin", "returned", f"2 h, {_short(late)}; {back['photos']} picture")
        damage = {"damage": SCRATCH, "reason": "A scratch on the left door"}
        self.turned_away(f"/{self.drive['id']}/inspection", damage, "damage_unshown")
        self.row("inspect", "staff", "refused", "damage_unshown")
        path = f"/v1/test-drives/{self.drive['id']}/photos"
        self.as_staff("POST", path, files=[("photo", ("door.jpg", self.picture, "image/jpeg"))])
        claimed = self.act(f"/{self.drive['id']}/inspection", damage)
        self.row("inspect", "staff", claimed["state"], f"a scratch, {yuan(claimed['claim'])}")
        closed = self.act(f"/{self.drive['id']}/acceptance", {})
        self.check((closed["state"], closed["deposit"]) == ("closed", 0), f"it ended as {closed}")
        self.row("accept", "Lin", "closed", f"{_short(DEPOSIT - late - SCRATCH)} of {_short(DEPOSIT)} is free")
        spent = TOP_UPS["Lin"] - FEES["FEE"] - late - SCRATCH
        self.check(self.standing("Lin") == yuan(spent), f"Lin has {self.standing('Lin')}, not {yuan(spent)}")

    def _miss(self) -> None:
        self.later(timedelta(hours=2, minutes=5), "Day 4: nobody came")
        missed = self.look(f"/v1/test-drives/{self.next['id']}")
        (charge,) = missed["charges"]
        found = missed["state"], charge["kind"], charge["amount"]
        self.check(found == ("no_show", "no_show", FEES["NOSHOW"]), f"Mei's drive: {found}")
        self.row("wait", "Mei", "no_show", f"{_short(charge['amount'])} of her deposit")
        self.not_eligible("Lin", "explorer", ["model_driven_before"])
        mustangs = self.quote("Lin", "mustang", self.soon())
        self.check(mustangs["reasons"] == [], f"Lin's Mustang: {mustangs['reasons']}")
        self.row("quote", "Lin", mustangs["terms"]["level"], f"{mustangs['cars_free']} Mustangs are free")

    def _celebrate(self) -> None:
        """The coupon is good from a basket on that the tea doesn't make."""
        self.as_staff("PUT", "/v1/rewards/birthday-offer", json=BIRTHDAY)
        self.at_kiosk("Lin", {"TEA-001": 1}, "paid", "paid")
        kiosk_id, headers = self.devices["kiosk"]
        card = self.call("GET", f"/v1/devices/{kiosk_id}/members/{self.ids['Lin']}/card", headers=headers)
        self.check(card["birthday"] is not None and card["birthday"]["is_today"], f"the card: {card}")
        (coupon,) = card["coupons"]
        points, off = card["points"]["available"], coupon["basis_points"] // 100
        self.row("card", "Lin", card["standing"]["tier"]["name"], card["birthday"]["greeting"])
        self.row("card", "Lin", "shown", f"{points} points, {off} % off")
        order = self.at_kiosk("Lin", {"UMB-003": 1}, "paid", "paid")["order"]
        taken_off = {each["reason"]: each["amount"] for each in order["discounts"]}
        self.check(taken_off == {"coupon": 1_180}, f"taken off: {taken_off}")
        self.row("receipt", "Lin", f"-{yuan(1_180)}", "for her birthday")


def _short(fen: int) -> str:
    return yuan(fen).removesuffix(".00")
