"""Every room's tables, imported so that Base.metadata knows them."""

from __future__ import annotations

from facepay.identity import templates
from facepay.kernel import idempotency
from facepay.members import consents, members

__all__ = ["consents", "idempotency", "members", "templates"]
