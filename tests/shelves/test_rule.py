"""The table of cases in docs/shelves.md, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepay.shelves.rule import Claim, Count, LateVerdict, Source, Verdict, reconcile, settle_late

FAVOUR_MAX = 500
TEA, UMBRELLA = 450, 5900  # what a piece costs
DOCS = Path(__file__).parents[2] / "docs" / "shelves.md"


def count(text: str) -> Count:
    """`2` or `1 to 2`."""
    sure, _, possible = text.partition(" to ")
    return Count(int(sure), int(possible or sure))


def rows_under(heading: str) -> list[list[str]]:
    """The body of the table under a heading of the page."""
    section = DOCS.read_text().split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("row", rows_under("At the payment"), ids=" ".join)
def test_the_payment_follows_the_table(row: list[str]) -> None:
    price, shelf, rfid, basket, charged, rest, _ = row
    said: dict[Source, str] = {"shelf": shelf, "rfid": rfid, "basket": basket}
    counts = {source: count(text) for source, text in said.items() if text != "-"}
    verdict = reconcile([Claim("SKU", int(price), counts)], favour_max=FAVOUR_MAX)
    assert verdict.charged == ({"SKU": int(charged)} if int(charged) else {})
    shown = [f"{each.disputed} waived" for each in verdict.waived]
    shown += [f"{each.disputed} to staff" for each in verdict.review]
    assert shown == ([] if rest == "-" else [rest])


@pytest.mark.parametrize("row", rows_under("After the payment"), ids=" ".join)
def test_what_comes_late_follows_the_table(row: list[str]) -> None:
    price, moved, taken, paid, outcome, _ = row
    pieces = int(moved.removeprefix("take ")) if moved.startswith("take") else -int(moved.removeprefix("return "))
    verdict = settle_late(
        moved=pieces, paid=int(paid), taken=count(taken), unit_price=int(price), favour_max=FAVOUR_MAX
    )
    action, _, quantity = outcome.partition(" ")
    assert (verdict.action, verdict.quantity) == (action, int(quantity or 0))


def test_of_several_products_the_least_valuable_are_given_up_first() -> None:
    unsure: dict[Source, Count] = {"shelf": Count(0, 1)}
    claims = [Claim("UMBRELLA", UMBRELLA, unsure), Claim("GUM", 300, unsure), Claim("TEA", TEA, unsure)]
    verdict = reconcile(claims, favour_max=FAVOUR_MAX)
    assert [each.sku for each in verdict.waived] == ["GUM"]
    assert [each.sku for each in verdict.review] == ["TEA", "UMBRELLA"]
    everything = reconcile(claims, favour_max=300 + TEA + UMBRELLA)
    assert [each.sku for each in everything.waived] == ["GUM", "TEA", "UMBRELLA"]
    assert not reconcile(claims, favour_max=0).waived


def test_nothing_is_charged_that_nobody_counted() -> None:
    assert reconcile([], favour_max=FAVOUR_MAX) == Verdict({})
    assert reconcile([Claim("TEA", TEA, {})], favour_max=FAVOUR_MAX) == Verdict({})


def test_a_bill_never_changes_by_more_than_what_was_moved() -> None:
    assert settle_late(moved=1, paid=0, taken=Count(5, 5), unit_price=TEA, favour_max=0) == LateVerdict("charge", 1)
    assert settle_late(moved=-1, paid=5, taken=Count(0, 0), unit_price=TEA, favour_max=0) == LateVerdict("refund", 1)


@pytest.mark.parametrize(("sure", "possible"), [(-1, 0), (2, 1)])
def test_a_count_makes_sense(sure: int, possible: int) -> None:
    with pytest.raises(ValueError, match="a count from"):
        Count(sure, possible)
