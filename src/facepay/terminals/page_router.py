"""The pages that make a tablet a kiosk or a gate. Their JavaScript calls the same API as hardware."""

from pathlib import Path

from fastapi import APIRouter

from facepay.kernel.pages import SHARED, page_router

PAGES = Path(__file__).parent / "pages"

router = APIRouter()
for name in ("kiosk", "gate"):
    router.include_router(page_router(f"/{name}", PAGES / name, PAGES / "both", SHARED, camera=True))
