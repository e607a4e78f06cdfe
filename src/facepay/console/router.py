"""All pages of the console."""

from __future__ import annotations

from fastapi import APIRouter

from facepay.console import account_pages, alert_pages, live_pages, settings_pages, signing_in, staff_pages, store_pages

PAGES = (signing_in, store_pages, live_pages, alert_pages, settings_pages, staff_pages, account_pages)
router = APIRouter()
for page in PAGES:
    router.include_router(page.router)
