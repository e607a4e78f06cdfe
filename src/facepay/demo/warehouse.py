"""A luxury warehouse for a day: who passes its doors with what, who doesn't, and a log that nobody rewrites unseen."""

from __future__ import annotations

import asyncio
from datetime import datetime, time
from time import perf_counter
from typing import ClassVar
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import make_url

from facepay.access_log.log import LOG
from facepay.access_log.verify import verify
from facepay.demo.site import FACILITY, Factor, Site, badge, finger, invitation, pin, told
from facepay.demo.stage import STORE
from facepay.kernel.database import Database
from facepay.kernel.embedded import SUPERUSER
from facepay.kernel.proofs import Report
from facepay.vision import samples

PIN, FORCED_PIN = "271828", "904561"
PINS = {"pin": PIN}
PING_BADGE, PING_FINGER = 1017, "1017"
CONTRACT_ENDS = time(18)


class Warehouse(Site):
    title = "A luxury warehouse"
    begins_at: ClassVar[time | None] = time(7, 30)

    def play(self) -> None:
        self.faces["a thief"] = samples.stranger()
        with self.summed_up("set up", "the doors", "guarded", "hours, zones, a mantrap"):
            self.open_site()
        self._hire()
        self._begin_the_day()
        self._show_a_visitor_round()
        self._open_the_vault()
        self._end_a_contract()
        with self.doors["street"].listening(), self.doors["vault"].listening():
            self._be_forced()
            self._burn()
        self.list_alerts("emergency_declared", "emergency_declared", "access_duress", "fingerprint_untrusted")
        self._rewrite_the_log()
        self.sign_in()  # for whoever opens a page afterwards

    def pages(self) -> dict[str, str]:
        who = f"#store={self.store_id}&token={self.staff['Authorization'].split()[1]}"
        return {"The guard's view": f"/guard{who}", "Who is inside": f"/muster{who}"}

    def _hire(self) -> None:
        with self.summed_up("hire", "Lin, Mei", "enrolled", "face, PIN; the vault, too"):
            self.hire("Lin", "employee", "vault", pins=PINS, may_escort=True)
            self.hire("Mei", "employee", "vault", pins=PINS)
        with self.summed_up("hire", "Hao", "enrolled", "face, PIN, duress PIN"):
            self.hire("Hao", "employee", "hall", pins=PINS | {"duress_pin": FORCED_PIN})
        with self.summed_up("hire", "Ping", "added", "badge, finger; no face"):
            path = self.hire("Ping", "employee", "hall")
            self.as_staff("POST", f"{path}/badges", json={"facility_code": FACILITY, "number": PING_BADGE})
            self.as_staff("POST", f"{path}/fingerprints", json={"reader_user": PING_FINGER})
        with self.summed_up("hire", "Bo", "enrolled", f"a contractor, until {CONTRACT_ENDS:%H:%M}"):
            ends = self._today(CONTRACT_ENDS).isoformat()
            self.hire("Bo", "contractor", "hall", pins=PINS, valid_until=ends, company="Fix & Co")

    def _begin_the_day(self) -> None:
        """The thief has Ping's badge, and has tapped the reader's wire."""
        self.go("street in", "Lin", "denied", "outside_hours")
        self.at(8, 5, "The day begins")
        self.usual = self.go("street in", "Lin", "granted", "granted", *self._known("Lin"))
        touched = finger(self.touch(PING_FINGER))
        self.go("street in", "Ping", "granted", "granted", badge(PING_BADGE), touched)
        self.go("street in", "a thief", "denied", "result_replayed", badge(PING_BADGE), touched)
        self.go("street in", "a thief", "denied", "not_accepted", *self._known("a thief"), why="unknown_face")
        again = badge(PING_BADGE), finger(self.touch(PING_FINGER))
        self.go("street in", "Ping again", "denied", "already_inside", *again)

    def _show_a_visitor_round(self) -> None:
        """Without a face: an invitation, which opens nothing by itself."""
        self.at(10, 0, "A visitor")
        body = {
            "host_id": self.holders["Lin"],
            "profile_id": self.profiles["hall"],
            "visitor_name": "Yan",
            "valid_from": self.now().isoformat(),
            "valid_until": self._today(time(12)).isoformat(),
        }
        token = self.as_staff("POST", f"/v1/stores/{self.store_id}/invitations", json=body)["token"]
        self.row("invite", "Yan", "QR code", "by Lin, until 12:00")
        self.go("street in", "Yan", "denied", "not_accepted", invitation(token), why="invitation_unknown")
        taken_in = self.as_staff("POST", f"/v1/stores/{self.store_id}/redemptions", json={"token": token})
        self.ids["Yan"], self.holders["Yan"] = taken_in["member_id"], taken_in["id"]
        self.row("desk", "Yan", "taken in", "no face, no consent")
        self.go("street out", "Lin", "granted", "granted", self.face("Lin"), note="granted, to fetch her")
        self.go("street in", "Yan", "more", "next_person", invitation(token))
        self.go("street in", "with Mei", "denied", "escort_needed", *self._known("Mei"))
        with_lin = invitation(token), *self._known("Lin")
        self.go("street in", "Yan", "granted", "granted", *with_lin, note="granted, with Lin")
        self.go("street out", "Yan", "granted", "granted", invitation(token))

    def _open_the_vault(self) -> None:
        """A mantrap: from the street nobody comes into the hall while the vault stands open."""
        self.at(14, 0, "Watches for the vault")
        self.go("street in", "Mei", "granted", "granted", *self._known("Mei"))
        self.go("vault in", "Lin", "more", "next_person", *self._known("Lin"))
        self.go("vault in", "Lin twice", "denied", "same_holder", *self._known("Lin"))
        both = *self._known("Lin"), *self._known("Mei")
        self.go("vault in", "Lin", "granted", "granted", *both, note="granted, with Mei")
        self.doors["vault"].tell("door_opened")
        self.go("street in", "Bo", "denied", "door_interlocked", *self._known("Bo"))
        self.doors["vault"].tell("door_closed")
        self.go("street in", "Bo", "granted", "granted", *self._known("Bo"))

    def _end_a_contract(self) -> None:
        self.at(17, 50, "The contractor goes home")
        self.go("street out", "Bo", "granted", "granted", self.face("Bo"))
        self.at(18, 10, "His drill is still inside")
        self.go("street in", "Bo", "denied", "not_accepted", *self._known("Bo"), why="unknown_face")
        consent = self.as_staff("GET", f"/v1/members/{self.ids['Bo']}")["consent"]
        self.check(datetime.fromisoformat(consent["expires_at"]) <= self.now(), f"Bo's consent: {consent}")
        self.row("consent", "Bo", "ran out", "as his contract did")

    def _be_forced(self) -> None:
        self.at(19, 0, "Somebody forces Hao")
        forced = self.go("street in", "Hao", "granted", "granted", self.face("Hao"), pin(FORCED_PIN))
        self.check(told(forced) == told(self.usual), f"the door gave it away: {forced}")
        (alarm,) = self.look(f"/v1/stores/{self.store_id}/alerts", kind="access_duress")["items"]
        self.as_staff("POST", f"/v1/alerts/{alarm['id']}/acknowledgement")
        self.row("alarm", "the guard", alarm["severity"], f"{alarm['kind']}, in silence")
        lockdown = self._declare("lockdown", "Somebody was forced")
        self.go("street out", "Ping", "granted", "granted", badge(PING_BADGE))
        self.go("street in", "Ping", "denied", "lockdown")
        self._end(lockdown, "The police came")

    def _burn(self) -> None:
        """Nobody is looked up at an open door, so the list is who was inside when it began."""
        self.at(19, 30, "Smoke")
        fire = self._declare("release", "Smoke in the hall")
        self.go("vault out", "anybody", "granted", "emergency")
        self.go("street in", "firemen", "granted", "emergency")
        for zone in self.as_staff("GET", f"/v1/stores/{self.store_id}/muster")["zones"]:
            if zone["count"]:
                names = ", ".join(person["name"] for person in zone["people"])
                self.row("muster", f"the {zone['name']}", f"{zone['count']} inside", names)
        self._end(fire, "It was a heater")

    def _known(self, who: str) -> tuple[Factor, Factor]:
        return self.face(who), pin(PIN)

    def _declare(self, kind: str, reason: str) -> str:
        body = {"kind": kind, "reason": reason}
        emergency = self.as_staff("POST", f"/v1/stores/{self.store_id}/emergencies", json=body)
        self.row(kind, "the doors", self._hear(), reason)
        return str(emergency["id"])

    def _end(self, emergency: str, why: str) -> None:
        self.as_staff("POST", f"/v1/emergencies/{emergency}/end", json={"why": why})
        self._hear()
        self.row("end", "the doors", "as usual", why)

    def _hear(self) -> str:
        """What both doors have done, by their sensors."""
        done = {door.hear() for door in self.doors.values()}
        self.check(len(done) == 1, f"the doors differ: {done}")
        return str(done.pop()).removeprefix("door_")

    def _rewrite_the_log(self) -> None:
        """Somebody who may do anything in the database makes the thief's line a welcome."""
        self.at(19, 50, "Somebody rewrites the log")
        (event,) = self.log(code="result_replayed")
        self._prove("sealed")
        with self.summed_up("by hand", "somebody", "altered", "the thief was let in"):
            self._alter(event["id"], code="granted", decision="granted")
        report = self._verified()
        found = [finding.problem for finding in report.findings if event["id"] in finding.row]
        self.check(bool(found), f"nobody found event {event['id']}: {report}")
        self.row("verify", "the log", "wrong", f"event …{event['id'][-6:]} {found[0]}")
        self._alter(event["id"], code="result_replayed", decision="denied")
        self._prove("as it was")

    def _prove(self, why: str) -> None:
        report = self._verified()
        self.check(report.ok, str(report))
        self.row("verify", "the log", "in order", f"{report.checked['events']} events, {why}")

    def _verified(self) -> Report:
        start = perf_counter()
        report = asyncio.run(self._proof())
        self.took_ms = (perf_counter() - start) * 1000
        return report

    async def _proof(self) -> Report:
        database = Database(self._url(), pool_size=2)
        try:
            await LOG.seal_all(database)
            return await verify(database)
        finally:
            await database.close()

    def _alter(self, event_id: str, *, code: str, decision: str) -> None:
        """By hand: the row lets nobody change it, but whoever runs the server can say that rules don't count."""
        url = make_url(self._url()).set(drivername="postgresql", username=SUPERUSER)
        with psycopg.connect(url.render_as_string()) as connection:
            connection.execute("set session_replication_role = replica")
            update = "update access_event set code = %s, decision = %s where id = %s"
            connection.execute(update, [code, decision, event_id])

    def _url(self) -> str:
        assert self.database_url
        return self.database_url

    def _today(self, hour: time) -> datetime:
        return datetime.combine(self.now().astimezone(ZoneInfo(STORE["timezone"])), hour, ZoneInfo(STORE["timezone"]))
