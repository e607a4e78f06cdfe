"""The kitchen's screen and the customers' board as pages: whoever opens one brings a device's token along."""

from __future__ import annotations

from pathlib import Path

from facepay.kernel.pages import page_router
from facepay.kernel.routers import Router

PAGES = Path(__file__).parent / "pages"

router = Router()
for name in ("board", "kitchen"):
    router.include_router(page_router(f"/{name}", PAGES / name))
