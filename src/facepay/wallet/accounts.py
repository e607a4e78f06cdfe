"""Accounts of the shop: a member's wallet, a store's sales and tax, and the house's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.kernel.errors import NotFound

_NAMES = UUID("3f0d6a52-90a3-5c1c-8d5e-6f7f3b1e2a44")
_LAST = 0xFFFFFFFF << 96


@dataclass(frozen=True, slots=True)
class AccountKind:
    """A strict account locks its row for a posting and keeps within floor and ceiling; a hot one never waits.

    Of several accounts a posting locks the `locked_last` ones after all others.
    """

    name: str
    normal_side: Literal["credit", "debit"]
    hot: bool = True
    floor: int | None = None
    ceiling: int | None = None
    locked_last: bool = False


WALLET = AccountKind("wallet", "credit", hot=False, floor=0)
# What a member owes stands here with a minus, and can't be paid back twice. A transaction that has a wallet may then
# collect a debt; one that collects it has both: had the debt its turn first, they would wait in a circle.
DEBT = AccountKind("debt", "debit", hot=False, ceiling=0, locked_last=True)
BAD_DEBTS = AccountKind("bad_debts", "debit")
SALES = AccountKind("sales", "credit")
TAX = AccountKind("tax", "credit")
TIPS = AccountKind("tips", "credit")
CLEARING = AccountKind("provider_clearing", "debit")
PROMOTIONS = AccountKind("promotions", "debit")
POINTS_POOL = AccountKind("points_pool", "debit")
REFUNDS_DUE = AccountKind("refunds_due", "credit")


@dataclass(frozen=True, slots=True)
class Account:
    """An account by what it is. Its id follows from that (RFC 9562 UUIDv5), so that no posting has to look it up.

    The ledger locks by id, so ids that are locked last begin with ones.
    """

    kind: AccountKind
    owner_id: UUID | None
    unit: str

    @property
    def id(self) -> UUID:
        named = uuid5(_NAMES, f"{self.kind.name}/{self.owner_id or ''}/{self.unit}")
        return UUID(int=named.int | _LAST) if self.kind.locked_last else named


@dataclass(frozen=True, slots=True)
class Balance:
    """In minor units; `available` is what may be spent: posted less what is on hold."""

    posted: int
    held: int

    @property
    def available(self) -> int:
        return self.posted - self.held


class AccountNotFound(NotFound):
    code = "account_not_found"
    title = "No such account"


def member_wallet(member_id: UUID, unit: str = "CNY") -> Account:
    return Account(WALLET, member_id, unit)


def member_debt(member_id: UUID, unit: str = "CNY") -> Account:
    return Account(DEBT, member_id, unit)


def store_sales(store_id: UUID, unit: str = "CNY") -> Account:
    return Account(SALES, store_id, unit)


def store_tax(store_id: UUID, unit: str = "CNY") -> Account:
    return Account(TAX, store_id, unit)


def store_tips(store_id: UUID, unit: str = "CNY") -> Account:
    """What guests gave on top, for the staff: no sale, so no tax is in it."""
    return Account(TIPS, store_id, unit)


def house(kind: AccountKind, unit: str = "CNY") -> Account:
    """An account of the whole chain, such as CLEARING or REFUNDS_DUE."""
    return Account(kind, None, unit)


async def open_account(session: AsyncSession, account: Account, *, now: datetime) -> UUID:
    """Open it, where it isn't open yet."""
    kind = account.kind
    opened: UUID = await session.scalar(
        text(
            "select ledger.open_account(cast(:id as uuid), :kind, cast(:owner_id as uuid), :unit,"
            " cast(:side as ledger.side), :hot, cast(:floor as bigint), cast(:ceiling as bigint), :now)"
        ),
        {
            "id": account.id,
            "kind": kind.name,
            "owner_id": account.owner_id,
            "unit": account.unit,
            "side": kind.normal_side,
            "hot": kind.hot,
            "floor": kind.floor,
            "ceiling": kind.ceiling,
            "now": now,
        },
    )
    return opened


async def close_account(session: AsyncSession, account_id: UUID, *, now: datetime) -> str:
    """Close an empty account for good: `ok`, `account_not_empty` or `account_not_found`."""
    statement = text("select ledger.close_account(cast(:id as uuid), :now)")
    return str(await session.scalar(statement, {"id": account_id, "now": now}))


async def balance(session: AsyncSession, account_id: UUID) -> Balance:
    """The exact balance. Raises AccountNotFound."""
    statement = text("select posted, held from ledger.balance(cast(:id as uuid))")
    row = (await session.execute(statement, {"id": account_id})).one_or_none()
    if row is None:
        raise AccountNotFound("There is no account with this id.")
    return Balance(*row)


async def balances(session: AsyncSession, account_ids: Sequence[UUID]) -> dict[UUID, Balance]:
    """Of those that there are, in one round trip."""
    statement = text(
        "select asked.id, b.posted, b.held from unnest(cast(:ids as uuid[])) asked (id), ledger.balance(asked.id) b"
    )
    rows = await session.execute(statement, {"ids": list(account_ids)})
    return {account_id: Balance(posted, held) for account_id, posted, held in rows}


async def accounts_of(session: AsyncSession, *, owner_id: UUID, kinds: Sequence[AccountKind]) -> dict[Account, Balance]:
    """The strict accounts of these kinds that somebody has ever had, in every unit."""
    statement = text(
        "select a.kind, a.unit, b.posted, b.held from ledger.accounts a join ledger.balances b on b.account_id = a.id"
        " where a.owner_id = cast(:owner_id as uuid) and a.kind = any(cast(:kinds as text[])) order by a.kind, a.unit"
    )
    by_name = {kind.name: kind for kind in kinds}
    rows = await session.execute(statement, {"owner_id": owner_id, "kinds": list(by_name)})
    return {Account(by_name[kind], owner_id, unit): Balance(posted, held) for kind, unit, posted, held in rows}


async def wallet_balance(session: AsyncSession, *, member_id: UUID, unit: str = "CNY") -> Balance:
    """A member's balance; nothing where they never topped up."""
    try:
        return await balance(session, member_wallet(member_id, unit).id)
    except AccountNotFound:
        return Balance(0, 0)
