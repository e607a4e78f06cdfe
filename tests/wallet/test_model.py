"""Random interleavings of everything the ledger can do, against a ledger of dictionaries.

`FACEPAY_LEDGER_EXAMPLES` makes it longer.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.kernel.proofs import Report
from facepay.wallet.accounts import (
    CLEARING,
    POINTS_POOL,
    Account,
    house,
    member_debt,
    member_wallet,
    store_sales,
    store_tax,
)
from facepay.wallet.ledger import Cause, Entry, Kind, Posting
from facepay.wallet.upkeep import LEDGER
from facepay.wallet.verify import verify
from tests.wallet.books import NOW, as_psycopg_takes_it
from tests.wallet.model import Model

amounts = st.integers(1, 300)
offsets = st.integers(-2, 12).map(lambda minutes: NOW + timedelta(minutes=minutes))


class Ledger(RuleBasedStateMachine):
    """One shop, two members with money and points; every step is posted to the database and to the model."""

    url: str
    transfers = Bundle("transfers")
    holds = Bundle("holds")
    said = Bundle("said")

    @initialize()
    def open_the_shop(self) -> None:
        self.connection = psycopg.connect(self.url, autocommit=True)
        store, members = new_id(), [new_id(), new_id()]
        self.wallets = [member_wallet(member) for member in members]
        self.points = [member_wallet(member, "POINT") for member in members]
        self.debts = [member_debt(member) for member in members]
        self.sales, self.tax = store_sales(store), store_tax(store)
        self.clearing, self.pool = house(CLEARING), house(POINTS_POOL, "POINT")
        accounts = [*self.wallets, *self.points, *self.debts, self.sales, self.tax, self.clearing, self.pool]
        for account in accounts:
            kind = account.kind
            self.connection.execute(
                "select ledger.open_account(%s, %s, %s, %s, %s::ledger.side, %s, %s, %s, %s)",
                [
                    account.id,
                    kind.name,
                    account.owner_id,
                    account.unit,
                    kind.normal_side,
                    kind.hot,
                    kind.floor,
                    kind.ceiling,
                    NOW,
                ],
            )
        self.plain: list[Posting] = []
        floors = {account.id: account.kind.floor for account in accounts if account.kind.floor is not None}
        ceilings = {account.id: account.kind.ceiling for account in accounts if account.kind.ceiling is not None}
        self.model = Model({account.id: account.unit for account in accounts}, floors, ceilings)
        # The house's accounts are every example's, so only what this one moved is compared.
        self.before = dict.fromkeys((account.id for account in accounts), 0)
        self.before = {account: posted for account, posted, _ in self.balances()}

    def balances(self) -> list[tuple[UUID, int, int]]:
        """Of each account, what is posted and what is held."""
        said = "select account_id, posted, held from unnest(%s::uuid[]) as account_id, ledger.balance(account_id)"
        return self.connection.execute(said, [list(self.before)]).fetchall()

    def post(self, *batch: Posting) -> list[str]:
        rows = self.connection.execute(*as_psycopg_takes_it(batch)).fetchall()
        codes = [row[0] for row in rows]
        assert codes == self.model.post(list(batch))
        for posting, (code, transfer_id, _) in zip(batch, rows, strict=True):
            assert code != "replayed" or self.model.keys[posting.key] == transfer_id
        return codes

    def new(self, kind: Kind, *entries: tuple[Account, int], **more: Any) -> Posting:
        moved = tuple(Entry(account.id, amount, account.unit) for account, amount in entries if amount)
        return Posting(f"model:{new_id()}", kind, Cause("test", UUID(int=7)), "model", NOW, moved, **more)

    def sale(self, who: int, amount: int, tax: int, kind: Kind = "transfer", **more: Any) -> Posting:
        tax = min(tax, amount)
        return self.new(kind, (self.wallets[who], -amount), (self.sales, amount - tax), (self.tax, tax), **more)

    @rule(target=transfers, who=st.integers(0, 1), amount=amounts)
    def top_up(self, who: int, amount: int) -> Any:
        posting = self.new("transfer", (self.wallets[who], amount), (self.clearing, -amount))
        return posting.id if self.post(posting) == ["ok"] else multiple()

    @rule(who=st.integers(0, 1), amount=amounts)
    def earn_points(self, who: int, amount: int) -> None:
        self.post(self.new("transfer", (self.pool, -amount), (self.points[who], amount)))

    @rule(target=transfers, who=st.integers(0, 1), amount=amounts, tax=st.integers(0, 20))
    def pay(self, who: int, amount: int, tax: int) -> Any:
        posting = self.sale(who, amount, tax)
        return posting.id if self.post(posting) == ["ok"] else multiple()

    @rule(who=st.integers(0, 1), amount=amounts, tax=st.integers(0, 20))
    def lend_and_pay(self, who: int, amount: int, tax: int) -> None:
        lent = self.new("transfer", (self.debts[who], -amount), (self.wallets[who], amount), linked=True)
        self.post(lent, self.sale(who, 2 * amount, tax))

    @rule(target=transfers, who=st.integers(0, 1), amount=amounts)
    def collect(self, who: int, amount: int) -> Any:
        posting = self.new("transfer", (self.wallets[who], -amount), (self.debts[who], amount))
        return posting.id if self.post(posting) == ["ok"] else multiple()

    @rule(target=transfers, who=st.integers(0, 1), money=amounts, points=amounts)
    def redeem(self, who: int, money: int, points: int) -> Any:
        entries = (self.wallets[who], -money), (self.sales, money), (self.points[who], -points), (self.pool, points)
        posting = self.new("transfer", *entries)
        return posting.id if self.post(posting) == ["ok"] else multiple()

    @rule(target=holds, who=st.integers(0, 1), amount=amounts, expires_at=st.none() | offsets)
    def authorise(self, who: int, amount: int, expires_at: Any) -> Any:
        posting = self.new("hold", (self.wallets[who], -amount), expires_at=expires_at)
        return posting.id if self.post(posting) == ["ok"] else multiple()

    @rule(target=transfers, hold=holds, amount=amounts, keep_open=st.booleans(), now=offsets)
    def capture(self, hold: UUID, amount: int, keep_open: bool, now: Any) -> Any:
        who = self.holder(hold)
        posting = replace(self.sale(who, amount, 0, "capture", target_id=hold, keep_open=keep_open), event_at=now)
        return posting.id if self.post(posting) == ["ok"] else multiple()

    def holder(self, hold: UUID) -> int:
        known = self.model.holds.get(hold)
        return [wallet.id for wallet in self.wallets].index(known.account) if known else 0

    @rule(target=holds, target_id=holds | transfers, kind=st.sampled_from(["void", "expiry"]), now=offsets)
    def release(self, target_id: UUID, kind: Kind, now: Any) -> Any:
        self.post(replace(self.new(kind, target_id=target_id), event_at=now))
        return multiple()

    @rule(target=transfers, target_id=transfers | holds, who=st.integers(0, 1), amount=amounts, tax=st.integers(0, 9))
    def refund(self, target_id: UUID, who: int, amount: int, tax: int) -> Any:
        sale = self.sale(who, amount, tax, "refund", target_id=target_id)
        back = tuple(replace(entry, amount=-entry.amount) for entry in sale.entries)
        posting = replace(sale, entries=back)
        return posting.id if self.post(posting) == ["ok"] else multiple()

    @rule(target_id=transfers | holds)
    def reverse(self, target_id: UUID) -> None:
        self.post(self.new("reversal", target_id=target_id))

    @rule(who=st.integers(0, 1), amount=amounts, off_by=st.integers(-1, 1), unit=st.sampled_from(["CNY", "POINT"]))
    def post_unevenly(self, who: int, amount: int, off_by: int, unit: str) -> None:
        posting = self.sale(who, amount, 0)
        payer, payee = posting.entries
        self.post(replace(posting, entries=(payer, replace(payee, amount=amount + off_by, unit=unit))))

    @rule(data=st.data(), size=st.integers(2, 6))
    def post_a_batch(self, data: st.DataObject, size: int) -> None:
        batch = []
        for _ in range(size):
            amount, who = data.draw(amounts), data.draw(st.integers(0, 1))
            linked = data.draw(st.booleans())
            if data.draw(st.booleans()):
                to = (self.wallets[1 - who], amount)
                posting = self.new("transfer", (self.wallets[who], -amount), to, linked=linked)
            elif data.draw(st.booleans()) and self.model.holds:
                hold = data.draw(st.sampled_from(sorted(self.model.holds)))
                posting = self.sale(self.holder(hold), amount, 3, "capture", target_id=hold, linked=linked)
            else:
                posting = self.new("hold", (self.wallets[who], -amount), linked=linked)
            batch.append(posting)
        if data.draw(st.booleans()):
            batch.append(replace(data.draw(st.sampled_from(batch)), id=new_id()))
        self.post(*batch)

    @rule(data=st.data(), amounts=st.lists(amounts, min_size=2, max_size=6), off_by=st.sampled_from([0, 0, 0, 1]))
    def post_plain_transfers(self, data: st.DataObject, amounts: list[int], off_by: int) -> None:
        batch = []
        for amount in amounts:
            who, to = data.draw(st.permutations([*self.wallets, self.sales, self.clearing]))[:2]
            batch.append(self.new("transfer", (who, -amount), (to, amount + off_by)))
        if data.draw(st.booleans()):
            batch.append(replace(data.draw(st.sampled_from([*batch, *self.plain])), id=new_id()))
        self.plain = batch
        self.post(*batch)

    @rule(data=st.data(), other=st.booleans())
    def post_again(self, data: st.DataObject, other: bool) -> None:
        if not self.model.made:
            return
        earlier = data.draw(st.sampled_from(list(self.model.made.values())))
        cause = Cause("test", UUID(int=8)) if other else earlier.cause
        self.post(replace(earlier, id=new_id(), linked=False, cause=cause))

    @rule()
    def fold(self) -> None:
        self.connection.execute("select ledger.fold()")

    @invariant()
    def the_balances_are_the_models(self) -> None:
        moved = {account: (posted - self.before[account], held) for account, posted, held in self.balances()}
        assert moved == {account: (self.model.posted[account], self.model.held[account]) for account in self.before}
        by_unit = dict.fromkeys(self.model.units.values(), 0)
        for account, unit in self.model.units.items():
            by_unit[unit] += self.model.posted[account]
        assert not any(by_unit.values())

    def teardown(self) -> None:
        self.connection.close()


async def prove(database_url: str) -> Report:
    """All examples at once: each wrote into the same books."""
    database = Database(database_url, pool_size=1)
    await LEDGER.seal_all(database)
    report = await verify(database)
    await database.close()
    return report


def test_whatever_the_shop_does_the_ledger_agrees_with_a_simple_one(database_url: str) -> None:
    Ledger.url = database_url.replace("+psycopg", "")
    examples = int(os.environ.get("FACEPAY_LEDGER_EXAMPLES", "25"))
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each step costs a commit: shrinking takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
    report = asyncio.run(prove(database_url))
    assert report.ok, report
