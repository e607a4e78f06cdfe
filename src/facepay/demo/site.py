"""A warehouse with a vault behind it, the people who work there, and how its doors talk to the server.

`demo.warehouse` tells what happens there.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import time, timedelta
from itertools import count
from time import perf_counter
from typing import Any, ClassVar
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facepay.demo.devices import Door
from facepay.demo.stage import STORE, Stage, at_gate
from facepay.edge_device import sign_finger_match
from facepay.schedules.timetables import WEEKDAYS

FACILITY = 7
HOURS = [["08:00", "20:00"]]
SIGNED_IN_FOR = timedelta(minutes=40)
# Long enough for a door to let somebody through and fall shut.
BETWEEN_PEOPLE = timedelta(seconds=10)
# A factor by its name, and the request that brings it.
Factor = tuple[str, dict[str, Any]]
AS_EVERYBODY = [["face", "pin"], ["badge", "fingerprint"], ["invitation"]]
# What differs from one answer to the next that says the same.
OF_THE_MOMENT = ("attempt_id", "expires_at", "timings_ms")


def pin(digits: str) -> Factor:
    return "pin", {"json": {"pin": digits}}


def badge(number: int) -> Factor:
    return "badge", {"json": {"facility_code": FACILITY, "number": number}}


def finger(result: str) -> Factor:
    return "fingerprint", {"json": {"result": result}}


def invitation(token: str) -> Factor:
    return "invitation", {"json": {"token": token}}


def told(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody at the door can see of an answer."""
    return {name: value for name, value in answer.items() if name not in OF_THE_MOMENT}


