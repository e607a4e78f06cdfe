"""A monthly statement as a page to print, and as a CSV file for a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from html import escape

from facepay.checkout.statements import Line, MonthlyStatement
from facepay.kernel.money import in_major_units

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Wallet statement, {month}</title>
<style>{style}</style>
</head>
<body>
<main>
<header>
<div><p class="kind">Wallet statement</p><h1>{month}</h1></div>
<p class="holder">{name}<br><span>{days}{so_far}</span></p>
</header>
<dl>
<div><dt>Opening balance</dt><dd>{opening}</dd></div>
<div><dt>Money in</dt><dd>{came_in}</dd></div>
<div><dt>Money out</dt><dd>{went_out}</dd></div>
<div class="closing"><dt>Closing balance</dt><dd>{closing}</dd></div>
{owed}</dl>
<table>
<thead><tr><th>Date</th><th class="time">Time</th><th>What</th><th class="ref">Reference</th>
<th class="n">Amount</th><th class="n">Balance</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<footer>Amounts in {currency}. Dates and times as in {time_zone}. Made on {made}.</footer>
</main>
</body>
</html>
"""
_OWED = """<div><dt>Owed to the shop</dt><dd>{owed}</dd></div>
"""
_STYLE = """
:root { --ink: #16202b; --soft: #5d6b7a; --line: #d9dfe6; --wash: #f4f6f8; --in: #0b6b43; }
* { box-sizing: border-box; margin: 0; }
body { background: var(--wash); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
main { max-width: 820px; margin: 32px auto; padding: 48px 52px; background: #fff; border: 1px solid var(--line);
  border-radius: 6px; }
header { display: flex; justify-content: space-between; align-items: flex-end; gap: 24px; padding-bottom: 20px;
  border-bottom: 2px solid var(--ink); }
.kind { color: var(--soft); letter-spacing: .02em; }
h1 { font-size: 30px; line-height: 1.2; font-weight: 650; letter-spacing: -.01em; }
.holder { text-align: right; font-weight: 600; overflow-wrap: anywhere; }
.holder span { color: var(--soft); font-weight: 400; }
dl { display: grid; grid-template-columns: repeat(4, auto); justify-content: space-between; gap: 16px 24px;
  padding: 22px 0 26px; }
dt { color: var(--soft); font-size: 13px; }
dd { font-size: 19px; font-weight: 550; font-variant-numeric: tabular-nums; }
.closing dd { font-weight: 700; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { padding: 8px 12px 8px 0; border-bottom: 1px solid var(--ink); color: var(--soft); font-size: 13px;
  font-weight: 500; text-align: left; }
td { padding: 8px 12px 8px 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
td:first-child, .time, .ref { white-space: nowrap; }
.time, .ref { color: var(--soft); font-size: 13px; }
.what { width: 100%; overflow-wrap: anywhere; }
.n { padding: 8px 0 8px 12px; text-align: right; white-space: nowrap; }
.in { color: var(--in); font-weight: 550; }
.sum .what, .sum .n { font-weight: 600; }
tr:last-child td { border-bottom: 1px solid var(--ink); }
.none { color: var(--soft); text-align: center; }
footer { padding-top: 18px; color: var(--soft); font-size: 13px; }
@media (max-width: 640px) {
  main { margin: 0; padding: 24px 18px; border: 0; border-radius: 0; }
  dl { grid-template-columns: repeat(2, 1fr); }
  .time, .ref { display: none; }
}
@page { size: A4; margin: 18mm 16mm 20mm;
  @bottom-right { content: counter(page) " / " counter(pages); color: #5d6b7a; font: 9pt system-ui, sans-serif; } }
@media print {
  body { background: none; font-size: 10pt; }
  main { max-width: none; margin: 0; padding: 0; border: 0; }
  thead { display: table-header-group; }
  tr, dl, header { break-inside: avoid; }
  td, th { padding-top: 5px; padding-bottom: 5px; }
}
"""


def page_of(statement: MonthlyStatement, *, now: datetime) -> str:
    """A whole HTML document, which loads nothing from elsewhere."""
    last = statement.until - timedelta(microseconds=1)
    return _PAGE.format(
        style=_STYLE,
        month=f"{statement.since:%B %Y}",
        name=escape(statement.member_name),
        days=f"{statement.since.day} to {_day(last)}",
        so_far="" if statement.complete else ", so far",
        opening=_amount(statement.opening, statement.currency),
        came_in=_amount(statement.came_in, statement.currency, signed=True),
        went_out=_amount(statement.went_out, statement.currency, signed=True),
        closing=_amount(statement.closing, statement.currency),
        owed=_OWED.format(owed=_amount(statement.owed, statement.currency)) if statement.owed else "",
        rows="\n".join(_rows(statement, last)),
        currency=escape(statement.currency),
        time_zone=escape(statement.time_zone),
        made=_day(now.astimezone(statement.since.tzinfo)),
    )


def csv_of(statement: MonthlyStatement) -> str:
    """Amounts in major units. It begins with a byte order mark, by which spreadsheets know UTF-8."""
    file = io.StringIO()
    sheet = csv.writer(file)
    sheet.writerow(("booked_at", "description", "reference", "amount", "balance", "currency"))

    def write(at: datetime, words: str, reference: str, amount: str, balance: int) -> None:
        left = in_major_units(balance, statement.currency)
        sheet.writerow((at.isoformat(timespec="seconds"), words, reference, amount, left, statement.currency))

    write(statement.since, "Opening balance", "", "", statement.opening)
    for line in statement.lines:
        amount = in_major_units(line.amount, statement.currency)
        write(line.booked_at, line.words, str(line.reference), str(amount), line.balance)
    write(statement.until, "Closing balance", "", "", statement.closing)
    return "\ufeff" + file.getvalue()


def _rows(statement: MonthlyStatement, last: datetime) -> list[str]:
    def balance(words: str, at: datetime, amount: int) -> str:
        shown = _amount(amount, statement.currency)
        return (
            f'<tr class="sum"><td>{at:%d %b}</td><td class="time"></td><td class="what">{words}</td>'
            f'<td class="ref"></td><td class="n"></td><td class="n">{shown}</td></tr>'
        )

    lines = [_row(line, statement.currency) for line in statement.lines]
    none = ['<tr><td class="none" colspan="6">Nothing came in or went out.</td></tr>']
    first = balance("Opening balance", statement.since, statement.opening)
    return [first, *(lines or none), balance("Closing balance", last, statement.closing)]


def _row(line: Line, currency: str) -> str:
    sign = "n in" if line.amount > 0 else "n"
    return (
        f'<tr><td>{line.booked_at:%d %b}</td><td class="time">{line.booked_at:%H:%M}</td>'
        f'<td class="what">{escape(line.words)}</td>'
        f'<td class="ref" title="{line.reference}">{line.reference.hex[-8:].upper()}</td>'
        f'<td class="{sign}">{_amount(line.amount, currency, signed=True)}</td>'
        f'<td class="n">{_amount(line.balance, currency)}</td></tr>'
    )


def _amount(amount: int, currency: str, *, signed: bool = False) -> str:
    """With a plus where the direction is the point."""
    text = f"{abs(in_major_units(amount, currency)):,}"
    if amount < 0:
        return f"\N{MINUS SIGN}{text}"
    return f"+{text}" if signed and amount else text


def _day(instant: datetime) -> str:
    return f"{instant.day} {instant:%B %Y}"
