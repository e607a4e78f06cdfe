"""The payment lane: whoever walks through it with their goods has paid when the exit opens, or is told why not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from facepay.demo.devices import Door, Passage, tag
from facepay.demo.stage import Stage, at_gate, at_kiosk, lines_of, yuan
from facepay.vision import samples

# Top-ups in fen. Yan can't quite afford a tea.
TOP_UPS = {"Lin": 20_000, "Mei": 20_000, "Bo": 10_000, "Yan": 200, "Hao": 10_000, "Ping": 10_000}
APP_USER, APP_USER_TOP_UP = "Wei", 10_000
LENT_MAX = 500
OWED = 450 - TOP_UPS["Yan"]
# By GS1's rules a pallet's label and no product's.
UNKNOWN_TAG = "311BA1B300CE0A6A83000000"
TEAS = [tag("TEA-001", serial) for serial in range(1, 7)]
BAOS = [tag("BAO-002", serial) for serial in range(1, 7)]
UMBRELLAS = [tag("UMB-003", serial) for serial in range(1, 7)]


class Lane(Stage):
    title = "Walk out and it is paid"

    def play(self) -> None:
        self.trips: dict[str, str] = {}
        self._open()
        self._come_in()
        self._walk_out_in_detail()
        door = Door(self, "lane")
        with door.listening():
            self._lock_and_unlock(door)
            self._finish_at_a_kiosk(door)
        self._walk_out_without_a_face()
        self._walk_out_together()
        self._walk_out_with_too_little()
        self._walk_out_with_what_was_sold()
        self._set_right()
        self.list_alerts("tag_sold_before", "goods_left_behind")

    def _open(self) -> None:
        self.open_store("gate", "kiosk", "lane")
        with self.summed_up("enrol", "six people", "enrolled", "consent, face, money"):
            self.enrol(TOP_UPS)
        with self.summed_up("register", APP_USER, "added", "the app for a face"):
            self.register(APP_USER, APP_USER_TOP_UP)
        policy = {"goods_from": "rfid", "debt_max": LENT_MAX}
        self.as_staff("PUT", f"/v1/lanes/{self.devices['lane'][0]}/policy", json=policy)

    def _come_in(self) -> None:
        self.at_gate("entries", "Lin", "open", "welcome", why="welcome, and a guest", guests=1)
        gate_id, headers = self.devices["gate"]
        group = self.call("POST", f"/v1/gates/{gate_id}/visit-groups", headers=headers)["id"]
        self.at_gate("entries", "Mei", "open", "welcome", why="welcome, pays for Bo", group_id=group)
        self.at_gate("entries", "Bo", "open", "welcome", why="welcome, in Mei's group", group_id=group)
        with self.summed_up("enter", "the others", "open", "welcome"):
            for who in ("Yan", "Hao", "Ping"):
                self.at_gate("entries", who, "open", "welcome")

    def _walk_out_in_detail(self) -> None:
        """Reads come in parts, out of order and twice, and the shelf beside the lane is read, too."""
        with_guest = samples.camera_frame([self.faces["Lin"], samples.stranger()])
        passage = self._begin("Lin")
        self.row("start", "Lin", "pending", "the lane is theirs")
        self._pending("read 2/3", "Lin", passage.read(TEAS[:1], part=2), 450)
        self._pending("face", "Lin", passage.look(with_guest), 450)
        self._pending("read 1/3", "Lin", passage.read([*BAOS[:1], *UMBRELLAS[:1]]), 7640)
        self._pending("2/3 again", "Lin", passage.read(TEAS[:1], part=2), 7640)
        self._pending("strays 3/3", "Lin", passage.read(UMBRELLAS[1:3], part=3, rssi_dbm=-71), 7640)
        self._decided("walk out", "Lin", passage.finish(), "release", "paid")

    def _lock_and_unlock(self, door: Door) -> None:
        passage = self._begin("Hao")
        passage.look(at_kiosk(self.faces["Hao"]))
        self._command(door, "lock", "The floor is wet")
        self._decided("walk out", "Hao", passage.finish(), "hold", "lane_locked")
        self._command(door, "unlock", "The floor is dry")
        self._decided("walk out", "Hao", passage.finish(), "release", "nothing_taken")

    def _finish_at_a_kiosk(self, door: Door) -> None:
        """One tag that the lane can't name, which is on a bun, and a tea that is put down after all."""
        held = self._walk("Ping", [*TEAS[1:2], UNKNOWN_TAG], "hold", "unknown_tag")
        kiosk_id, headers = self.devices["kiosk"]
        answer = self.call(
            "POST",
            f"/v1/kiosks/{kiosk_id}/passages/{held.id}",
            headers={**headers, "Idempotency-Key": str(uuid4())},
            files={"frame": ("frame.jpg", at_kiosk(self.faces["Ping"]), "image/jpeg")},
            data={"goods": json.dumps({"lines": lines_of({"BAO-002": 1}), "left_behind": TEAS[1:2]})},
        )
        self._decided("at kiosk", "Ping", answer, "release", "paid")
        self.row("open", "the lane", "done", door.hear())

    def _walk_out_without_a_face(self) -> None:
        passage = self._walk(APP_USER, TEAS[2:3], "hold", "no_face", samples.camera_frame([]))
        self._decided("QR code", APP_USER, passage.show_pass(self.pass_of(APP_USER)), "release", "paid")

    def _walk_out_together(self) -> None:
        """The goods go to the group, whoever of them carries what."""
        both = samples.camera_frame([self.faces["Bo"], self.faces["Mei"]])
        self._walk("Mei", [*TEAS[3:5], *BAOS[2:3]], "release", "paid", both, why=", with Bo")

    def _walk_out_with_too_little(self) -> None:
        self._walk("Yan", TEAS[5:6], "release", "paid", why=f", owes {yuan(OWED)}")
        debts = self.as_staff("GET", f"/v1/members/{self.ids['Yan']}/debts")["items"]
        self.check([debt["owed"] for debt in debts] == [OWED], f"Yan owes {debts} instead of {OWED}")

    def _walk_out_with_what_was_sold(self) -> None:
        """A tag that comes in again in somebody's bag isn't charged again, and somebody has a look."""
        with self.summed_up("enter", "Hao", "open", "with Lin's shopping"):
            self.at_gate("entries", "Hao", "open", "welcome")
        self._walk("Hao", TEAS[:1], "release", "nothing_taken", why=", 1 sold")

    def _set_right(self) -> None:
        """Purchases are known by their trips, for good."""
        kept = {"lines": lines_of({"TEA-001": 1, "BAO-002": 1}), "reason": "The umbrella came back"}
        adjusted = self._purchase("Lin", "adjustments", kept)["order"]
        self.row("adjust", "Lin", "refunded", f"{yuan(adjusted['refunded'])}, umbrella")
        cancelled = self._purchase(APP_USER, "cancellation", {"reason": "Never left the store"})["order"]
        self.row("cancel", APP_USER, cancelled["status"], f"{yuan(cancelled['refunded'])} given back")

    def _begin(self, who: str) -> Passage:
        passage = Passage(self)
        self.trips[who] = passage.trip_id
        return passage

    def _walk(
        self, who: str, tags: Sequence[str], decision: str, code: str, frame: bytes | None = None, *, why: str = ""
    ) -> Passage:
        """Through the lane in one go."""
        passage = self._begin(who)
        passage.look(frame or at_gate(self.faces[who]))
        passage.read(tags)
        self._decided("walk out", who, passage.finish(), decision, code, why)
        return passage

    def _pending(self, step: str, who: str, answer: Any, total: int) -> None:
        """What the lane's screen shows before the exit opens."""
        self.expect(answer, "pending", "processing", who)
        self.check(answer["total"] == total, f"{step}: {answer['total']} instead of {total}")
        held = ", on hold" if answer["held"] == total else ""
        self.row(step, who, "pending", f"shows {yuan(total)}{held}", answer["similarity"])

    def _decided(self, step: str, who: str, answer: Any, decision: str, code: str, why: str = "") -> None:
        self.expect(answer, decision, code, who)
        total = f", {yuan(answer['total'])}" if answer["total"] else ""
        self.row(step, who, decision, f"{code}{total}{why}", answer["similarity"])

    def _command(self, door: Door, kind: str, reason: str) -> None:
        body = {"command": {"kind": kind}, "reason": reason}
        self.as_staff("POST", f"/v1/devices/{self.devices['lane'][0]}/commands", json=body)
        self.row(kind, "the lane", "done", door.hear())

    def _purchase(self, who: str, change: str, body: dict[str, Any]) -> Any:
        headers = {"Idempotency-Key": str(uuid4())}
        return self.as_staff("POST", f"/v1/purchases/{self.trips[who]}/{change}", json=body, headers=headers)
