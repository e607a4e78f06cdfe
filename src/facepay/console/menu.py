"""Where a reader can go: only where their role may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from facepay.kernel.auth import Principal


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is below /console; `scope` is what its page asks for; `words` are English, as in the .po files."""

    path: str
    words: str
    scope: str


ENTRIES = (Entry("", "Stores", "stores:read"),)


def menu_of(me: Principal) -> Iterator[Entry]:
    return (entry for entry in ENTRIES if entry.scope in me.scopes)
