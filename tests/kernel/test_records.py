"""Records that are written in one statement are what the ORM would have written, and are the session's from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from math import nan
from uuid import uuid4

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from facepay.kernel.database import Database, Prepared
from facepay.kernel.ids import new_id
from facepay.kernel.records import columns_of, loaded, write_down
from facepay.members.biometric_uses import BiometricUse, Use, record_use
from facepay.members.members import Member
from facepay.webhooks.events import WebhookEvent
from tests.checkout.test_round_trips import recorded

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 5, 4, 12, 30, 15, 123456, tzinfo=UTC)
BY_ID = Prepared(select(*columns_of(Member)).where(Member.id == bindparam("member_id")))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=2)
    yield database
    await database.close()


def somebody() -> Member:
    return Member(id=new_id(), display_name='Ada "Countess" \\ Żółć', created_at=NOW, updated_at=NOW)


async def test_what_refers_to_something_new_is_written_with_it_and_before_it(database: Database) -> None:
    member = somebody()
    async with database.begin() as session:
        record_use(session, member_id=member.id, use=Use.RECOGNISED, actor="device:1", similarity=0.1 + 0.2, now=NOW)
        record_use(session, member_id=member.id, use=Use.STEPPED_UP, actor="device:1", similarity=nan, now=NOW)
        session.add(member)
        await session.connection()  # a new one sends statements of its own
        with recorded() as sent:
            await write_down(session)
        assert len(sent) == 1
        member.pin_failures = 2  # is noticed as of any other record
    async with database.begin() as session:
        kept = await session.get_one(Member, member.id)
        assert (kept.display_name, kept.status, kept.pin_failures) == (member.display_name, "active", 2)
        assert (kept.created_at, kept.phone) == (NOW, None)
        uses = (await session.scalars(select(BiometricUse).order_by(BiometricUse.id))).all()
        assert [use.use for use in uses] == ["recognised", "stepped_up"]
        assert uses[0].similarity == 0.1 + 0.2
        assert uses[1].similarity != uses[1].similarity


async def test_what_refers_to_nothing_is_refused_as_ever(database: Database) -> None:
    async with database.begin() as session:
        record_use(session, member_id=uuid4(), use=Use.RECOGNISED, actor="device:1", now=NOW)
        with pytest.raises(IntegrityError):
            await write_down(session)
        await session.rollback()


async def test_what_the_database_has_to_number_is_numbered(database: Database) -> None:
    async with database.begin() as session:
        event = WebhookEvent(type="order.paid", subject_id=uuid4(), body="{}", occurred_at=NOW)
        session.add(event)
        await write_down(session)
        assert event.number > 0


async def test_what_is_loaded_is_the_sessions_own(database: Database) -> None:
    async with database.begin() as session:
        session.add(member := somebody())
    async with database.begin() as session:
        [row] = await BY_ID.rows(session, member_id=member.id)
        found = loaded(session, Member, row)
        assert loaded(session, Member, row) is found
        assert await session.get(Member, member.id) is found
        assert found not in session.dirty
        found.pin_failures = 3
    async with database.begin() as session:
        assert (await session.get_one(Member, member.id)).pin_failures == 3
