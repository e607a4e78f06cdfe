"""The mock provider's own books. Nothing else of the house reads them, so that reconciliation compares two records."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified
from facepay.wallet.providers.provider import Kind, Movement, Status

FEE_BASIS_POINTS = 60
COLUMNS = ("id", "type", "charge_id", "reference", "gross", "fee", "net", "currency", "settled_at")


class MockCustomer(Base):
    __tablename__ = "provider_mock_customer"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(unique=True)


class MockMovement(Base):
    """A charge or a refund. `fate` is the failure code that it will end with, null for success."""

    __tablename__ = "provider_mock_movement"
    __table_args__ = (
        CheckConstraint("kind in ('charge', 'refund')", name="kind_known"),
        CheckConstraint("status in ('pending', 'succeeded', 'failed')", name="status_known"),
        CheckConstraint("(status = 'pending') = (decided_at is null)", name="decided"),
        CheckConstraint("amount > 0", name="amount_positive"),
        Index("ix_provider_mock_movement_due", "due_at", postgresql_where=text("status = 'pending'")),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[Kind] = mapped_column(String(8))
    key: Mapped[str] = mapped_column(String(255), unique=True)
    reference: Mapped[UUID] = mapped_column(unique=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("provider_mock_customer.id"))
    charge_id: Mapped[str | None] = mapped_column(ForeignKey("provider_mock_movement.id"), index=True)
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[Status] = mapped_column(String(10))
    fate: Mapped[str | None] = mapped_column(String(40))
    due_at: Mapped[datetime]
    decided_at: Mapped[datetime | None] = mapped_column(index=True)

    def shown(self) -> Movement:
        """What the provider tells of it: nothing of its fate before it's decided."""
        return Movement(
            id=self.id,
            kind=self.kind,
            reference=self.reference,
            amount=self.amount,
            currency=self.currency,
            status=self.status,
            failure_code=self.fate if self.status == "failed" else None,
            decided_at=self.decided_at,
        )


class MockDelivery(Identified, Base):
    """A webhook that wasn't acknowledged yet; its id is the event's."""

    __tablename__ = "provider_mock_delivery"

    body: Mapped[bytes] = mapped_column(LargeBinary)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(index=True)


def settlement_file(movements: Iterable[MockMovement]) -> bytes:
    """The movements as CSV. A refund's gross is negative, and its fee isn't given back."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(COLUMNS)
    for movement in movements:
        assert movement.decided_at
        gross = movement.amount if movement.kind == "charge" else -movement.amount
        fee = (movement.amount * FEE_BASIS_POINTS + 5000) // 10_000 if gross > 0 else 0
        lines.writerow(
            (
                movement.id,
                movement.kind,
                movement.charge_id or movement.id,
                movement.reference,
                gross,
                fee,
                gross - fee,
                movement.currency,
                movement.decided_at.isoformat(),
            )
        )
    return out.getvalue().encode()
