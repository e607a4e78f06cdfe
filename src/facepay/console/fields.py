"""What people type into forms, as the API takes it. What can't be read stays as it is: the API says what is wrong."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision
from fastapi import Depends, Request

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


def basis_points(text: str) -> int | str | None:
    """Per cent such as 12.5, in hundredths of them; nothing typed is None."""
    text = text.strip()
    if not AMOUNT.fullmatch(text):
        return text or None
    hundredths = Decimal(text.replace(",", "")).scaleb(2)
    return int(hundredths) if hundredths == hundredths.to_integral_value() else text


def per_cent(hundredths: int | None) -> str:
    """The other way round, for a form's field."""
    return "" if hundredths is None else f"{Decimal(hundredths).scaleb(-2).normalize():f}"


def several(text: str) -> list[str]:
    """What semicolons or lines stand between."""
    return [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]


def moment_in(zone: str, typed: str) -> str | None:
    """What `<input type="datetime-local">` sends, as a time in a store's zone; else as it was typed."""
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=ZoneInfo(zone)).isoformat()
    except ValueError:
        return typed or None


def typed_moment(at: str | None, zone: str) -> str:
    """The other way round, for a form's field."""
    return datetime.fromisoformat(at).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if at else ""


async def form_of(request: Request) -> dict[str, str]:
    """All fields of a form, for those whose names follow from what they show."""
    return {name: str(value).strip() for name, value in (await request.form()).items()}


Fields = Annotated[dict[str, str], Depends(form_of)]


def major_units(amount: int | None, currency: str) -> str:
    """The other way round, for a form's field."""
    return "" if amount is None else str(Decimal(amount).scaleb(-get_currency_precision(currency)))
