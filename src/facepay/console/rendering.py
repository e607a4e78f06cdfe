"""Templates: Jinja, one environment for each language, made when it is first read; everything escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from facepay.console import menu
from facepay.console.words import LANGUAGES, Formats, translations_of

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, *, language: str, **values: Any) -> str:
    """In a template `_()` and `ngettext` translate, filters are the methods of `Formats`, `new_key()` is an
    Idempotency-Key for a form, `me` whoever reads (None before signing in), `now` the time.
    """
    return _environment(language).get_template(template).render(values)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    environment.install_gettext_translations(translations_of(language), newstyle=True)  # type: ignore[attr-defined]
    formats = Formats(language)
    environment.filters |= {
        name: getattr(formats, name)
        for name in ("money", "number", "percent", "moment", "day", "short_day", "hour", "clock", "ago")
    }
    environment.globals |= {
        "language": language,
        "languages": LANGUAGES,
        "menus": menu,
        "open_to": menu.open_to,
        "new_key": lambda: str(uuid4()),
    }
    return environment
