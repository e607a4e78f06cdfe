"""A store with doors, zones and people who may pass them, set up by the functions that the API calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.credentials import Credential
from facepay.access.door_pins import set_door_pin
from facepay.access.holders import HolderKind, add_holder
from facepay.access.points import add_access_point
from facepay.access.policies import Rule, add_policy, change_policy
from facepay.access.presence import presence_of
from facepay.access.profiles import HolderProfile, NewRule, add_profile
from facepay.access.zones import add_zone
from facepay.access_log.log import AccessEvent, AccessEventPerson
from facepay.alerts.alerts import Alert
from facepay.alerts.sightings import count as count_sightings
from facepay.edge_device import sign_finger_match
from facepay.members.members import register
from facepay.schedules.schedules import Timetable, add_schedule
from facepay.stores.devices import DeviceRole, change_device, register_device
from tests.conftest import Clock
from tests.photos import people, variant
from tests.shop import Shop

ACTOR = "staff:somebody"
FACILITY = 7
PIN, DURESS = "271828", "314159"


@dataclass(frozen=True)
class Reader:
    """A fingerprint reader that matches on its own, and signs."""

    id: UUID
    key: Ed25519PrivateKey
    clock: Clock
    counter: count[int] = field(default_factory=lambda: count(1))

    def result(
        self, user: str, *, counter: int | None = None, live: bool = True, matched_at: datetime | None = None
    ) -> str:
        return sign_finger_match(
            user=user,
            score=87.5,
            counter=next(self.counter) if counter is None else counter,
            live=live,
            device_id=self.id,
            key=self.key,
            matched_at=matched_at or self.clock(),
            nonce=uuid4().hex,
        )


@dataclass(frozen=True)
class Way:
    """One way through a door, as the door's controller talks to it."""

    shop: Shop
    point_id: UUID
    device_id: UUID
    token: dict[str, str]

    async def open(self, *, key: str | None = None) -> dict[str, Any]:
        answer = await self._post("", key)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def give(
        self, attempt: dict[str, Any], factor: str, *, key: str | None = None, **body: Any
    ) -> dict[str, Any]:
        answer = await self._post(f"/{attempt['attempt_id']}/{factor}", key, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def face(self, attempt: dict[str, Any], frame: bytes | int) -> dict[str, Any]:
        body = frame if isinstance(frame, bytes) else variant(people()[frame], quality=70, scale=0.9)
        headers = {"Content-Type": "image/jpeg"}
        answer = await self._post(f"/{attempt['attempt_id']}/face", None, content=body, headers=headers)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def badge(self, attempt: dict[str, Any], number: int) -> dict[str, Any]:
        return await self.give(attempt, "badge", facility_code=FACILITY, number=number)

    async def by_badge(self, number: int, pin: str | None = None) -> dict[str, Any]:
        """A whole attempt: badge, then PIN where there is one."""
        attempt = await self.open()
        if attempt["decision"] != "more":
            return attempt
        answer = await self.badge(attempt, number)
        return await self.give(attempt, "pin", pin=pin) if pin else answer

    async def _post(self, path: str, key: str | None, **request: Any) -> httpx.Response:
        headers = self.token | {"Idempotency-Key": key or uuid4().hex} | request.pop("headers", {})
        url = f"/v1/access-points/{self.point_id}/attempts{path}"
        return await self.shop.client.post(url, headers=headers, **request)


@dataclass
class Site:
    shop: Shop
    app: FastAPI
    clock: Clock
    names: count[int] = field(default_factory=count)

    @property
    def store_id(self) -> UUID:
        return UUID(self.shop.store_id)

    def _name(self) -> str:
        return f"No. {next(self.names)}"

    async def zone(self, **fields: Any) -> UUID:
        plain = {"name": self._name(), "capacity_max": None, "anti_passback": "none", "anti_passback_minutes": None}
        async with self.app.state.database.begin() as session:
            made = await add_zone(session, store_id=self.store_id, fields=plain | fields, actor=ACTOR, now=self.clock())
        return made.id

    async def policy(self, *rules: dict[str, Any]) -> UUID:
        async with self.app.state.database.begin() as session:
            made = await add_policy(
                session,
                store_id=self.store_id,
                name=self._name(),
                rules=[Rule.model_validate(each) for each in rules],
                actor=ACTOR,
                now=self.clock(),
            )
        return made.id

    async def change_policy(self, policy_id: UUID, *rules: dict[str, Any]) -> None:
        new = [Rule.model_validate(each) for each in rules]
        async with self.app.state.database.begin() as session:
            await change_policy(session, policy_id=policy_id, name=None, rules=new, actor=ACTOR, now=self.clock())

    async def schedule(self, **weekly: Any) -> UUID:
        hours = Timetable.model_validate({"weekly": weekly})
        async with self.app.state.database.begin() as session:
            made = await add_schedule(
                session, store_id=self.store_id, name=self._name(), timetable=hours, now=self.clock()
            )
        return made.id

    async def way(
        self,
        policy_id: UUID,
        to: UUID | None,
        *,
        out_of: UUID | None = None,
        readers: Sequence[Reader] = (),
        door: Way | None = None,
        enabled: bool = True,
    ) -> Way:
        """Through a door of its own, or through the one of another way."""
        async with self.app.state.database.begin() as session:
            device_id, token = (door.device_id, door.token) if door else await self._register(session, DeviceRole.DOOR)
            fields = {
                "name": self._name(),
                "device_id": device_id,
                "from_zone_id": out_of,
                "to_zone_id": to,
                "policy_id": policy_id,
                "enabled": enabled,
            }
            point = await add_access_point(
                session,
                store_id=self.store_id,
                fields=fields,
                reader_ids=[each.id for each in readers],
                actor=ACTOR,
                now=self.clock(),
            )
        return Way(self.shop, point.id, device_id, token)

    async def reader(self) -> Reader:
        async with self.app.state.database.begin() as session:
            device_id, _ = await self._register(session, DeviceRole.READER)
        reader = Reader(device_id, Ed25519PrivateKey.generate(), self.clock)
        await self.give_key(reader, reader.key)
        return reader

    async def give_key(self, reader: Reader, key: Ed25519PrivateKey) -> None:
        async with self.app.state.database.begin() as session:
            public = key.public_key().public_bytes_raw()
            await change_device(session, device_id=reader.id, changes={"public_key": public})

    async def _register(self, session: AsyncSession, role: DeviceRole) -> tuple[UUID, dict[str, str]]:
        device, token = await register_device(
            session, store_id=self.store_id, role=role, name=self._name(), lasts=None, now=self.clock()
        )
        return device.id, {"Authorization": f"Bearer {token}"}

    async def profile(self, *rules: NewRule) -> UUID:
        async with self.app.state.database.begin() as session:
            return await self._add_profile(session, *rules)

    async def _add_profile(self, session: AsyncSession, *rules: NewRule) -> UUID:
        made = await add_profile(
            session, store_id=self.store_id, name=self._name(), rules=rules, actor=ACTOR, now=self.clock()
        )
        return made.id

    async def holder(
        self, *profiles: UUID, member_id: str | None = None, kind: HolderKind = "employee", **fields: Any
    ) -> UUID:
        """Somebody new, or a member; everywhere and always unless profiles say otherwise."""
        now = self.clock()
        plain: dict[str, Any] = {"may_escort": False, "escort_required": False, "anti_passback_exempt": False}
        plain |= {"kind": kind, "face_ends": False}
        if kind != "employee":
            plain["valid_until"] = now + timedelta(days=1)
        async with self.app.state.database.begin() as session:
            profiles = profiles or (await self._add_profile(session, NewRule("allow")),)
            member = (
                UUID(member_id) if member_id else (await register(session, display_name="Wei", phone=None, now=now)).id
            )
            holder = await add_holder(
                session, store_id=self.store_id, member_id=member, fields=plain | fields, actor=ACTOR, now=now
            )
            session.add_all(HolderProfile(holder_id=holder.id, profile_id=each) for each in profiles)
        return holder.id

    async def badge(self, holder_id: UUID, **fields: Any) -> int:
        """Its number."""
        number = 1000 + next(self.names)
        await self._issue(holder_id, "badge", card_format="wiegand26", facility_code=FACILITY, number=number, **fields)
        return number

    async def finger(self, holder_id: UUID) -> str:
        """Whom readers know it as."""
        user = f"user-{next(self.names)}"
        await self._issue(holder_id, "fingerprint", reader_user=user)
        return user

    async def pin(self, holder_id: UUID, pin: str = PIN, duress_pin: str | None = DURESS) -> None:
        async with self.app.state.database.begin() as session:
            await set_door_pin(
                session,
                holder_id=holder_id,
                pin=pin,
                duress_pin=duress_pin,
                hasher=self.app.state.password_hasher,
                actor=ACTOR,
                now=self.clock(),
            )

    async def _issue(self, holder_id: UUID, kind: str, **fields: Any) -> None:
        async with self.app.state.database.begin() as session:
            session.add(Credential(holder_id=holder_id, kind=kind, created_at=self.clock(), **fields))

    async def where(self, holder_id: UUID) -> UUID | None:
        """The zone they are in."""
        async with self.app.state.database.read() as session:
            there = await presence_of(session, holder_id=holder_id)
        return there.zone_id if there else None

    async def logged(self) -> list[AccessEvent]:
        """Attempts, the newest first."""
        async with self.app.state.database.read() as session:
            attempts = select(AccessEvent).where(AccessEvent.kind == "attempt").order_by(AccessEvent.id.desc())
            return list(await session.scalars(attempts))

    async def persons(self, event: AccessEvent) -> list[AccessEventPerson]:
        async with self.app.state.database.read() as session:
            theirs = select(AccessEventPerson).where(AccessEventPerson.event_id == event.id)
            return list(await session.scalars(theirs.order_by(AccessEventPerson.place)))

    async def alerts(self) -> dict[str, Alert]:
        """By kind, and counted."""
        async with self.app.state.database.begin() as session:
            await count_sightings(session, store_id=self.store_id, now=self.clock())
            return {each.kind: each for each in await session.scalars(select(Alert))}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer but for what differs each time."""
    return {name: value for name, value in answer.items() if name not in ("attempt_id", "expires_at", "timings_ms")}
