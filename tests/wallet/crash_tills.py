"""Tills that pay order after order and say so in a file: the process that test_crash.py kills.

python -m tests.wallet.crash_tills <database url> <folder> <member id> <store id> <orders>
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from uuid import UUID, uuid5

from sqlalchemy.exc import DBAPIError

from facepay.kernel.database import Database
from facepay.wallet import payments
from tests.wallet.books import NOW

TILLS = 8


def order_id(number: int) -> UUID:
    return uuid5(UUID(int=0), f"order {number}")


def charged(folder: Path, till: int) -> list[tuple[int, str]]:
    """What a till has been told, as order and transfer; a line that was cut off was not."""
    file = folder / f"till-{till}"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [(int(number), transfer) for number, transfer in map(str.split, lines)]


async def work(database: Database, folder: Path, till: int, member: UUID, store: UUID, orders: int) -> None:
    done = charged(folder, till)
    with (folder / f"till-{till}").open("w") as file:
        file.writelines(f"{number} {transfer}\n" for number, transfer in done)
        file.flush()
        for number in range(till + len(done) * TILLS, orders, TILLS):
            transfer = await charge(database, number, member, store)
            file.write(f"{number} {transfer}\n")
            file.flush()


async def charge(database: Database, number: int, member: UUID, store: UUID) -> UUID:
    """Again and again, with the same key, until it is answered."""
    while True:
        try:
            async with database.begin() as session:
                payment = await payments.pay(
                    session,
                    order_id=order_id(number),
                    member_id=member,
                    store_id=store,
                    total=10,
                    tax=1,
                    currency="CNY",
                    actor="till",
                    now=NOW,
                )
        except (DBAPIError, OSError):
            await asyncio.sleep(0.02)
        else:
            assert payment.ok, payment
            return payment.transfer_id


async def main(url: str, folder: str, member: str, store: str, orders: str) -> None:
    database = Database(url, pool_size=TILLS)
    try:
        async with asyncio.TaskGroup() as tills:
            for till in range(TILLS):
                tills.create_task(work(database, Path(folder), till, UUID(member), UUID(store), int(orders)))
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    os._exit(0)
