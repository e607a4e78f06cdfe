"""The console's languages: what each page says (locales/*/*.po), and how it writes money, numbers and times."""

from __future__ import annotations

from datetime import datetime, tzinfo
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision
from babel.support import NullTranslations, Translations

LOCALES = Path(__file__).parent / "locales"
NONE = "\N{EN DASH}"
LANGUAGES = {"en": "English", "ko": "한국어", "zh": "中文"}


def translations_of(language: str) -> NullTranslations:
    """All of a language's files as one; English is what the templates say."""
    merged = Translations()
    for path in sorted((LOCALES / language).glob("*.po")):
        compiled = BytesIO()
        with path.open("rb") as source:
            write_mo(compiled, read_po(source, locale=language))
        compiled.seek(0)
        read = Translations(compiled)
        merged.merge(read)
        merged.plural = read.plural
    return merged


def negotiated(accepted: str) -> str:
    """The first of our languages in an `Accept-Language` header, by its weights; English where there is none."""
    weighed = []
    for rank, part in enumerate(accepted.split(",")[:20]):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), rank, tag.split("-")[0].lower()))
        except ValueError:
            continue
    return next((language for _, _, language in sorted(weighed) if language in LANGUAGES), "en")


class Formats:
    """How a language writes values; each is a filter of the templates. Times are ISO 8601 or `datetime`."""

    def __init__(self, language: str) -> None:
        self.locale = Locale.parse(language)

    def money(self, amount: int | None, currency: str) -> str:
        """An amount in minor units, with its currency."""
        if amount is None:
            return NONE
        return format_currency(amount / 10 ** get_currency_precision(currency), currency, locale=self.locale)

    def number(self, value: float | None) -> str:
        return NONE if value is None else format_decimal(value, locale=self.locale)

    def percent(self, share: float | None, digits: int = 1) -> str:
        return NONE if share is None else format_percent(share, f"#,##0.{'0' * digits}%", locale=self.locale)

    def moment(self, at: str | datetime | None, zone: str = "UTC") -> str:
        """Day and time in a time zone (a store's), to the minute."""
        return NONE if at is None else format_datetime(self._moved(at, zone), "short", locale=self.locale)

    def day(self, at: str | datetime | None, zone: str = "UTC") -> str:
        return NONE if at is None else format_date(self._moved(at, zone).date(), "medium", locale=self.locale)

    def short_day(self, at: str | datetime, zone: str = "UTC") -> str:
        """Month and day, for the axis of a picture."""
        return format_skeleton("MMMd", self._moved(at, zone), locale=self.locale)

    def clock(self, at: str | datetime, zone: str = "UTC") -> str:
        """To the minute, for the axis of a picture."""
        return format_time(self._moved(at, zone), "short", locale=self.locale)

    def hour(self, at: str | datetime | None, zone: str = "UTC") -> str:
        return NONE if at is None else format_time(self._moved(at, zone), "medium", locale=self.locale)

    def ago(self, at: str | datetime | None, now: datetime) -> str:
        """How long ago: `3 minutes ago`."""
        return NONE if at is None else format_timedelta(parsed(at) - now, add_direction=True, locale=self.locale)

    @staticmethod
    def _moved(at: str | datetime, zone: str) -> datetime:
        there: tzinfo = ZoneInfo(zone)
        return parsed(at).astimezone(there)


def parsed(at: str | datetime) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)
