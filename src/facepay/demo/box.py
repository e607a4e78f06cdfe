"""A night in a box store without staff: the house has rules, its devices have eyes, and somebody far away is woken."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from facepay.demo.box_store import BoxStore
from facepay.demo.devices import tag
from facepay.demo.surveillance import TAPE, Screen
from facepay.vision import samples

ALERTS = (
    *("tailgating", "refused_repeatedly", "watchlist_hit", "watchlist_hit", "tag_unpaid"),
    *("camera_covered", "camera_moved", "camera_frozen", "door_forced", "door_held_open", "device_silent"),
    *("closing_soon", "inside_after_closing", "stayed_too_long", "nothing_moves", "emergency_declared"),
)


class Box(BoxStore):
    title = "A night in a box store"

    def play(self) -> None:
        self.open_box()
        self.screen = Screen(self, self.colleagues["Gu"])
        with ExitStack() as listening:
            for device in (self.entry, self.exit, self.kiosk):
                listening.enter_context(device.listening())
            self._come_in()
            self._follow()
            with self.screen.listening():
                self._stop_at_the_door()
            self._lay_hands_on_it()
            with self.screen.listening():
                self._break_in()
            self._stay()
            self._help()
        self._look_back()

    def _come_in(self) -> None:
        self.at(1, 10, "One party at a time")
        masked = self.enter("Bo", "deny", "face_covered", self._masked("Bo"), "the mask, please")
        self.check(masked["feedback"][0]["code"] == "take_the_mask_off", f"Bo is told {masked['feedback']}")
        entry_id, headers = self.devices["entry"]
        group = self.call("POST", f"/v1/gates/{entry_id}/visit-groups", headers=headers)["id"]
        self.enter("Bo", "open", "welcome", why="welcome, without it", group_id=group)
        waits = self.enter("Mei", "deny", "party_inside", why="party_inside, again in 30 s")
        self.check(waits["retry_after"] == 30, f"Mei waits for {waits['retry_after']} s")
        self.enter("Lin", "open", "welcome", why="to Bo, with a child", group_id=group, guests=1)
        self.enter("Hao", "deny", "store_full", why="store_full, though with Bo", group_id=group)
        self.at_kiosk("Lin", {"TEA-001": 2}, "paid", "paid")
        self.entry.tell("door_opened")
        self.leave("Lin", "deny", "door_interlocked", why="the entry stands open")
        self.entry.tell("door_closed")
        self.leave("Lin")
        self.leave("Bo")

    def _follow(self) -> None:
        at_the_heels = samples.camera_frame([self.faces["Hao"], samples.stranger()])
        answer = self.enter("Hao", "open", "welcome", at_the_heels, "welcome, two faces")
        self.check(answer["tailgate_suspected"], "nobody saw who followed Hao")
        self.watch_at(1, 18)
        self.alerted("tailgating", "2 faces, 1 in")
        self.leave("Hao")

    def _stop_at_the_door(self) -> None:
        self.at(1, 20, "People who are known")
        self.ban("Ping")
        for again in range(3):
            self.enter("a stranger", "deny", "unknown_face", samples.stranger(), "unknown_face" + ", again" * again)
        self.watch_at(1, 22)
        self.alerted("refused_repeatedly", "3 times")
        self._wait_for("refuse")
        self.enter("Ping", "deny", "please_ask_staff")
        self.at(1, 30)
        self._wait_for("admit")
        self.enter("Ping", "open", "welcome", why="welcome, Gu knows better")
        self.exit.tell("tags_seen", **{tag("UMB-003", 1): 12})
        self.leave("Ping")
        self.watch_at(1, 32)
        self.alerted("tag_unpaid", "an umbrella")

    def _wait_for(self, answer: str) -> None:
        """Ping at the door, and Gu before the screen."""
        since = self.now()
        waits = self.enter("Ping", "deny", "please_wait", why="please_wait, without a why")
        self.check(waits["retry_after"] is not None, "nobody says how long Ping waits")
        hit = self.guard_sees(self.screen, "1 waits", lambda view: view["hits"], since=since)
        self.compare(hit["id"])
        self.as_colleague("Gu", f"/v1/watchlist/hits/{hit['id']}/answer", json={"answer": answer})
        self.row("compare", "Gu", answer, "saw both faces, on record")

    def _lay_hands_on_it(self) -> None:
        self.at(1, 40, "Hands on the devices")
        camera, usual = self.camera, self.camera.view()
        self.check(camera.show(usual, frames=9) == [], "the camera sees what isn't there")
        self.check(camera.show(TAPE, frames=3) == ["covered"], "nobody sees the tape")
        self.alerted("camera_covered", "tape", by="Gu")
        self.told(self.entry, "the entry")
        self.enter("Mei", "deny", "gate_locked", why="gate_locked, nobody sees")
        self._see_again()
        self._command("unlock", "The tape is off")
        self.check(camera.show(camera.view(turned_px=60), frames=5) == ["moved"], "nobody sees that it turned")
        self.alerted("camera_moved", "it was turned", by="Gu")
        self._see_again()
        still = camera.frame(usual)
        self.check([camera.send(still) for _ in range(4)][-1] == ["frozen"], "nobody sees that it is one picture")
        self.alerted("camera_frozen", "one picture", by="Gu")
        self._see_again()
        self._beat()

    def _break_in(self) -> None:
        self.watch_at(1, 50)
        since = self.now()
        self.entry.tell("door_forced")
        self.alerted("door_forced", "not let in", by="Gu")
        self.told(self.kiosk, "the kiosk")
        self.guard_sees(self.screen, "a door is forced", _forced, since=since)
        self.exit.tell("door_held_open")
        self.alerted("door_held_open", "they ran")
        for door in (self.entry, self.exit):
            door.tell("door_closed")
        self.alerted("device_silent", "for 10 min")

    def _stay(self) -> None:
        self.at(2, 35, "Somebody stays")
        self.enter("Yan", "open", "welcome")
        self.watch_at(2, 52)
        self.alerted("closing_soon", "Yan is inside")
        self.told(self.kiosk, "the kiosk")
        self.at(3, 2)
        closed = self.enter("Mei", "deny", "outside_hours", why="outside_hours, until 04:00")
        self.check(self.wall(closed["opens_at"]) == "04:00", f"it opens at {closed['opens_at']}")
        self.watch_at(3, 16)
        self.alerted("stayed_too_long", "40 min")
        self.alerted("inside_after_closing")
        self.told(self.kiosk, "the kiosk")
        self.alert = self.alerted("nothing_moves", "for 30 min")

    def _help(self) -> None:
        self._called("Gu", "is with another store")
        self.watch_at(3, 22)
        self._called("Feng", "nobody came for 5 min")
        self.at(3, 23)
        self.as_colleague("Feng", f"/v1/alerts/{self.alert['id']}/acknowledgement")
        self.row("takes it", "Feng", "is on it", "7 min after it was raised")
        path = f"/v1/stores/{self.store_id}/emergencies"
        release = self.as_colleague("Feng", path, json={"kind": "release", "reason": "Yan lies on the floor"})
        self.row("release", "Feng", "declared", "doors open, ambulance comes")
        for door, name in ((self.entry, "the entry"), (self.exit, "the exit")):
            self.told(door, name)
        self.enter("a medic", "open", "emergency", samples.stranger(), "emergency, nobody looks up")
        (visit,) = self.look(f"/v1/stores/{self.store_id}/visits", inside=True)["items"]
        self.as_colleague("Feng", f"/v1/stores/{self.store_id}/visits/{visit['id']}/end")
        self.row("leave", "Yan", "ended", "carried out, is well")
        self.as_colleague("Feng", f"/v1/emergencies/{release['id']}/end", json={"why": "Yan is well"})
        self.row("release", "Feng", "ended", "doors are as they were")
        self.check({self.entry.hear(), self.exit.hear()} == {"door_unlocked"}, "a door isn't as it was")
        self.watch_at(3, 40)
        self._is_over("nothing_moves")

    def _look_back(self) -> None:
        self.at(4, 1, "It opens again")
        self.enter("Mei", "open", "welcome", why="welcome, at last")
        path = f"/v1/stores/{self.store_id}/alert-response-times"
        times = {each["kind"]: each for each in self.as_staff("GET", path)}["nothing_moves"]
        minutes = round(times["to_acknowledge"]["half"] / 60)
        self.check((minutes, times["escalated"]) == (7, 1), f"response times: {times}")
        self.row("response", "Feng", f"{minutes} min", "to nothing_moves")
        views = self.look("/v1/watchlist/views")["items"]
        self.row("views", "Feng", f"{len(views)} looks", "who saw the ban, what for")
        with self.summed_up("alerts", "the store", str(len(ALERTS)), "each once, with its record"):
            self.list_alerts(*ALERTS)

    def _masked(self, who: str) -> bytes:
        assert self.engine
        (face, *_) = self.engine.analyse(self.faces[who], points=True).faces
        assert face.points is not None
        return samples.masked(self.faces[who], face.points)

    def _see_again(self) -> None:
        self.check(self.camera.show(self.camera.view(), frames=3) == [], "the camera isn't well")

    def _command(self, kind: str, reason: str) -> None:
        body = {"command": {"kind": kind}, "reason": reason}
        self.as_staff("POST", f"/v1/devices/{self.devices['entry'][0]}/commands", json=body)
        self.row(kind, "the entry", "done", self.entry.hear())

    def _beat(self) -> None:
        """The last sign of life of the kiosk."""
        kiosk_id, headers = self.devices["kiosk"]
        beat = {"sent_at": self.now().isoformat()}
        self.call("POST", f"/v1/devices/{kiosk_id}/heartbeats", headers=headers, json=beat)

    def _called(self, who: str, why: str) -> None:
        step = self.look(f"/v1/alerts/{self.alert['id']}/escalations")[-1]
        names = {staff["id"]: staff["display_name"] for staff in self.look("/v1/staff")["items"]}
        called = [names[each] for each in step["staff_ids"]]
        self.check(called == [who], f"{called} are called instead of {who}")
        self.row("call", who, f"step {step['level']}", why)

    def _is_over(self, kind: str) -> None:
        (alert,) = self.look(f"/v1/stores/{self.store_id}/alerts", kind=kind)["items"]
        self.check(alert["resolved_by"] == "patrol", f"{kind} was resolved by {alert['resolved_by']}")
        self.row("alert", "the store", "resolved", f"{kind}, by itself")


def _forced(view: Any) -> list[Any]:
    return [door for door in view["doors"] if door["state"] == "forced"]
