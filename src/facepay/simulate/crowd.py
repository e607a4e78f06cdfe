"""A store that is open for a while: people come by a Poisson process, enter, shop, pay and leave (docs/simulate.md)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeVar
from uuid import UUID

import httpx

from facepay.client import AsyncClient, Call, Refused, devices
from facepay.client.models import CheckoutAnswer, GateAnswer
from facepay.client.problems import Unavailable
from facepay.simulate.line import Line
from facepay.simulate.people import Kind, Person

Decided = TypeVar("Decided", GateAnswer, CheckoutAnswer)
GOOD = {"open", "paid"}
LOOKS_MAX = 3  # frames that somebody shows before they give up
PIECES_MAX = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """People come `arrivals_per_minute` on average for `seconds`, and look around for `dwell_seconds` on average."""

    gates: int
    kiosks: int
    shoppers: int
    seconds: float
    arrivals_per_minute: float
    lost_answers: float
    seed: int
    dwell_seconds: float = 2.0


@dataclass(slots=True)
class Device:
    """One person at a time stands before it."""

    name: str
    device_id: UUID
    client: AsyncClient
    line: Line
    waiting: int = 0
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    free: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Record:
    """What happened. `unknown` counts payments whose answer never came, `late` whoever came later than they should
    have because everybody was in the store.
    """

    arrived: int = 0
    late: int = 0
    inside: int = 0
    strangers_let_in: int = 0
    mistaken_for_others: int = 0
    unknown: int = 0
    paid: list[CheckoutAnswer] = field(default_factory=list)
    given_up: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass(slots=True)
class Crowd:
    """A store with its people, and what they do there."""

    plan: Plan
    gates: Sequence[Device]
    kiosks: Sequence[Device]
    people: Sequence[Person]
    skus: Sequence[str]
    dice: random.Random
    record: Record = field(default_factory=Record)

    async def live(self) -> None:
        """Until the doors close and the last has gone home."""
        at_home: asyncio.Queue[Person] = asyncio.Queue()
        for person in self.dice.sample(self.people, len(self.people)):
            at_home.put_nowait(person)
        opened = perf_counter()
        closes, comes_at = opened + self.plan.seconds, opened + self._gap()
        async with asyncio.TaskGroup() as visits:
            while comes_at < closes:
                await asyncio.sleep(comes_at - perf_counter())
                self.record.late += at_home.empty()
                person = await at_home.get()
                if perf_counter() >= closes:
                    break
                visits.create_task(self._visit(person, at_home))
                self.record.arrived += 1
                comes_at += self._gap()
        self.record.seconds = perf_counter() - opened

    def _gap(self) -> float:
        return self.dice.expovariate(self.plan.arrivals_per_minute / 60)

    async def _visit(self, person: Person, at_home: asyncio.Queue[Person]) -> None:
        """Whoever can't reach the server goes home."""
        try:
            await self._shop(person)
        except Refused as refused:
            self.record.given_up[refused.code] += 1
        except httpx.TransportError as error:
            self.record.given_up[type(error).__name__] += 1
        finally:
            at_home.put_nowait(person)

    async def _shop(self, person: Person) -> None:
        if not await self._pass(person, "entries"):
            return
        self.record.inside += 1
        try:
            await self._think(person)
            await self._pay(person)
            await self._think(person)
        finally:
            self.record.inside -= 1
            await self._pass(person, "exits")

    async def _pass(self, person: Person, way: devices.Way) -> bool:
        async with _shortest(self.gates) as gate:
            answer = await self._look(
                gate,
                person,
                lambda frame: devices.pass_gate(gate.device_id, way, frame),
                lambda asked, digits: devices.answer_at_gate(gate.device_id, way, asked.attempt_id, digits),
            )
            _count(gate, way, answer)
        self.record.strangers_let_in += person.kind is Kind.STRANGER and way == "entries" and answer.decision == "open"
        self._recognised(person, answer)
        return answer.decision == "open"

    async def _pay(self, person: Person) -> None:
        basket = {person.dice.choice(self.skus): person.dice.randint(1, PIECES_MAX)}
        async with _shortest(self.kiosks) as kiosk:
            try:
                answer = await self._look(
                    kiosk,
                    person,
                    lambda frame: devices.check_out(kiosk.device_id, basket, frame),
                    lambda asked, digits: devices.answer_at_kiosk(kiosk.device_id, asked.checkout_id, digits),
                )
            except (Unavailable, httpx.TransportError):
                self.record.unknown += 1
                raise
            _count(kiosk, "checkouts", answer)
        self._recognised(person, answer)
        if answer.decision == "paid":
            self.record.paid.append(answer)

    async def _look(
        self,
        device: Device,
        person: Person,
        show: Callable[[bytes], Call[Decided]],
        step_up: Callable[[Decided, str], Call[Decided]],
    ) -> Decided:
        """Into the camera, again where it didn't know them; they say the last digits of their phone where asked."""
        for look in range(LOOKS_MAX):
            frame = await asyncio.to_thread(person.frame)
            answer = await device.client(show(frame))
            if answer.step_up is not None:
                answer = await device.client(step_up(answer, (person.phone or "0000")[-4:]))
            if answer.decision in GOOD or answer.member is not None or look == LOOKS_MAX - 1:
                return answer
        raise AssertionError("the last look is answered")

    def _recognised(self, person: Person, answer: GateAnswer | CheckoutAnswer) -> None:
        if answer.member is not None and answer.member.id != person.member_id:
            self.record.mistaken_for_others += 1

    async def _think(self, person: Person) -> None:
        await asyncio.sleep(person.dice.expovariate(1 / self.plan.dwell_seconds))


@asynccontextmanager
async def _shortest(queues: Sequence[Device]) -> AsyncIterator[Device]:
    """The device with the shortest queue, once it is one's turn."""
    device = min(queues, key=lambda each: each.waiting)
    device.waiting += 1
    try:
        async with device.free:
            yield device
    finally:
        device.waiting -= 1


def _count(device: Device, operation: str, answer: GateAnswer | CheckoutAnswer) -> None:
    if answer.decision not in GOOD:
        device.refused[operation, answer.code] += 1
