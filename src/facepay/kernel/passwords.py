"""Passwords and PINs, hashed with argon2id off the event loop."""

from __future__ import annotations

from typing import Annotated

import argon2
from anyio import CapacityLimiter, to_thread
from argon2.exceptions import VerifyMismatchError
from fastapi import Depends, Request

# OWASP's Password Storage Cheat Sheet: argon2id with 19 MiB, two passes and one lane.
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1


class PasswordHasher:
    """Hashes and verifies in threads, a few at a time: it costs memory, and anybody can ask to sign in."""

    def __init__(self, *, side_by_side_max: int = 4) -> None:
        self._argon2 = argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._limiter = CapacityLimiter(side_by_side_max)

    async def hash(self, password: str) -> str:
        return await to_thread.run_sync(self._argon2.hash, password, limiter=self._limiter)

    async def verify(self, hashed: str, password: str) -> bool:
        """Whether this is the password; takes as long as `hash`."""
        return await to_thread.run_sync(self._verify, hashed, password, limiter=self._limiter)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._argon2.verify(hashed, password)
        except VerifyMismatchError:
            return False


def get_hasher(request: Request) -> PasswordHasher:
    hasher: PasswordHasher = request.app.state.password_hasher
    return hasher


HasherOf = Annotated[PasswordHasher, Depends(get_hasher)]
