"""Whoever wants to be forgotten is, everywhere, and gets a receipt; nobody's money is forgotten with them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint, delete, func, select, update

import facepay.tables  # noqa: F401
from facepay.identity.lookalikes import Lookalike, hold_pairs
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Base, Database
from facepay.kernel.secrets import MasterKey
from facepay.members.members import get_member
from facepay.online.audit import CHECKS
from facepay.privacy.holdings import HOLDINGS, Fate
from facepay.privacy.receipts import Signer, is_genuine
from facepay.review.disputes import Dispute
from facepay.templates.templates import lock_gallery
from facepay.wallet.accounts import REFUNDS_DUE, balance, house
from facepay.wallet.providers.provider import Movement, PaymentProvider
from facepay.wallet.top_ups import ProviderCustomer, TopUp, record, submit
from facepay.wallet.verify import verify
from tests.answers import verdict
from tests.conftest import OpenShop
from tests.locks import somebody_waits
from tests.photos import people, variant
from tests.privacy.catalogue import columns, left_behind, undeclared
from tests.privacy.house import NAME, PHONE
from tests.review.counter import Counter
from tests.shop import Shop

pytestmark = pytest.mark.anyio
ERASING = {name for name, holding in HOLDINGS.items() if holding.fate in (Fate.ERASED, Fate.UNLINKED, Fate.STRIPPED)}


def test_every_table_and_column_that_holds_something_of_a_member_is_declared(owner_database_url: str) -> None:
    there = columns(owner_database_url)
    missing = undeclared(there)
    assert not missing, "\n".join(missing)
    assert not set(HOLDINGS) - {column.table for column in there}, "privacy/holdings.py lists tables that are gone"
    assert set(Base.metadata.tables) <= set(HOLDINGS)


def test_what_somebody_adds_and_doesnt_declare_is_found(owner_database_url: str) -> None:
    assert undeclared(columns(owner_database_url)) == []
    added = {
        "create table diary (words text)": "doesn't list the table 'diary'",
        "alter table stock add taken_by uuid references member": "stock.taken_by names a member",
        "alter table visit add host_ids uuid[]": "visit.host_ids names a member",
        "alter table stock add order_id uuid references shop_order": "stock.order_id points at shop_order",
    }
    with psycopg.connect(owner_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        for made in added:
            connection.execute(made)
    missing = undeclared(columns(owner_database_url))
    assert len(missing) == len(added)
    for told in added.values():
        (found,) = (each for each in missing if told in each)
        assert "privacy/holdings.py" in found


def test_what_erasure_leaves_behind_is_found_in_any_column() -> None:
    member, words = "01a2164b-0000-7000-8000-000000000001", [NAME, PHONE]
    found = {
        "webhook_event": [json.dumps({"id": "1", "data": {"who": [member]}})],
        "shop_order": [json.dumps({"id": "1", "member_id": member, "reason": f"{NAME} forgot"})],
        "visit": [json.dumps({"id": "1", "note": f"\\\\x{PHONE.encode().hex()}", "member_id": None})],
        "diary": [json.dumps({"words": member.replace("-", "")})],
        "coupon": [json.dumps({"id": "1", "member_id": member, "skus": [member]})],
    }
    wrong = left_behind(found, member_id=member, words=words)
    assert [each.split(". ")[0] for each in wrong] == [
        f"{NAME!r} stands in shop_order.reason",
        f"{PHONE!r} stands in visit.note",
        "their id stands in coupon.skus",
        "their id stands in diary.words",
        "their id stands in webhook_event.data",
    ]


def test_whatever_points_at_rows_that_are_erased_is_found_by_an_index() -> None:
    """Or Postgres reads the whole table for each row: a regular's 300 visits took 9 s among 100,000 entries."""
    for table in Base.metadata.tables.values():
        unique = (each for each in table.constraints if isinstance(each, PrimaryKeyConstraint | UniqueConstraint))
        leading = {column.name for each in (*table.indexes, *unique) for column in list(each.columns)[:1]}
        for key in table.foreign_keys:
            if HOLDINGS[key.column.table.name].fate is Fate.ERASED:
                assert key.parent.name in leading, f"{table.name}.{key.parent.name} has no index"


