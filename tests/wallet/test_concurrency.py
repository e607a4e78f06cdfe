"""Many at once: no overdraft, no lost update, no deadlock, no key charged twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from facepay.kernel.database import Database
from facepay.kernel.embedded import EmbeddedPostgres
from facepay.kernel.ids import new_id
from facepay.wallet.accounts import member_wallet, store_sales
from facepay.wallet.upkeep import LEDGER, fold_hot_accounts
from facepay.wallet.verify import verify
from tests.wallet.books import Books, moves

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]
WORKERS = 64


@pytest.fixture(scope="module")
async def database(postgres: EmbeddedPostgres, database_of_module: str) -> AsyncIterator[Database]:
    """Whose connections take longer to open than to use."""
    database = Database(postgres.url(database=database_of_module), pool_size=WORKERS)
    yield database
    await database.close()


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database)


async def test_sixty_four_tills_drain_one_wallet_to_exactly_nothing(books: Books) -> None:
    member = await books.member(8_000)

    async def till(number: int) -> list[str]:
        return [(await books.pay(member, 100, tax=9)).code for _ in range(2)]

    codes = Counter(code for till_codes in await asyncio.gather(*map(till, range(WORKERS))) for code in till_codes)
    assert codes == {"ok": 80, "insufficient_funds": 2 * WORKERS - 80}
    assert (await books.wallet(member)).posted == 0
    assert (await books.sales()).posted == 7_280
    await LEDGER.seal_all(books.database)
    report = await verify(books.database)
    assert report.ok, report


async def test_batches_between_the_same_wallets_in_any_order_never_deadlock(books: Books) -> None:
    wallets = [member_wallet(await books.member(1_000)) for _ in range(6)]
    sales = store_sales(books.store_id)
    dice = random.Random(20260302)

    async def till(number: int) -> None:
        for _ in range(2):
            batch = []
            for _ in range(8):
                payer, payee = dice.sample([*wallets, sales], 2)
                batch.append(moves(payer, payee, dice.randint(1, 400), linked=dice.random() < 0.2))
            await books.post(*batch)

    await asyncio.gather(*map(till, range(WORKERS)), behind_the_payments(books))
    total = sum([(await books.balance(account)).posted for account in [*wallets, sales]])
    assert total == 6_000
    await LEDGER.seal_all(books.database)
    report = await verify(books.database)
    assert report.ok, report


async def behind_the_payments(books: Books) -> None:
    """Folding, sealing and proving while the tills are busy."""
    for _ in range(3):
        await fold_hot_accounts(books.database)
        await LEDGER.seal(books.database, positions_max=100)
        report = await verify(books.database)
        assert report.ok, report


async def test_a_key_that_arrives_many_times_at_once_is_charged_once(books: Books) -> None:
    member, order = await books.member(1_000), new_id()
    answers = await asyncio.gather(*(books.pay(member, 10, order_id=order) for _ in range(32)))
    assert Counter(answer.code for answer in answers) == {"ok": 1, "replayed": 31}
    assert len({answer.transfer_id for answer in answers}) == 1
    assert (await books.wallet(member)).posted == 990


async def test_a_key_that_arrives_at_once_for_different_wallets_is_charged_once(books: Books) -> None:
    wallets = [member_wallet(await books.member(100)) for _ in range(16)]
    sales, key = store_sales(books.store_id), f"till:{new_id()}"
    answers = await asyncio.gather(*(books.post(moves(wallet, sales, 10, key=key)) for wallet in wallets))
    assert Counter(answer[0].code for answer in answers) == {"ok": 1, "key_reused": 15}
    assert (await books.sales()).posted == 10
    assert sum([(await books.balance(wallet)).posted for wallet in wallets]) == 16 * 100 - 10
    await LEDGER.seal_all(books.database)
    report = await verify(books.database)
    assert report.ok, report


async def test_refunds_at_once_stay_within_the_payment(books: Books) -> None:
    member = await books.member(1_000)
    payment = await books.pay(member, 100)
    answers = await asyncio.gather(*(books.refund(member, payment, 30) for _ in range(16)))
    assert Counter(answer.code for answer in answers) == {"ok": 3, "over_refund": 13}
    assert (await books.wallet(member)).posted == 990
