"""Where a reader can go: only where their role may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from facepay.kernel.auth import Principal


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is below /console, or below a store's page; `scope` is what its page asks for; `words` are English, as in
    the .po files.
    """

    path: str
    words: str
    scope: str


CONSOLE = (Entry("", "Stores", "stores:read"),)
STORE = (Entry("", "Live", "stores:read"),)


def open_to(me: Principal, entries: Sequence[Entry]) -> Iterator[Entry]:
    return (entry for entry in entries if entry.scope in me.scopes)
