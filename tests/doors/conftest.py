"""The same doors as those that are set up in tests/access."""

from __future__ import annotations

from tests.access.conftest import site

__all__ = ["site"]
