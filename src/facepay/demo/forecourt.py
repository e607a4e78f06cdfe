"""What `demo.drive` plays in: two models, three cars, a machine with their keys, and the shop's app."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from facepay.demo.stage import STORE, TAX_BASIS_POINTS, SceneWentWrong, Stage, yuan

TOP_UPS = {"Lin": 200_000, "Mei": 100_000, "Bo": 10_000}
FEES = {"FEE": 20_000, "LATE": 3_000, "NOSHOW": 10_000, "DAMAGE": 1}
DEPOSIT = 50_000
LEVELS = [
    {"name": "Trusted", "score_min": 700, "deposit": 20_000},
    {"name": "Everybody", "fee_sku": "FEE", "deposit": DEPOSIT},
]
RULES = {"levels": LEVELS, "late_sku": "LATE", "no_show_sku": "NOSHOW", "damage_sku": "DAMAGE"}
# One for each locker.
CARS = ("mustang", "mustang", "explorer")
SILVER = {"name": "Silver", "min_spend": 10_000}
EARNING = {"category": None, "points_per_100": 1}


class Forecourt(Stage):
    def open_forecourt(self) -> None:
        self.zone = ZoneInfo(STORE["timezone"])
        self.open_store("kiosk")
        self.add_device("vending", "machine")
        with self.summed_up("enrol", "three", "enrolled", "consent, face, money"):
            self.enrol(TOP_UPS)
        lin = self.actor("Lin")
        self.people = {"Lin": lin, "Bo": self.actor("Bo").in_place_of(lin)}
        self.picture = self.faces["Ping"]  # whatever is in it
        self._set_rules()
        self._park()

    def _set_rules(self) -> None:
        for sku, price in FEES.items():
            body = {"sku": sku, "name": sku.title(), "price": price, "tax_rate_basis_points": TAX_BASIS_POINTS}
            self.as_staff("POST", "/v1/products", json=body)
        rules = self.as_staff("PUT", f"/v1/stores/{self.store_id}/drive-rules", json=RULES)["rules"]
        self.row("rules", "the store", "set", f"{rules['drive_hours'] // 24} days, a model once")
        self.as_staff("PUT", "/v1/rewards/rules", json={"tiers": [SILVER], "earning": [EARNING]})

    def _park(self) -> None:
        machine_id, _ = self.devices["machine"]
        self.models = {
            name: self.as_staff("POST", "/v1/car-models", json={"name": name.title(), "licence_class": "C1"})["id"]
            for name in dict.fromkeys(CARS)
        }
        for locker, name in enumerate(CARS, start=1):
            body = {"model_id": self.models[name], "plate": f"A-1234{locker}", "mileage_km": 1_200}
            car = self.as_staff("POST", f"/v1/stores/{self.store_id}/cars", json=body)
            self.as_staff("PUT", f"/v1/machines/{machine_id}/slots/{locker}", json={"car_id": car["id"]})
        camera = {"presentation_checks": ["depth"], "camera": asdict(self.people["Lin"].camera)}
        self.as_staff("PATCH", f"/v1/devices/{machine_id}", json=camera)
        self.row("stock", "the machine", f"{len(CARS)} keys", "2 models, 3 cars")

    def see_birthday(self, who: str, born_on: date) -> None:
        self.as_staff("PUT", f"/v1/members/{self.ids[who]}/age-check", json={"born_on": born_on.isoformat()})

    def send_licence(self, who: str, number: str) -> str:
        """Answers where it is."""
        path = f"/v1/members/{self.ids[who]}/driving-licence"
        self.as_staff("PUT", path, json={"number": number, "classes": ["C1"], "expires_on": "2190-01-01"})
        return path

    def soon(self) -> datetime:
        return self.now() + timedelta(minutes=5)

    def quote(self, who: str, model: str, starts_at: datetime) -> Any:
        return self.as_staff("POST", "/v1/test-drives/quote", json=self._asked(who, model, starts_at))

    def reserve(self, who: str, model: str, starts_at: datetime, why: str = "") -> Any:
        drive = self.act("", self._asked(who, model, starts_at))
        self.row("reserve", who, drive["state"], why or f"{yuan(drive['deposit'])} on hold")
        return drive

    def not_eligible(self, who: str, model: str, reasons: Sequence[str], starts_at: datetime | None = None) -> None:
        problem = self.turned_away("", self._asked(who, model, starts_at or self.soon()), "not_eligible")
        self.check(problem["reasons"] == list(reasons), f"{who} may not: {problem['reasons']}")
        self.row("reserve", who, "refused", ", ".join(reasons))

    def act(self, what: str, body: dict[str, Any]) -> Any:
        """By the shop's app, or its staff, on a drive: say `/<id>/extension`."""
        return self.as_staff("POST", f"/v1/test-drives{what}", json=body, headers={"Idempotency-Key": str(uuid4())})

    def turned_away(self, what: str, body: dict[str, Any], code: str) -> Any:
        """The same, where it mustn't be: the problem that it answers."""
        headers = self.staff | {"Idempotency-Key": str(uuid4())}
        return self.refuse("POST", f"/v1/test-drives{what}", code, headers=headers, json=body)

    def acknowledge(self) -> None:
        """The machine hears what it is to do, and says that it has done it."""
        machine_id, headers = self.devices["machine"]
        path = f"/v1/devices/{machine_id}/commands"
        (command,) = self.call("GET", path, headers=headers)["items"]
        self.check(command["command"]["kind"] == "open_locker", f"the machine was told {command}")
        path = f"{path}/{command['number']}/acknowledgement"
        self.call("POST", path, headers=headers, json={"outcome": "done"})

    def give_key_back(self, number: str, *, locker: int, mileage_km: int) -> Any:
        machine_id, headers = self.devices["machine"]
        return self.call(
            "POST",
            f"/v1/machines/{machine_id}/returns",
            headers=headers | {"Idempotency-Key": str(uuid4())},
            data={"number": number, "locker": str(locker), "mileage_km": str(mileage_km), "fuel_percent": "80"},
            files=[("photo", ("car.jpg", self.picture, "image/jpeg"))],
        )

    def later(self, span: timedelta, what: str) -> None:
        """Housekeeping has been there; staff sign in anew, since their tokens have ended."""
        if self.pass_time is None:
            raise SceneWentWrong("nobody lets time pass")
        self.pass_time(span)
        self.sign_in()
        wall = self.now().astimezone(self.zone)
        self.heading(wall.hour, wall.minute, what)

    def _asked(self, who: str, model: str, starts_at: datetime) -> dict[str, Any]:
        return {
            "store_id": self.store_id,
            "machine_id": self.devices["machine"][0],
            "model_id": self.models[model],
            "member_id": self.ids[who],
            "starts_at": starts_at.isoformat(),
        }
