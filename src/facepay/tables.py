"""Every room's tables, imported so that Base.metadata knows them."""

from __future__ import annotations

from facepay.catalog import products, stock
from facepay.checkout import kiosk, orders, refunds
from facepay.identity import step_up, templates
from facepay.kernel import idempotency
from facepay.members import consents, members
from facepay.staff import accounts
from facepay.stores import devices, gates, stores, visits

__all__ = [
    "accounts",
    "consents",
    "devices",
    "gates",
    "idempotency",
    "kiosk",
    "members",
    "orders",
    "products",
    "refunds",
    "step_up",
    "stock",
    "stores",
    "templates",
    "visits",
]
