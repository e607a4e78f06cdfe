"""A smile's worth: a campaign that discounts smiles, and what a member who agreed is seen to like."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from facepay.demo.stage import Stage, yuan
from facepay.vision.samples import camera_frame

TOP_UPS = {"Lin": 20_000, "Mei": 20_000, "Bo": 20_000}
BUDGET = 1_000
SMILED, LAUGHED = 0.4, 0.7
STEPS = [
    {"strength_min": SMILED, "basis_points": 1000, "amount_max": 400},
    {"strength_min": LAUGHED, "basis_points": 2000, "amount_max": 900},
]
RISING = (0.0, 0.4, 0.7, 1.0)
# The tea hangs above the screen's camera, the umbrellas far to its side.
VIEW = [
    {"sku": "TEA-001", "yaw_degrees": 0, "pitch_degrees": 5, "tolerance_degrees": 20},
    {"sku": "UMB-003", "yaw_degrees": -45, "pitch_degrees": 10, "tolerance_degrees": 25},
]


class Smile(Stage):
    title = "A smile's worth"

    def play(self) -> None:
        self._open()
        self._smile("Lin", "won", "won")
        self._smile("Bo", "retry", "not_neutral", frames=[self.actor("Bo").frame()] * len(RISING), what="a photo")
        self._smile("Mei", "won", "won", what="the rest")
        self._smile("Lin", "declined", "budget_spent", what="once more")
        self._pay("Lin", {"UMB-003": 1}, 900)
        self._pay("Mei", {"TEA-001": 3}, 100)
        self._cost()
        self._look()
        self._forget()

    def _open(self) -> None:
        self.open_store("kiosk", "display")
        with self.summed_up("enrol", "three", "enrolled", "consent, face, money"):
            self.enrol(TOP_UPS)
        campaign = {
            "name": "Smile week",
            "ends_at": (self.now() + timedelta(days=7)).isoformat(),
            "budget": BUDGET,
            "steps": STEPS,
            "per_member_max": 2,
            "per_member_per_day_max": 2,
            "lasts_minutes": 120,
        }
        self.campaign_id = self.as_staff("POST", "/v1/campaigns", json=campaign)["id"]
        self.row("campaign", "the shop", yuan(BUDGET), "up to 20 % off")
        self.as_staff("PUT", f"/v1/devices/{self.devices['display'][0]}/view", json={"products": VIEW})

    def _smile(
        self, who: str, decision: str, code: str, *, frames: list[bytes] | None = None, what: str = "at the stand"
    ) -> None:
        """From rest to laughing, in four frames."""
        device_id, headers = self.devices["display"]
        frames = frames or [self.actor(who).frame(smile=smile) for smile in RISING]
        answer = self.call(
            "POST",
            f"/v1/devices/{device_id}/smiles",
            headers={**headers, "Idempotency-Key": str(uuid4())},
            files=[("frame", ("frame.jpg", frame, "image/jpeg")) for frame in frames],
        )
        self.expect(answer, decision, code, who)
        strength = "" if answer["strength"] is None else f", strength {answer['strength']:.2f}"
        self.row("smile", who, decision, f"{what}{strength}" if decision == "won" else f"{code}, {what}")

    def _pay(self, who: str, basket: dict[str, int], taken_off: int) -> None:
        order = self.at_kiosk(who, basket, "paid", "paid")["order"]
        (discount,) = order["discounts"]
        found = discount["reason"], discount["label"], discount["amount"]
        self.check(found == ("smile", "Smile week", taken_off), f"{who}: {found} taken off")
        self.row("receipt", who, f"-{yuan(taken_off)}", "Smile week")

    def _cost(self) -> None:
        campaign = self.as_staff("GET", f"/v1/campaigns/{self.campaign_id}")
        found = campaign["given"], campaign["reserved"], campaign["left"]
        self.check(found == (BUDGET, 0, 0), f"the campaign gave, reserved and has left {found}")
        self.row("campaign", "the shop", yuan(campaign["left"]), f"left, {yuan(campaign['given'])} given")

    def _look(self) -> None:
        """Lin agreed to be shown what she likes, and Mei didn't."""
        agreed = {"policy_version": "2026-01", "accepted": True}
        self.as_staff("PUT", f"/v1/members/{self.ids['Lin']}/profiling-consent", json=agreed)
        self.row("agree", "Lin", "agreed", "to be shown what she likes")
        self._later(timedelta(minutes=1))
        self.sequence = count(1)
        shown = [each["sku"] for each in self._stand_before_the_screen("Lin", "TEA-001")["shown"]]
        self.row("look", "Lin", "shown", ", ".join(shown))
        self._later(timedelta(minutes=5))
        answer = self._stand_before_the_screen("Mei", "UMB-003")
        self.check(answer["shown"] == [], f"Mei is shown {answer['shown']}")
        self.row("look", "Mei", "counted", "as nobody")
        (liked,) = self._taste("Lin")
        self.row("taste", "Lin", liked["sku"], f"score {liked['score']:.1f}")
        self.check(self._taste("Mei") == [], "something is kept of Mei")
        path = f"/v1/members/{self.ids['Lin']}/recommendations"
        for each in self.as_staff("GET", path, params={"store_id": self.store_id, "limit": 2}):
            self.row("recommend", "Lin", each["sku"], each["reason"])

    def _forget(self) -> None:
        self.as_staff("DELETE", f"/v1/members/{self.ids['Lin']}/taste")
        self.check(self._taste("Lin") == [], "something was left of Lin's taste")
        self.row("forget", "Lin", "deleted", "all that was inferred")

    def _stand_before_the_screen(self, who: str, looks_at: str) -> Any:
        """For two seconds, in three frames."""
        device_id, headers = self.devices["display"]
        frame = camera_frame([self.faces[who]])
        body = {
            "run": "today",
            "sequence": str(next(self.sequence)),
            "captured_at": (self.now() - timedelta(seconds=3)).isoformat(),
            "interval_ms": "1000",
        }
        files = [("frame", ("frame.jpg", frame, "image/jpeg"))] * 3
        answer = self.call("POST", f"/v1/devices/{device_id}/looks", headers=headers, data=body, files=files)
        self.check(answer["lookers"] == 1 and answer["skus"] == [looks_at], f"{who} looks at {answer}")
        return answer

    def _taste(self, who: str) -> list[Any]:
        items: list[Any] = self.as_staff("GET", f"/v1/members/{self.ids[who]}/taste")["items"]
        return items

    def _later(self, span: timedelta) -> None:
        assert self.pass_time
        self.pass_time(span)
