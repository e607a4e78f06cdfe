"""What `demo.box` plays in: a store of two doors, a kiosk and a camera, its rules, and the people who are far away.

Nobody works there. Its two doors are a mantrap; whoever is on call has the guard's view.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from time import perf_counter
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import httpx

from facepay.demo.devices import Door
from facepay.demo.stage import NAMES, STORE, Stage
from facepay.demo.surveillance import Camera, Screen
from facepay.schedules.timetables import WEEKDAYS

OPEN = [["00:00", "03:00"], ["04:00", "24:00"]]
NIGHT = [["22:00", "06:00"]]
RULES = {
    "capacity_max": 3,
    "one_party_at_a_time": True,
    "face_must_show": True,
    "closing_notice_minutes": 10,
    "closing_grace_minutes": 15,
    "stay_max_minutes": 40,
    "still_max_minutes": 30,
    "silent_after_seconds": 120,
    "refusals_max": 3,
    "tailgating_watched": True,
}
# Which device does what by itself, when an alert is raised.
REACTIONS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "camera_covered": ("entry", {"kind": "lock"}),
    "closing_soon": ("kiosk", {"kind": "speak", "text": "We close at three", "language": "en"}),
    "door_forced": ("kiosk", {"kind": "speak", "text": "The guard sees you", "language": "en"}),
    "inside_after_closing": ("kiosk", {"kind": "speak", "text": "Please leave now", "language": "en"}),
}
BAN = {"reason": "theft", "story": "Left with two bags unpaid, twice.", "days": 90, "review_days": 30}
PURPOSE = {"purpose": "Somebody waits at the entry"}
JPEG = b"\xff\xd8"


class BoxStore(Stage):
    # The night is longer than a token of an hour.
    settings: ClassVar[Mapping[str, Any]] = {"watchlist": True, "admin_token_minutes": 480}
    begins_at = time(1)
    stands = "inside"

    def pages(self) -> Mapping[str, str]:
        """With the guard's own token."""
        token = self.colleagues["Gu"]["Authorization"].split()[1]
        return {"The guard's view": f"/guard#store={self.store_id}&token={token}"}

    def standing(self, who: str) -> str:
        visits = self.look(f"/v1/stores/{self.store_id}/visits", inside=True)["items"]
        return str(sum(1 + visit["guests"] for visit in visits))

    def open_box(self) -> None:
        self.heading(self.begins_at.hour, 0, "The rules of the house")
        self.colleagues: dict[str, dict[str, str]] = {}
        self.open_store("kiosk", "camera")
        for way in ("entry", "exit"):
            self.add_device("gate", way)
        self.entry, self.exit = Door(self, "entry"), Door(self, "exit")
        self.kiosk, self.camera = Door(self, "kiosk"), Camera(self, "camera")
        for door in (self.entry, self.exit):
            door.tell("door_closed")
        self._add("interlocks", name="Mantrap", device_ids=[self.devices[way][0] for way in ("entry", "exit")])
        self.row("mantrap", "two doors", "linked", "one at a time is open")
        self._set_rules()
        self._list_people()
        with self.summed_up("enrol", "six people", "enrolled", "consent and face"):
            for who in NAMES:
                self.enrol_face(who)
            self.top_up("Lin", 5_000)

    def _set_rules(self) -> None:
        hours = self._add("schedules", name="Open", timetable={"weekly": dict.fromkeys(WEEKDAYS, OPEN)})
        rules = RULES | {"opening_schedule_id": hours}
        self.as_staff("PUT", f"/v1/stores/{self.store_id}/house-rules", json=rules)
        self.row("rules", "the store", "set", "3 people, 1 party, no masks")
        self.row("hours", "the store", "24 h", "but from three to four")
        for kind, (name, command) in REACTIONS.items():
            steps = [{"command": command, "device_ids": [self.devices[name][0]]}]
            self._add("reactions", name=command["kind"], alert_kind=kind, steps=steps)
        self.row("react", "devices", f"{len(REACTIONS)} rules", "they lock, and speak up")

    def _list_people(self) -> None:
        """Gu, who guards many stores at night, and then Feng, who owns this one."""
        night = self._add("schedules", name="Night", timetable={"weekly": dict.fromkeys(WEEKDAYS, NIGHT)})
        guards = self._add("on-call-lists", name="Guards", shifts=[self._hire("Gu", "guard") | {"schedule_id": night}])
        owners = self._add("on-call-lists", name="Owners", shifts=[self._hire("Feng", "owner")])
        steps = [{"minutes": 0, "on_call_list_id": guards}, {"minutes": 5, "on_call_list_id": owners}]
        plans = {"plans": [{"severity_min": "critical", "steps": steps}]}
        self.as_staff("PUT", f"/v1/stores/{self.store_id}/escalation", json=plans)
        self.row("on call", "Gu, Feng", "listed", "Gu; after 5 min Feng")

    def _hire(self, who: str, role: str) -> dict[str, str]:
        """Answers their shift."""
        account = {"username": who.lower(), "password": secrets.token_urlsafe(12)}
        staff = self.as_staff("POST", "/v1/staff", json=account | {"display_name": who, "role": role})
        token = self.call("POST", "/v1/auth/token", data=account)["access_token"]
        self.colleagues[who] = {"Authorization": f"Bearer {token}"}
        return {"staff_id": staff["id"]}

    def ban(self, who: str) -> None:
        """Two people do."""
        files = [("frames", ("face.jpg", self.faces[who], "image/jpeg"))]
        ban = {"ban": json.dumps(BAN | {"store_id": self.store_id, "name": who})}
        proposed = self.as_staff("POST", "/v1/watchlist/bans", data=ban, files=files)
        path = f"/v1/watchlist/bans/{proposed['id']}/approval"
        approved = self.as_colleague("Feng", path)
        self.check(approved["status"] == "in_force", f"the ban is {approved['status']}")
        self.row("ban", who, "in force", "theft, 90 days, two said so")

    def enter(self, who: str, decision: str, code: str, frame: bytes | None = None, why: str = "", **party: Any) -> Any:
        answer = self.at_gate("entries", who, decision, code, frame, why, gate="entry", **party)
        self._pass(self.entry, answer)
        return answer

    def leave(self, who: str, decision: str = "open", code: str = "goodbye", why: str = "") -> None:
        self._pass(self.exit, self.at_gate("exits", who, decision, code, why=why, gate="exit"))

    def _pass(self, door: Door, answer: Mapping[str, Any]) -> None:
        """Through an open door, which falls shut behind them; the other may open ten seconds later."""
        if answer["code"] in ("welcome", "goodbye"):
            door.tell("door_opened", "door_closed")
            self.now.ahead += timedelta(seconds=10)

    def at(self, hour: int, minute: int, what: str = "") -> None:
        """It is so late by the store's clock."""
        self.now.put_forward(time(hour, minute), STORE["timezone"])
        if what:
            self.heading(hour, minute, what)

    def watch_at(self, hour: int, minute: int) -> None:
        """Then the night watch is on its round."""
        assert self.pass_time
        self.at(hour, minute)
        self.camera.show(self.camera.view(), frames=1)
        self.pass_time(timedelta())
        self.called_at = perf_counter()

    def alerted(self, kind: str, what: str = "", *, by: str | None = None) -> Any:
        """The newest of a kind, as staff find it; one of them may look after it at once."""
        found = self.look(f"/v1/stores/{self.store_id}/alerts", kind=kind)["items"]
        self.check(bool(found), f"nobody was alerted of {kind}")
        names = {device_id: name for name, (device_id, _) in self.devices.items()}
        name = names.get(found[0]["device_id"], "store")
        self.row("alert", f"the {name}", found[0]["severity"], f"{kind}: {what}" if what else kind)
        if by:
            self.as_colleague(by, f"/v1/alerts/{found[0]['id']}/acknowledgement")
        return found[0]

    def told(self, device: Door, name: str) -> None:
        """What a device has done, told by a reaction or an emergency."""
        self.row("reacts", name, "done", device.hear())

    def guard_sees(self, screen: Screen, what: str, of: Callable[[Any], Sequence[Any]], *, since: datetime) -> Any:
        """The first of what the screen shows of that, as soon as there is any."""
        view = screen.watch(lambda view: datetime.fromisoformat(view["at"]) > since and of(view))
        self.row("screen", "Gu", "sees", f"{len(view['alerts'])} alerts, {what}")
        return of(view)[0]

    def compare(self, hit_id: str) -> None:
        """The face at the door with the one that was banned, as Gu does: each look is on record."""
        hit = self._looked_at(f"hits/{hit_id}").json()
        ban = self._looked_at(f"bans/{hit['ban_id']}").json()
        for picture in (f"hits/{hit_id}/frame", f"bans/{ban['id']}/photos/{ban['photo_ids'][0]}"):
            self.check(self._looked_at(picture).content.startswith(JPEG), f"{picture} is no picture")

    def _looked_at(self, what: str) -> httpx.Response:
        path = f"/v1/watchlist/{what}"
        return self.client.get(path, params=PURPOSE, headers=self.colleagues["Gu"]).raise_for_status()

    def as_colleague(self, who: str, path: str, **body: Any) -> Any:
        return self.call("POST", path, headers=self.colleagues[who], **body)

    def wall(self, instant: str) -> str:
        """What the store's clock shows then."""
        return f"{datetime.fromisoformat(instant).astimezone(ZoneInfo(STORE['timezone'])):%H:%M}"

    def _add(self, what: str, **body: Any) -> str:
        return str(self.as_staff("POST", f"/v1/stores/{self.store_id}/{what}", json=body)["id"])
