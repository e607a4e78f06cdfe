"""What people type into forms, as the API takes it. What can't be read stays as it is: the API says what is wrong."""

from __future__ import annotations

import re
from decimal import Decimal

from babel.numbers import get_currency_precision

# Commas stand between thousands alone: 12,50 is no amount, lest it be a hundred times too much.
AMOUNT = re.compile(r"(\d{1,14}|\d{1,3}(,\d{3}){1,4})(\.\d{1,6})?", re.ASCII)


def counted(text: str) -> int | str | None:
    """A whole number; nothing typed is None."""
    text = text.strip()
    return int(text) if text.isdecimal() else text or None


def minor_units(text: str, currency: str) -> int | str | None:
    """An amount of money such as 12.50, in minor units; nothing typed is None."""
    text = text.strip()
    if not AMOUNT.fullmatch(text):
        return text or None
    amount = Decimal(text.replace(",", "")).scaleb(get_currency_precision(currency))
    return int(amount) if amount == amount.to_integral_value() else text


def major_units(amount: int | None, currency: str) -> str:
    """The other way round, for a form's field."""
    return "" if amount is None else str(Decimal(amount).scaleb(-get_currency_precision(currency)))