async def test_no_index_and_no_statistics_keep_the_name(shop: Shop, owner_database_url: str) -> None:
    """Statistics hold samples of what stands in a column, and outlive the rows."""
    member = await shop.add_member(0, enrol=False, phone=PHONE)
    await shop.do("PATCH", f"/v1/members/{member}", json={"display_name": NAME})
    await shop.add_member(1, enrol=False, phone="+8613800138001")
    with psycopg.connect(owner_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("analyze")
        await shop.do("DELETE", f"/v1/members/{member}")
        sampled = connection.execute(
            "select tablename, attname from pg_stats where schemaname = 'public'"
            " and concat(most_common_vals::text, histogram_bounds::text) ~ %s",
            [f"{NAME}|{PHONE[1:]}|[{{,]{PHONE[-4:]}[,}}]"],
        ).fetchall()
        connection.execute("set enable_seqscan = off")
        found = connection.execute("select id from member where phone = %s", [PHONE]).fetchall()
    assert (sampled, found) == ([], [])


async def test_no_replica_and_no_repeated_answer_knows_an_erased_member(open_shop: OpenShop) -> None:
    shop, replica = await open_shop(), await open_shop()
    member = await shop.add_member(0, balance=1000)
    entry = (await replica.at_gate(0, key="entry-0001")).json()
    assert entry["code"] == "welcome"
    await shop.do("DELETE", f"/v1/members/{member}?forfeit=true")
    again = (await replica.at_gate(0, key="entry-0001")).json()
    assert again["decision"] == entry["decision"], "a retry is still answered, and doesn't act again"
    assert member not in json.dumps(again)
    assert again["member"]["display_name"] == ""
    frame = variant(people()[0], quality=60, scale=0.8)
    assert (await replica.at_gate(frame, key="entry-0002")).json()["code"] == "unknown_face"
    for each in (shop, replica):
        assert each.app.state.gallery.size == 0
    assert await shop.add_member(0), "the face is free to be enrolled by whoever it belongs to"


async def test_no_repeated_answer_keeps_what_was_said_in_a_dispute(shop: Shop, app: FastAPI) -> None:
    member = await shop.add_member_without_face()
    entry = (await shop.pass_at_gate((await shop.issue_pass(member))["pass"])).json()
    decision = {"kind": "gate_attempt", "id": entry["attempt_id"]}
    body = {"decision": decision, "said_by": "member", "reason": "I was at my doctor's"}
    dispute = await shop.do("POST", "/v1/disputes", json=body)
    path, key = f"/v1/disputes/{dispute['id']}/resolution", {"Idempotency-Key": "resolution-1"}
    resolution = {"verdict": "right", "note": "It was you, with a bandage"}
    first = await shop.do("POST", path, json=resolution, headers=key)
    await shop.do("DELETE", f"/v1/members/{member}?forfeit=true")
    again = await shop.do("POST", path, json=resolution, headers=key)
    assert again == first | {"reason": "", "note": ""}


async def test_a_receipt_is_signed_given_again_and_an_altered_one_is_not_genuine(shop: Shop, app: FastAPI) -> None:
    member = await shop.add_member(0)
    withdrawn = await shop.do("DELETE", f"/v1/members/{member}/face")
    assert (withdrawn["scope"], withdrawn["reason"]) == ("face", "withdrawal")
    assert withdrawn["erased"] == {"template": 1, "template_key": 1, "consent": 1}
    again = await shop.do("DELETE", f"/v1/members/{member}/face")
    assert again["erased"] == {}
    erased = await shop.do("DELETE", f"/v1/members/{member}", headers={"Idempotency-Key": "forget-me-0001"})
    assert (erased["scope"], erased["reason"]) == ("member", "request")
    headers = shop.staff | {"Idempotency-Key": "forget-me-0001"}
    retried = await shop.client.delete(f"/v1/members/{member}", headers=headers)
    assert (retried.json(), retried.headers["Idempotency-Replayed"]) == (erased, "true")
    assert verdict(await shop.client.delete(f"/v1/members/{member}", headers=shop.staff)) == (404, "member_not_found")
    assert await shop.do("GET", f"/v1/erasures/{erased['id']}") == erased
    assert (await shop.do("GET", "/v1/erasures"))["items"] == [erased, again, withdrawn]
    public_key = Signer(app.state.master_key).public_key
    assert all(is_genuine(receipt, public_key=public_key) for receipt in (withdrawn, again, erased))
    assert not is_genuine(withdrawn, public_key=Signer(MasterKey.from_text(MasterKey.generate_text())).public_key)
    for part, value in (("erased", {"template": 2}), ("reason", "retention"), ("erased_at", "2020-01-01T00:00:00Z")):
        assert not is_genuine(withdrawn | {part: value}, public_key=public_key)
    assert not is_genuine({}, public_key=public_key)


async def test_a_wallet_with_money_is_only_erased_when_the_member_gives_it_up(
    shop: Shop, database_url: str, app: FastAPI
) -> None:
    member = await shop.add_member(0)
    await shop.top_up_by_provider(member, 10_000)
    paid = await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"TEA-001": 1})
    order = paid.json()["order"]["id"]
    refused = await shop.client.delete(f"/v1/members/{member}", headers=shop.staff)
    assert verdict(refused) == (409, "wallet_not_empty")
    assert refused.json()["balances"] == {"CNY": 9550}
    assert (await shop.at_gate(0)).json()["code"] == "welcome", "a refusal erases nothing"
    await shop.do("POST", f"/v1/members/{member}/wallet/freeze", json={"reason": "looked into"})
    frozen = await shop.client.delete(f"/v1/members/{member}?forfeit=true", headers=shop.staff)
    assert verdict(frozen) == (409, "wallet_frozen")
    await shop.do("DELETE", f"/v1/members/{member}/wallet/freeze")
    receipt = await shop.do("DELETE", f"/v1/members/{member}?forfeit=true")
    assert receipt["given_up"] == {"CNY": 9550}
    async with app.state.database.begin() as session:
        assert (await balance(session, house(REFUNDS_DUE).id)).posted == 9550
    late = await shop.client.post(
        f"/v1/orders/{order}/refunds", json={"reason": "stale"}, headers=shop.staff | {"Idempotency-Key": "late-0001"}
    )
    assert verdict(late) == (409, "refund_refused"), "and credits nobody's wallet"
    assert (await verify(app.state.database, extra_checks=CHECKS)).ok


