"""Every room's tables, imported so that Base.metadata knows them."""

from __future__ import annotations

from facepay.kernel import idempotency

__all__ = ["idempotency"]
