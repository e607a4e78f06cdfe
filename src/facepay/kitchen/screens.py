"""The kitchen's screen and the customers' board as pages: whoever opens one brings a device's token along."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from facepay.kernel.pages import page_router

PAGES = Path(__file__).parent / "pages"

router = APIRouter()
for name in ("board", "kitchen"):
    router.include_router(page_router(f"/{name}", PAGES / name))