async def test_nobody_is_erased_while_their_money_is_under_way(open_shop: OpenShop, database_url: str) -> None:
    shop = await open_shop(provider_delay_ms=3_600_000, provider_wait_ms=0)
    member = await shop.add_member_without_face()
    await shop.top_up_by_provider(member, 5000)
    refused = await shop.client.delete(f"/v1/members/{member}?forfeit=true", headers=shop.staff)
    assert verdict(refused) == (409, "money_underway")
    assert refused.json()["pending"] == {"top_ups": 1, "top_up_refunds": 0}


@dataclass(frozen=True)
class SlowProvider:
    """Takes its time to say whom it knows a member as."""

    real: PaymentProvider
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def bind(self, member_id: UUID) -> str:
        self.asked.set()
        await self.go_on.wait()
        return await self.real.bind(member_id)

    async def charge(self, **wanted: Any) -> Movement:
        return await self.real.charge(**wanted)


async def test_a_provider_that_answers_late_doesnt_bring_an_erased_member_back(shop: Shop, app: FastAPI) -> None:
    member, now = UUID(await shop.add_member_without_face()), utc_now()
    database, slow = app.state.database, SlowProvider(app.state.provider)
    async with database.begin() as session:
        top_up = await record(session, member_id=member, amount=500, currency="CNY", actor="staff:test", now=now)
    sending = asyncio.create_task(submit(database, cast("PaymentProvider", slow), top_up))
    await slow.asked.wait()
    async with database.begin() as session:
        row = await session.get_one(TopUp, top_up.id)
        row.status, row.failure_code, row.settled_at = "failed", "declined", now
    await shop.do("DELETE", f"/v1/members/{member}")
    slow.go_on.set()
    await sending
    async with database.begin() as session:
        assert await session.scalar(select(func.count()).select_from(ProviderCustomer)) == 0


@pytest.mark.parametrize("way", ["erased", "enrolled"])
async def test_of_two_who_look_alike_one_is_erased_while_the_other_is_erased_or_enrols(
    shop: Shop, app: FastAPI, way: str
) -> None:
    database: Database = app.state.database
    counter, members = Counter(shop), [await shop.add_member(number) for number in (0, 1)]
    attempts = [(await shop.at_gate(number)).json()["attempt_id"] for number in (0, 1)]
    for attempt, actual in zip(attempts, reversed(members), strict=True):
        await counter.resolved(await counter.opened("gate_attempt", attempt), "wrong", actual_member_id=actual)
    path = f"/v1/members/{members[1]}"
    measured = {"reason": "measured", "marked_by": None}
    async with database.begin() as session:
        await session.execute(update(Lookalike).values(measured))
    async with database.begin() as session:  # what erasing the first one does, as far as they meet
        await get_member(session, UUID(members[0]), lock=True)
        await hold_pairs(session, member_id=UUID(members[0]))
        if way == "erased":
            request = shop.client.delete(path, headers=shop.staff)
        else:
            files = [("frames", ("face.jpg", people()[1], "image/jpeg"))]
            request = shop.client.put(f"{path}/face", files=files, headers=shop.staff)
        meanwhile = asyncio.create_task(request)
        await somebody_waits(database)
        await session.execute(delete(Dispute).where(Dispute.member_id == UUID(members[0])))
        await session.execute(delete(Lookalike))
        await lock_gallery(session)
    assert (await meanwhile).status_code == 200
