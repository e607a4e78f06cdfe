"""QR codes, to show what somebody's phone or tablet reads."""

from __future__ import annotations

from io import BytesIO

import segno

PIXELS_A_MODULE = 8
# What we encode is random already: a scanner reads none of the eight masks better, and to find the best takes six
# times as long as the code itself.
MASK = 2


def qr_svg(text: str) -> str:
    """A QR code (ISO/IEC 18004) that 15 % of damage leaves readable, as an SVG document."""
    drawn = BytesIO()
    code = segno.make_qr(text, error="m", mask=MASK)
    code.save(drawn, kind="svg", scale=PIXELS_A_MODULE, light="white", xmldecl=False, nl=False)
    return drawn.getvalue().decode()
