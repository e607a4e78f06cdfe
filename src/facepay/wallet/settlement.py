"""What a payment provider settled on a day, as its file says, and how that money leaves the clearing account."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from facepay.kernel.database import Database
from facepay.kernel.schemas import AMOUNT_MAX
from facepay.wallet.accounts import CLEARING, AccountKind, house, open_account
from facepay.wallet.ledger import Cause, Entry, Outcome, Posting, post

BANK = AccountKind("bank", "debit")
PROVIDER_FEES = AccountKind("provider_fees", "debit")
POSTINGS_A_TRANSACTION = 200


class MalformedSettlement(ValueError):
    """The file isn't a settlement file; the message names the line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A charge or refund that the provider settled; amounts in minor units, those of a refund negative.

    `id` is the provider's, `reference` ours; `net` is what reaches the bank.
    """

    id: str
    type: str
    charge_id: str
    reference: UUID
    gross: int
    fee: int
    net: int
    currency: str
    settled_at: datetime

    @property
    def key(self) -> str:
        """Under which the ledger moves it, once."""
        return f"settlement:{self.id}"

    def posting(self) -> Posting:
        """From what the provider holds for us to the bank, less its fee."""
        moved = ((CLEARING, self.gross), (BANK, -self.net), (PROVIDER_FEES, -self.fee))
        return Posting(
            key=self.key,
            kind="transfer",
            entries=tuple(
                Entry(house(kind, self.currency).id, amount, self.currency) for kind, amount in moved if amount
            ),
            cause=Cause("settlement", self.reference),
            actor="system:settlement",
            event_at=self.settled_at,
        )


def read_settlement(file: bytes) -> list[Line]:
    """The lines of a CSV with the columns id, type, charge_id, reference, gross, fee, net, currency and settled_at.

    Raises MalformedSettlement.
    """
    try:
        rows = csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline=""), strict=True)
        return [_line(row, number) for number, row in enumerate(rows, start=2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise MalformedSettlement(f"not a CSV file in UTF-8: {error}") from error


async def move_to_bank(database: Database, lines: Sequence[Line]) -> list[Outcome]:
    """Post settled lines, each of them once however often it's asked for."""
    outcomes: list[Outcome] = []
    for start in range(0, len(lines), POSTINGS_A_TRANSACTION):
        batch = lines[start : start + POSTINGS_A_TRANSACTION]
        async with database.begin() as session:
            for currency in sorted({line.currency for line in batch}):
                for kind in (BANK, CLEARING, PROVIDER_FEES):
                    await open_account(session, house(kind, currency), now=batch[0].settled_at)
            outcomes += await post(session, [line.posting() for line in batch])
    return outcomes


def _line(row: dict[str, str], number: int) -> Line:
    try:
        line = Line(
            id=row["id"],
            type=row["type"],
            charge_id=row["charge_id"],
            reference=UUID(row["reference"]),
            gross=int(row["gross"]),
            fee=int(row["fee"]),
            net=int(row["net"]),
            currency=row["currency"],
            settled_at=datetime.fromisoformat(row["settled_at"]),
        )
    except KeyError as error:
        raise MalformedSettlement(f"the column {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise MalformedSettlement(f"line {number}: {error}") from error
    if max(abs(line.gross), abs(line.fee), abs(line.net)) > AMOUNT_MAX:
        raise MalformedSettlement(f"line {number}: an amount is beyond {AMOUNT_MAX}")
    if line.settled_at.tzinfo is None:
        raise MalformedSettlement(f"line {number}: settled_at has no time zone")
    return line
