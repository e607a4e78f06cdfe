"""One key, one effect, whoever holds the claim and however long ago."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from facepay.kernel import idempotency as keys
from facepay.kernel.database import Database
from facepay.kernel.idempotency import Idempotency, IdempotencyKeyInUse, IdempotencyKeyReused
from facepay.kernel.ids import new_id
from facepay.kernel.schemas import Answer
from tests.conftest import Clock

pytestmark = pytest.mark.anyio
BODY, OTHER_BODY = (b"b" * 32,), (b"o" * 32,)


class Done(Answer):
    by: str


@pytest.fixture
async def idempotency(database_url: str, clock: Clock) -> Idempotency:
    return Idempotency(
        Database(database_url), [b"secret"], clock, lease=timedelta(seconds=10), retention=timedelta(hours=1)
    )


async def test_a_slow_first_holder_cannot_commit_beside_its_successor(idempotency: Idempotency, clock: Clock) -> None:
    owner_id = new_id()
    async with idempotency.claim(owner_id=owner_id, key="k", fingerprint=BODY) as slow:
        with pytest.raises(IdempotencyKeyInUse):
            async with idempotency.claim(owner_id=owner_id, key="k", fingerprint=BODY):
                pass
        clock.ahead += timedelta(seconds=11)
        async with (
            idempotency.claim(owner_id=owner_id, key="k", fingerprint=BODY) as successor,
            idempotency.database.begin() as session,
        ):
            await successor.settle(session, Done(by="successor"))
        with pytest.raises(IdempotencyKeyInUse):
            async with idempotency.database.begin() as session:
                await slow.settle(session, Done(by="slow"))
    async with idempotency.claim(owner_id=owner_id, key="k", fingerprint=BODY) as retry:
        assert retry.replay is not None
        assert retry.replay.body == b'{"by":"successor"}'
    await idempotency.database.close()


async def test_a_request_that_failed_may_be_tried_again_with_its_key(idempotency: Idempotency) -> None:
    owner_id = new_id()
    with pytest.raises(ZeroDivisionError):
        async with idempotency.claim(owner_id=owner_id, key="k", fingerprint=BODY):
            raise ZeroDivisionError
    async with idempotency.claim(owner_id=owner_id, key="k", fingerprint=OTHER_BODY) as claim:
        assert claim.replay is None
        async with idempotency.database.begin() as session:
            await claim.settle(session, Done(by="second"))
    with pytest.raises(IdempotencyKeyReused):
        async with idempotency.claim(owner_id=owner_id, key="k", fingerprint=BODY):
            pass
    async with idempotency.claim(owner_id=new_id(), key="k", fingerprint=BODY) as another:
        assert another.replay is None
    await idempotency.database.close()


async def test_old_keys_are_forgotten_some_at_a_time(
    idempotency: Idempotency, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "FORGOTTEN_AT_ONCE_MAX", 2)
    for number in range(5):
        async with idempotency.claim(owner_id=new_id(), key=str(number), fingerprint=BODY):
            pass
    clock.ahead += timedelta(hours=2)
    async with idempotency.claim(owner_id=new_id(), key="fresh", fingerprint=BODY):
        pass
    assert await idempotency.forget_old() == 5
    async with idempotency.database.begin() as session:
        assert (await session.scalars(text("select key from idempotency_record"))).all() == ["fresh"]
    await idempotency.database.close()


async def test_a_retry_across_a_new_master_key_gets_the_first_answer(idempotency: Idempotency) -> None:
    owner_id, renewed = new_id(), (b"n" * 32, *BODY)
    async with (
        idempotency.claim(owner_id=owner_id, key="k", fingerprint=BODY) as claim,
        idempotency.database.begin() as session,
    ):
        await claim.settle(session, Done(by="first"))
    async with idempotency.claim(owner_id=owner_id, key="k", fingerprint=renewed) as retry:
        assert retry.replay is not None
    with pytest.raises(IdempotencyKeyReused):
        async with idempotency.claim(owner_id=owner_id, key="k", fingerprint=renewed[:1]):
            pass
    await idempotency.database.close()
