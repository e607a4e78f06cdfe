"""Amounts as people read them."""

from __future__ import annotations

from decimal import Decimal

# ISO 4217: the currencies whose minor unit is not a hundredth.
_WHOLE = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())  # noqa: SIM905
_THOUSANDTHS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


def in_major_units(amount: int, currency: str) -> Decimal:
    """1234 fen as 12.34."""
    digits = 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
    return Decimal(amount).scaleb(-digits)
