"""All pages of the console."""

from __future__ import annotations

from fastapi import APIRouter

from facepay.console import signing_in, store_pages

PAGES = (signing_in, store_pages)
router = APIRouter()
for page in PAGES:
    router.include_router(page.router)
