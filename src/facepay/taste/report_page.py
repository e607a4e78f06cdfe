"""The report on attention as a page: a bar a product for looks, and within it those who smiled and what was bought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from facepay.taste.report import Attention

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Attention in {store}</title>
<style>{style}</style>
</head>
<body>
<main>
<header><div><p class="soft">Attention, product by product</p><h1>{store}</h1></div>
<p class="soft">{first} to {last}</p></header>
<p class="key"><span class="looks"></span> looked <span class="smiles"></span> smiled
<span class="orders"></span> taken or bought</p>
{products}
<footer>Only days that have closed, and counts of at least {group_min} people who didn't agree to profiling; fewer are
added to later days. A look is one stay before one camera, so somebody who comes back counts again. Time is what the
camera saw: with a pause between bursts, less than they stood there.</footer>
</main>
</body>
</html>
"""
_PRODUCT = """<section>
<h2>{name} <span>{sku}</span></h2>
<div class="bar looks" style="width:{looks_width}%"></div>
<div class="bar smiles" style="width:{smiles_width}%"></div>
<div class="bar orders" style="width:{orders_width}%"></div>
<p>Looks: {looks}, of {seconds} s each. Smiles: {smiles}. Taken: {takes}. Orders: {orders}.</p>
</section>"""
_STYLE = """
:root { --ink: #16202b; --soft: #5d6b7a; --line: #d9dfe6; --looks: #9fb6cd; --smiles: #e0a526; --orders: #0b6b43; }
* { box-sizing: border-box; margin: 0; }
body { background: #f4f6f8; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
main { max-width: 820px; margin: 32px auto; padding: 44px 52px; background: #fff; border: 1px solid var(--line);
  border-radius: 6px; }
header { display: flex; justify-content: space-between; align-items: flex-end; gap: 24px; padding-bottom: 16px;
  border-bottom: 2px solid var(--ink); }
h1 { font-size: 28px; line-height: 1.2; font-weight: 650; overflow-wrap: anywhere; }
.soft, .key, section p, h2 span, footer { color: var(--soft); }
.key { padding: 14px 0 4px; font-size: 13px; }
.key span { display: inline-block; width: 12px; height: 12px; margin: 0 4px 0 14px; vertical-align: -1px; }
.key span:first-child { margin-left: 0; }
section { padding: 14px 0; border-bottom: 1px solid var(--line); break-inside: avoid; }
h2 { font-size: 15px; font-weight: 600; padding-bottom: 6px; overflow-wrap: anywhere; }
h2 span { font-weight: 400; font-size: 13px; }
.bar { height: 10px; margin-bottom: 2px; border-radius: 0 3px 3px 0; }
.looks { background: var(--looks); } .smiles { background: var(--smiles); } .orders { background: var(--orders); }
section p { padding-top: 4px; font-size: 13px; font-variant-numeric: tabular-nums; }
.none { padding: 32px 0; text-align: center; color: var(--soft); }
footer { padding-top: 18px; font-size: 13px; }
@media (max-width: 640px) { main { margin: 0; padding: 24px 18px; border: 0; border-radius: 0; } }
@media print { body { background: none; } main { margin: 0; padding: 0; border: 0; max-width: none; }
  .bar, .key span { print-color-adjust: exact; } }
"""


def page_of(store_name: str, rows: Sequence[Attention], *, first: date, last: date, group_min: int) -> str:
    """A whole HTML document, which loads nothing from elsewhere. Bars of all products have one scale."""
    widest = max((max(row.looks, row.orders, row.takes) for row in rows), default=1)
    products = "\n".join(_product(row, widest) for row in rows)
    return _PAGE.format(
        style=_STYLE,
        store=escape(store_name),
        first=_day(first),
        last=_day(last),
        products=products or '<p class="none">No product was looked at by enough people.</p>',
        group_min=group_min,
    )


def _product(row: Attention, widest: int) -> str:
    def width(count: int) -> str:
        return f"{100 * count / widest:.1f}"

    return _PRODUCT.format(
        name=escape(row.name),
        sku=escape(row.sku),
        looks_width=width(row.looks),
        smiles_width=width(row.smiles),
        orders_width=width(max(row.orders, row.takes)),
        looks=row.looks,
        seconds=f"{row.attention_seconds / row.looks:.1f}",
        smiles=row.smiles,
        takes=row.takes,
        orders=row.orders,
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
