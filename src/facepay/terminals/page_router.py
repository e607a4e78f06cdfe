"""The pages that make a tablet a kiosk or a gate. Their JavaScript calls the same API as hardware."""

from pathlib import Path

from facepay.kernel.pages import SHARED, page_router
from facepay.kernel.routers import Router

PAGES = Path(__file__).parent / "pages"

router = Router()
for name in ("kiosk", "gate"):
    router.include_router(page_router(f"/{name}", PAGES / name, PAGES / "both", SHARED, camera=True))
