"""Classes as dependencies of routes."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


def made(of: type[T]) -> Callable[..., Awaitable[T]]:
    """For `Depends(made(SomeClass))`. FastAPI would call the class itself in a thread, which takes longer to wake than
    the class to make.
    """

    async def make(**parts: Any) -> T:
        return of(**parts)

    make.__signature__ = inspect.signature(of, eval_str=True)  # type: ignore[attr-defined]
    return make