class Site(Stage):
    """The hall lies behind the street door, the vault behind the hall."""

    stands: ClassVar[str] = "is in"

    def open_site(self) -> None:
        self.store_id = self.as_staff("POST", "/v1/stores", json=STORE)["id"]
        self.holders: dict[str, str] = {}
        self.points: dict[str, str] = {}
        self.asking: dict[str, Any] = {}
        for role, name in (("door", "street"), ("door", "vault"), ("reader", "reader")):
            self.add_device(role, name)
        self.doors = {name: Door(self, name) for name in ("street", "vault")}
        for door in self.doors.values():
            door.tell("door_closed")
        self.key, self.counter = Ed25519PrivateKey.generate(), count(1)
        key = b64encode(self.key.public_key().public_bytes_raw()).decode()
        self.as_staff("PATCH", f"/v1/devices/{self.devices['reader'][0]}", json={"public_key": key})
        self.zones = {name: self._add("zones", name=name, anti_passback="hard") for name in ("hall", "vault")}
        self.names = {zone_id: name for name, zone_id in self.zones.items()}
        self._guard_doors()
        doors = [self.devices[name][0] for name in self.doors]
        self._add("interlocks", name="Mantrap", device_ids=doors)

    def _guard_doors(self) -> None:
        day = self._add("schedules", name="Day", timetable={"weekly": dict.fromkeys(WEEKDAYS, HOURS)})
        in_hours = {"schedule_id": day, "window_seconds": 60}
        enter = [in_hours | {"factors": AS_EVERYBODY, "visitors_escorted": True}]
        two_employees = [in_hours | {"factors": [["face", "pin"]], "persons": 2, "holder_kinds": ["employee"]}]
        leave = [{"factors": [["face"], ["badge"], ["invitation"]]}]
        policies = {
            name: self._add("authentication-policies", name=name, rules=rules)
            for name, rules in (("Enter", enter), ("Two employees", two_employees), ("Leave", leave))
        }
        for name, door, policy, way in (
            ("street in", "street", "Enter", {"to": "hall"}),
            ("street out", "street", "Leave", {"from": "hall"}),
            ("vault in", "vault", "Two employees", {"from": "hall", "to": "vault"}),
            ("vault out", "vault", "Leave", {"from": "vault", "to": "hall"}),
        ):
            self.points[name] = self._add(
                "access-points",
                name=name,
                device_id=self.devices[door][0],
                policy_id=policies[policy],
                reader_ids=[self.devices["reader"][0]] if name == "street in" else [],
                **{f"{end}_zone_id": self.zones[zone] for end, zone in way.items()},
            )
        self.profiles = {
            name: self._add(
                "access-profiles", name=name, rules=[{"effect": "allow", "zone_id": self.zones[each]} for each in zones]
            )
            for name, zones in (("hall", ["hall"]), ("vault", ["hall", "vault"]))
        }

    def hire(self, who: str, kind: str, profile: str, *, pins: Mapping[str, str] | None = None, **fields: Any) -> str:
        """A member may pass doors from now on; with PINs they are enrolled with their face, too. Answers their path."""
        if pins:
            self.enrol_face(who)
        else:
            self.ids[who] = self.as_staff("POST", "/v1/members", json={"display_name": who})["id"]
        self.holders[who] = self._add("holders", member_id=self.ids[who], kind=kind, **fields)
        path = f"/v1/holders/{self.holders[who]}"
        self.as_staff("PUT", f"{path}/profiles/{self.profiles[profile]}", json={})
        if pins:
            self.as_staff("PUT", f"{path}/door-pin", json=pins)
        return path

    def face(self, who: str) -> Factor:
        return "face", {"content": at_gate(self.faces[who]), "headers": {"Content-Type": "image/jpeg"}}

    def touch(self, user: str) -> str:
        """What the fingerprint reader signs once it has matched a finger with its user."""
        return sign_finger_match(
            user=user,
            score=87.5,
            counter=next(self.counter),
            device_id=UUID(self.devices["reader"][0]),
            key=self.key,
            matched_at=self.now(),
            nonce=uuid4().hex,
        )

    def attempt(self, point: str, *factors: Factor) -> Any:
        """Give them one after the other, for as long as the door asks for more; answers what it said last. Where it
        has asked for more before, this goes on from there.
        """
        self.now.ahead += BETWEEN_PEOPLE
        start = perf_counter()
        answer = self.asking.pop(point, None) or self._as_door(point, "")
        for name, request in factors:
            if answer["decision"] == "more":
                answer = self._as_door(point, f"/{answer['attempt_id']}/{name}", **request)
        self.took_ms = (perf_counter() - start) * 1000
        if answer["decision"] == "more":
            self.asking[point] = answer
        return answer

    def go(
        self, point: str, who: str, decision: str, code: str, *factors: Factor, why: str = "", note: str = ""
    ) -> Any:
        """`why` is the true reason, where the door keeps it to itself: then the row has both."""
        answer = self.attempt(point, *factors)
        self.expect(answer, decision, code, who)
        if decision == "more":
            self.row(point, who, decision, code)
            return answer
        (event,) = self.log(access_point=self.points[point], kind="attempt", limit=1)
        self.check(event["code"] == (why or code), f"{who}: the log says {event['code']} instead of {why or code}")
        shown = f"{code}: {why}" if why else code
        self.row(point, who, decision, note or shown, _similarity(event))
        return answer

    def at(self, hour: int, minute: int, what: str) -> None:
        """It is so late by the store's clock, and another shift of whoever sits at the desk."""
        before = self.now()
        self.now.put_forward(time(hour, minute), STORE["timezone"])
        if self.now() - before > SIGNED_IN_FOR:
            self.sign_in()
        self.heading(hour, minute, what)

    def standing(self, who: str) -> str:
        if who not in self.holders:
            return ""
        there = self.look(f"/v1/holders/{self.holders[who]}/presence")["zone_id"]
        return self.names[there] if there else "-"

    def log(self, **sought: Any) -> Any:
        return self.look(f"/v1/stores/{self.store_id}/access-events", **sought)["items"]

    def _add(self, what: str, **body: Any) -> str:
        return str(self.as_staff("POST", f"/v1/stores/{self.store_id}/{what}", json=body)["id"])

    def _as_door(self, point: str, what: str, **request: Any) -> Any:
        door = point.split()[0]
        headers = self.devices[door][1] | {"Idempotency-Key": uuid4().hex} | request.pop("headers", {})
        path = f"/v1/access-points/{self.points[point]}/attempts{what}"
        return self.call("POST", path, headers=headers, **request)


def _similarity(event: Mapping[str, Any]) -> float | None:
    """How alike the last face was, which the log alone knows."""
    measured = [person["details"]["factors"].get("face", {}) for person in event["persons"] if person["details"]]
    return next((face["similarity"] for face in reversed(measured) if face), None)
