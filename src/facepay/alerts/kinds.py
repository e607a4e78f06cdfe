"""Kinds of alerts: each room declares its own beside the rule that raises them, and app.py gathers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import BeforeValidator

from facepay.kernel.errors import Problem

NAME_MAX = 40


class Severity(IntEnum):
    INFO = 1
    WARNING = 2
    CRITICAL = 3


SeverityName = Annotated[
    Literal["info", "warning", "critical"],
    BeforeValidator(lambda value: Severity(value).name.lower() if isinstance(value, int) else value),
]


@dataclass(frozen=True, slots=True)
class AlertKind:
    """`severity` is how grave it is unless whoever raises it knows better; `words`, one sentence for guards."""

    name: str
    severity: Severity
    words: str

    def __post_init__(self) -> None:
        if len(self.name) > NAME_MAX:
            raise ValueError(f"{self.name} has more than {NAME_MAX} characters")


class UnknownAlertKind(Problem):
    """No room raises alerts of this kind."""

    status = 422
    code = "unknown_alert_kind"
    title = "Unknown alert kind"


class AlertKinds:
    """Every kind that there is, by name. Raises ValueError where two have one name."""

    def __init__(self, *kinds: AlertKind) -> None:
        self._kinds: Mapping[str, AlertKind] = MappingProxyType({kind.name: kind for kind in kinds})
        if len(self._kinds) != len(kinds):
            raise ValueError("two alert kinds have the same name")

    def __iter__(self) -> Iterator[AlertKind]:
        return iter(self._kinds.values())

    def named(self, name: str) -> AlertKind:
        """Raises UnknownAlertKind."""
        try:
            return self._kinds[name]
        except KeyError:
            raise UnknownAlertKind("There are no alerts of this kind.", unknown=name) from None


async def _alert_kinds(request: Request) -> AlertKinds:
    kinds: AlertKinds = request.app.state.alert_kinds
    return kinds


AlertKindsOf = Annotated[AlertKinds, Depends(_alert_kinds)]
