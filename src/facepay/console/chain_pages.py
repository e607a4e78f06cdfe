"""The whole chain: what its stores sold and who came, and how sure recognition is by its calibration."""

from __future__ import annotations

import math
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Response

from facepay.console.campaign_pages import chain_zone
from facepay.console.figure_pages import RANGES, AskedDays
from facepay.console.pages import Console, console, pages
from facepay.console.plotting import along, decade, falling, heights, upright

# Words of the API that these pages show by their value.
USES = {
    "gate": "Gate",
    "pay_inside": "Paying, among those inside",
    "pay_chain": "Paying, among all members",
    "door": "Door",
    "verify": "Compared with one",
    "watchlist": "Watchlist",
}
SAID_BY_VALUE = frozenset(USES.values())
RATE_LOWEST = -9

router = pages()
Reader = Annotated[Console, Depends(console("stores:read"))]
Seller = Annotated[Console, Depends(console("stores:read", "orders:read"))]


@router.get("/overview")
async def see_overview(console: Seller, days: AskedDays, cursor: UUID | None = None) -> Response:
    """Days are those of each store's own calendar; which one it is today is asked of the first's, since they differ."""
    asked = days.query(await chain_zone(console), console.request.app.state.clock())
    stores = await console.api.get("/v1/sales", **asked, cursor=cursor)
    names = [each["name"][:14] for each in stores["items"]]
    plots = [_beside(stores["items"], "turnover", each) for each in _currencies(stores["items"])]
    people_top, people_up = upright(max((each["people"] for each in stores["items"]), default=0))
    people = {
        "series": [heights([each["people"] for each in stores["items"]], people_top)],
        "up": people_up,
        "across": along(names, len(names)),
    }
    values = {"stores": stores, "turnovers": plots, "people": people, "report": asked, "days": days, "ranges": RANGES}
    return console.show("overview.html", **values)


@router.get("/calibration")
async def see_calibrations(console: Reader) -> Response:
    found = await console.api.get("/v1/calibrations")
    return console.show("calibration.html", versions=[_drawn(each) for each in found["items"]], uses=USES)


def _currencies(stores: list[Any]) -> list[str]:
    return list(dict.fromkeys(each["currency"] for each in stores))


def _beside(stores: list[Any], figure: str, currency: str) -> dict[str, Any]:
    """The bars of the stores of one currency; one that gave back more than it sold has none."""
    of_it = [each for each in stores if each["currency"] == currency]
    top, up = upright(max(0, *(each[figure] for each in of_it)))
    series = [heights([max(0, each[figure]) for each in of_it], top)]
    across = along([each["name"][:14] for each in of_it], len(of_it))
    return {"currency": currency, "series": series, "up": up, "across": across}


def _drawn(version: dict[str, Any]) -> dict[str, Any]:
    """With the places of its tail's points, and of its thresholds by the gallery's size; cosines go from 0 to 1."""
    tail = [(each["similarity"], falling(each["fmr"], RATE_LOWEST)) for each in version["tail"]]
    sizes = [each["searched"] for each in version["uses"][0]["thresholds"]]
    widest = math.log10(sizes[-1])
    thresholds = [
        [(math.log10(each["searched"]) / widest, each["threshold"]) for each in use["thresholds"]]
        for use in version["uses"]
    ]
    return version | {
        "tail_points": [tail],
        "rates": [(1 - power / RATE_LOWEST, decade(power)) for power in range(0, RATE_LOWEST - 1, -3)],
        "cosines": [(tenth / 10, tenth / 10) for tenth in range(0, 11, 2)],
        "threshold_points": thresholds,
        "sizes": [(math.log10(size) / widest, size) for size in sizes],
    }
