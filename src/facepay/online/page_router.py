"""Pay by smile: the page that a payer's browser is sent to. Its JavaScript calls `/v1/payer`."""

from pathlib import Path

from facepay.kernel.pages import SHARED, page_router

router = page_router("/pay", Path(__file__).parent / "page", SHARED, camera=True)
