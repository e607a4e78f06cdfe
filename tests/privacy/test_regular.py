"""A member who has done everything there is to do takes all that is held of them, and is then forgotten everywhere."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

import facepay.tables  # noqa: F401
from facepay.kernel.database import Base, Database
from facepay.privacy import export
from facepay.privacy.holdings import HOLDINGS, Fate, held_rows
from tests.conftest import OpenShop
from tests.privacy.catalogue import left_behind, naming, rows
from tests.privacy.house import BORN_ON, NAME, PHONE, PHOTO, Regular, add_regular
from tests.shop import Shop

pytestmark = pytest.mark.anyio
SECRET = {"pin_hash", "sealed", "wrapped_key", "candidate_ids", "member_a", "member_b"}
ERASING = {name for name, holding in HOLDINGS.items() if holding.fate in (Fate.ERASED, Fate.UNLINKED, Fate.STRIPPED)}


async def test_all_that_is_held_is_exported_and_then_erased_from_every_table_that_may_not_name_them(
    open_shop: OpenShop, database_url: str, owner_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 2)  # so that there are pages
    shop = await open_shop(step_up_above=1000)
    database = Database(database_url)
    regular = await add_regular(shop, database, teas=3)
    await _is_exported_without_secrets_and_others(shop, regular)

    before = rows(owner_database_url)
    visits = [json.loads(line)["id"] for line in before["visit"]]
    (holder,) = (json.loads(each)["id"] for each in before["access_holder"] if regular.id in each)
    held = naming(before, regular.id) | await _held(database, UUID(regular.id))
    assert held >= ERASING, (
        f"tests/privacy/house.py: the regular has left no row in {sorted(ERASING - held)}, so nothing shows that it is"
        " erased there"
    )
    (sealed,) = (json.loads(line)["sealed"] for line in before["template"])
    wrapped = json.loads(before["template_key"][0])["wrapped_key"]
    words = [NAME, PHONE[1:], holder, sealed[2:], wrapped[2:], PHOTO.decode(), str(BORN_ON)]
    for word in words:
        assert naming(before, word), "what is looked for has to be there first"

    receipt = await shop.do("DELETE", f"/v1/members/{regular.id}?forfeit=true")
    after = rows(owner_database_url)
    wrong = left_behind(after, member_id=regular.id, words=[*words, PHONE[3:]])
    assert not wrong, "\n".join(wrong)
    for visit in visits:
        assert naming(after, visit) <= {"idempotency_record", "passage"}  # of a visit that is gone
    (left,) = (line for line in map(json.loads, after["member"]) if line["id"] == regular.id)
    blank = {field for field, value in left.items() if value in (None, "", 0, False)}
    assert set(left) - blank == {"id", "status", "created_at", "updated_at"}
    assert set(receipt["erased"]) == ERASING | {"consent", "profiling_consent"}
    assert regular.id not in json.dumps(receipt)
    assert after["ledger.entries"][: len(before["ledger.entries"])] == before["ledger.entries"]
    await database.close()


async def _is_exported_without_secrets_and_others(shop: Shop, regular: Regular) -> None:
    response = await shop.client.get(f"/v1/members/{regular.id}/export", headers=shop.staff)
    assert response.headers["Cache-Control"] == "no-store"
    found: dict[str, Any] = response.json()
    tables = found["tables"]
    (member,) = tables["member"]
    assert (member["display_name"], member["phone"]) == (NAME, PHONE)
    held = {table: len(lines) for table, lines in tables.items()}
    assert {table for table, count in held.items() if count == 0} == set()
    assert (held["consent"], held["template"], held["visit"], held["shop_order"], held["order_line"]) == (1, 1, 2, 6, 5)
    assert tables["template"][0]["quality"]["eye_distance_px"] > 40
    assert [order["total"] for order in tables["shop_order"]] == [405, 11_800, 450, 450, 450, 500]
    assert {column for lines in tables.values() for line in lines for column in line} & SECRET == set()
    wallet = next(account for account in found["accounts"] if account["kind"] == "wallet")
    assert wallet["entries"][0]["posted_after"] == wallet["posted"]
    assert len(wallet["entries"]) > export.PAGE
    assert sum(entry["amount"] for entry in wallet["entries"]) == wallet["posted"]
    others = [each["id"] for each in (await shop.do("GET", "/v1/members"))["items"] if each["id"] != regular.id]
    assert others
    assert not any(other in json.dumps(found) for other in others)


async def _held(database: Database, member_id: UUID) -> set[str]:
    """The tables in which holdings.py finds rows of the member's."""
    tables = [table for table in Base.metadata.tables.values() if HOLDINGS[table.name].fate is not Fate.NOTHING_HELD]
    counts = [select(func.count()).select_from(table).where(held_rows(table, member_id)) for table in tables]
    async with database.begin() as session:
        return {table.name for table, count in zip(tables, counts, strict=True) if await session.scalar(count)}
