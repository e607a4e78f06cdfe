"""A store's figures: what it sold, and how sure its devices were; pictures, tables, and files for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Response

from facepay.console.fields import major_units
from facepay.console.pages import HEADERS, Console, console, pages
from facepay.console.plotting import along, heights, upright

RANGES = {1: "Today", 7: "7 days", 28: "28 days"}
# Words of the API that these pages show by their value.
CHANNELS = {
    "kiosk": "Kiosk",
    "lane": "Payment lane",
    "table": "Table",
    "webshop": "On the web",
    "mirror": "Mirror",
    "gate": "Gate",
    "vending": "Vending machine",
}
TENDERS = {"wallet": "Wallet", "gift": "Gift balance", "points": "Points", "owed": "Owed since"}
DISCOUNTS = {"tier": "Membership tier", "coupon": "Coupons", "smile": "Smiles"}
USES = {
    "gate": "At gates",
    "pay": "Paying at kiosks",
    "door": "At doors",
    "lane": "In lanes",
    "table": "At tables",
    "mirror": "At mirrors",
}
OUTCOMES = {"accepted": "Accepted", "asked": "Asked for more", "refused": "Refused"}
SAID_BY_VALUE = {
    *RANGES.values(),
    *CHANNELS.values(),
    *TENDERS.values(),
    *DISCOUNTS.values(),
    *USES.values(),
    *OUTCOMES.values(),
}
HOURS_DAYS_MAX = 2
COLUMNS = ("orders", "sales", "refunds", "turnover", "tax", "tips")

router = pages("/stores/{store_id}")
Seller = Annotated[Console, Depends(console("stores:read", "orders:read"))]
Reader = Annotated[Console, Depends(console("stores:read"))]


class Days:
    """Which days were asked for: so many up to today, or from one to another as they were typed."""

    def __init__(
        self,
        last: Annotated[int | None, Query(ge=1, le=366)] = None,
        since: Annotated[str, Query(alias="from", max_length=10)] = "",
        until: Annotated[str, Query(alias="to", max_length=10)] = "",
    ) -> None:
        self.last = last if last or since or until else 7
        self._typed = since, until

    def query(self, zone: str, now: datetime) -> dict[str, str]:
        """As the API takes them."""
        if self.last:
            today = now.astimezone(ZoneInfo(zone)).date()
            return {"from": str(today - timedelta(days=self.last - 1)), "to": str(today)}
        return {name: typed for name, typed in zip(("from", "to"), self._typed, strict=True) if typed}


AskedDays = Annotated[Days, Depends()]


@router.get("/sales")
async def see_sales(console: Seller, store_id: UUID, days: AskedDays) -> Response:
    store, report = await _sales(console, store_id, days)
    books = [_drawn(each, by_hour=report["by"] == "hour") for each in report["books"]]
    words = {"channels": CHANNELS, "tenders": TENDERS, "discounts": DISCOUNTS}
    return console.show("sales.html", store=store, report=report, books=books, days=days, ranges=RANGES, **words)


@router.get("/sales/export")
async def export_sales(console: Seller, store_id: UUID, days: AskedDays) -> Response:
    """Every hour or day of the report; amounts in whole units with their decimals."""
    store, report = await _sales(console, store_id, days)
    zone = ZoneInfo(store["timezone"])
    rows = (
        [_local(period["at"], zone), books["currency"], period["orders"]]
        + [major_units(period[name], books["currency"]) for name in COLUMNS[1:]]
        for books in report["books"]
        for period in books["periods"]
    )
    return as_csv("sales", ["from", "currency", *COLUMNS], rows)


@router.get("/recognition")
async def see_recognition(console: Reader, store_id: UUID, days: AskedDays) -> Response:
    store, report = await _report(console, store_id, "recognition", days)
    uses = [_seen(each) for each in report["uses"] if any(each["total"].values())]
    words = {"use_words": USES, "outcomes": OUTCOMES}
    return console.show("recognition.html", store=store, report=report, uses=uses, days=days, ranges=RANGES, **words)


@router.get("/recognition/export")
async def export_recognition(console: Reader, store_id: UUID, days: AskedDays) -> Response:
    _, report = await _report(console, store_id, "recognition", days)
    rows = (
        [day["day"], use["use"], *(day[name] for name in OUTCOMES)] for use in report["uses"] for day in use["days"]
    )
    return as_csv("recognition", ["day", "use", *OUTCOMES], rows)


def as_csv(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    file = StringIO(newline="")
    csv.writer(file).writerows([columns, *rows])
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def _sales(console: Console, store_id: UUID, days: Days) -> tuple[Any, Any]:
    store = await console.api.get(f"/v1/stores/{store_id}")
    asked = days.query(store["timezone"], console.request.app.state.clock())
    by = "hour" if _count(asked) <= HOURS_DAYS_MAX else "day"
    return store, await console.api.get(f"/v1/stores/{store_id}/sales", by=by, **asked)


async def _report(console: Console, store_id: UUID, name: str, days: Days) -> tuple[Any, Any]:
    store = await console.api.get(f"/v1/stores/{store_id}")
    asked = days.query(store["timezone"], console.request.app.state.clock())
    return store, await console.api.get(f"/v1/stores/{store_id}/{name}", **asked)


def _count(asked: Mapping[str, str]) -> int:
    """How many days; many where that can't be read, which the API says better."""
    try:
        return (date.fromisoformat(asked["to"]) - date.fromisoformat(asked["from"])).days + 1
    except (KeyError, ValueError):
        return HOURS_DAYS_MAX + 1


def _local(at: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(at).astimezone(zone).isoformat(timespec="minutes")


def _drawn(books: dict[str, Any], *, by_hour: bool) -> dict[str, Any]:
    """With the places of its bars: sales, and refunds beside them."""
    periods = books["periods"]
    top, ticks = upright(max(max(each["sales"], each["refunds"]) for each in periods))
    series = [heights([each[name] for each in periods], top) for name in ("sales", "refunds")]
    shown = [each for each in periods if not by_hour or each["orders"] or each["refunds"]]
    return books | {"series": series, "up": ticks, "across": along([each["at"] for each in periods]), "shown": shown}


def _seen(use: dict[str, Any]) -> dict[str, Any]:
    """With the places of its bars: decisions by day, and scores."""
    days = [day | {"at": f"{day['day']}T00:00:00+00:00"} for day in use["days"]]
    top, up = upright(max(day[name] for day in use["days"] for name in OUTCOMES))
    by_day = [heights([day["accepted"] for day in use["days"]], top)]
    by_day.append(heights([day["asked"] + day["refused"] for day in use["days"]], top))
    scored = {round(each["low"] * 50): each for each in use["similarities"]}
    none = {"accepted": 0, "refused": 0}
    bins = [scored.get(number, none) for number in range(50)]
    score_top, score_up = upright(max(each[name] for each in bins for name in none))
    scores = [heights([each[name] for each in bins], score_top) for name in none]
    return use | {
        "days": days,
        "by_day": by_day,
        "up": up,
        "across": along([day["at"] for day in days]),
        "scores": scores if scored else None,
        "score_up": score_up,
        "score_across": [(tenth / 10, tenth / 10) for tenth in range(0, 11, 2)],
    }
