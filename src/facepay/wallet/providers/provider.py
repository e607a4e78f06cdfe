"""A payment provider as the wallet sees it: it takes a request, and says later, by webhook, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from facepay.kernel.errors import Problem

Kind = Literal["charge", "refund"]
Status = Literal["pending", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class Movement:
    """Money on its way at the provider: a charge towards us, or a refund of one back to the payer.

    `id` is the provider's, `reference` ours. `amount` is in minor units and positive. `decided_at` is when it
    succeeded or failed, after which it never changes.
    """

    id: str
    kind: Kind
    reference: UUID
    amount: int
    currency: str
    status: Status
    failure_code: str | None = None
    decided_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.status == "pending") != (self.decided_at is None) or (self.status == "failed") != bool(
            self.failure_code
        ):
            raise ValueError(f"a {self.status} movement has a decided_at, and a failure_code if it failed")


@dataclass(frozen=True, slots=True)
class Event:
    """What a webhook says: `charge.succeeded`, `refund.failed`, …"""

    id: str
    type: str
    movement: Movement


class ProviderUnavailable(Exception):
    """The call broke off, before or after the provider did what it was asked. The same key is safe to send again."""


class MalformedEvent(Problem):
    """The webhook is signed, and yet isn't an event."""

    code = "malformed_event"
    title = "Malformed event"


class PaymentProvider(Protocol):
    """Every call may raise ProviderUnavailable. A refusal is a movement that failed, never an exception."""

    async def bind(self, member_id: UUID) -> str:
        """The provider's id for this payer, the same at every call."""

    async def charge(self, *, key: str, customer_id: str, amount: int, currency: str, reference: UUID) -> Movement:
        """Ask for money. The same key is the same charge, however often it's sent."""

    async def refund(self, *, key: str, charge_id: str, amount: int, reference: UUID) -> Movement:
        """Ask to give back all or a part of a charge."""

    async def find(self, reference: UUID) -> Movement | None:
        """The charge or refund that we made under this reference, or None where the provider never heard of it."""

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> Event | None:
        """The event, or None where it's of a type that concerns nobody here. Raises BadSignature, MalformedEvent."""

    async def settlement(self, day: date) -> bytes:
        """What the provider settled on this day (UTC), as CSV: see wallet.settlement."""
