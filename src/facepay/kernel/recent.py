"""What a process remembers as long as there is room: the things that were used last; others are made anew."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    def __init__(self, *, count_max: int) -> None:
        self._count_max = count_max
        self._things: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            thing = self._things.pop(key) if key in self._things else make()
            self._things[key] = thing
            while len(self._things) > self._count_max:
                self._things.popitem(last=False)
            return thing
