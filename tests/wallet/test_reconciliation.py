"""Two records of the same money, kept apart, and every difference between them found."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from typer.testing import CliRunner

from facepay.cli import app as cli
from facepay.kernel.ids import new_id
from facepay.kernel.secrets import MasterKey
from facepay.wallet.accounts import CLEARING
from facepay.wallet.providers.mock_books import COLUMNS
from facepay.wallet.reconciliation import Booked, Difference, compare, reconcile
from facepay.wallet.settlement import BANK, PROVIDER_FEES, Line, MalformedSettlement, read_settlement
from facepay.wallet.verify import verify
from tests.wallet.books import Books
from tests.wallet.desk import Desk

DAY = date(2026, 11, 25)
Rows = list[dict[str, str]]


@pytest.fixture
async def desk(books: Books) -> Desk:
    """A day with three top-ups, of which one was given back in part."""
    desk = Desk(books.database)
    top_ups = [await desk.top_up(new_id(), amount) for amount in (10_000, 5_000, 333)]
    await desk.hear_all()
    await desk.refund(top_ups[0], 4_000)
    await desk.hear_all()
    return desk


def altered(file: bytes, change: Callable[[Rows], object]) -> bytes:
    rows = list(csv.DictReader(io.StringIO(file.decode())))
    change(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


async def balances(desk: Desk) -> tuple[int, int, int]:
    """What the provider owes us, what is at the bank, what fees we paid."""
    clearing, bank, fees = [-await desk.house(kind) for kind in (CLEARING, BANK, PROVIDER_FEES)]
    return clearing, bank, fees


@pytest.mark.anyio
async def test_a_day_that_agrees_is_moved_to_the_bank_once_and_what_the_file_lost_stays(desk: Desk) -> None:
    file = await desk.provider.settlement(DAY)
    assert [(line.type, line.gross, line.fee, line.net) for line in read_settlement(file)] == [
        ("charge", 10_000, 60, 9_940),
        ("charge", 5_000, 30, 4_970),
        ("charge", 333, 2, 331),
        ("refund", -4_000, 0, -4_000),
    ]
    lost = altered(file, lambda rows: rows.pop(1))
    (found,) = (await reconcile(desk.database, day=DAY, file=lost)).differences
    assert (found.kind, found.here, found.there) == ("missing_there", 5_000, None)
    assert (await balances(desk))[0] == 5_000
    for _ in range(2):  # the whole file, and again
        report = await reconcile(desk.database, day=DAY, file=file)
        assert (report.ok, len(report.matched)) == (True, 4)
        assert await balances(desk) == (0, 11_241, 92)
    late = altered(file, lambda rows: [row.update(settled_at="2026-11-26T01:00:00+00:00") for row in rows])
    on_another_day = (await reconcile(desk.database, day=DAY + timedelta(days=1), file=late)).differences
    assert [each.kind for each in on_another_day] == ["duplicate"] * 4
    assert await balances(desk) == (0, 11_241, 92)
    assert (await verify(desk.database)).ok


@pytest.mark.anyio
async def test_the_next_day_is_another_file(desk: Desk) -> None:
    desk.time.pass_by(days=1)
    assert read_settlement(await desk.provider.settlement(DAY + timedelta(days=1))) == []
    await desk.top_up(new_id(), 700)
    await desk.hear_all()
    (line,) = read_settlement(await desk.provider.settlement(DAY + timedelta(days=1)))
    assert line.gross == 700


@pytest.mark.anyio
async def test_money_that_the_provider_took_unasked_or_that_we_never_credited_is_missing_here(desk: Desk) -> None:
    lost = await desk.record(new_id(), 800)
    customer_id = await desk.provider.bind(lost.member_id)
    for reference in (lost.id, new_id()):
        await desk.provider.charge(
            key=str(reference), customer_id=customer_id, amount=800, currency="CNY", reference=reference
        )

    async def swallow(headers: dict[str, str], body: bytes) -> int:
        return 204

    await desk.provider.work(swallow)
    found = (await reconcile(desk.database, day=DAY, file=await desk.provider.settlement(DAY))).differences
    assert [(each.kind, each.here, each.there) for each in found] == [("missing_here", None, 800)] * 2
    assert {each.detail for each in found} == {"we never asked for it", "not credited: it is pending here"}


@pytest.mark.anyio
async def test_amounts_that_differ_and_lines_told_twice_are_found(desk: Desk) -> None:
    def change(rows: Rows) -> None:
        rows[0] |= {"gross": "10001", "net": "9941"}
        rows[1]["net"] = "4971"
        rows[2]["currency"] = "EUR"
        rows.append(rows[3])
        rows.append(rows[3] | {"id": "re_other"})

    file = altered(await desk.provider.settlement(DAY), change)
    found = (await reconcile(desk.database, day=DAY, file=file)).differences
    assert [each.kind for each in found] == ["amount_differs"] * 3 + ["duplicate"] * 2
    assert await balances(desk) == (15_333, -4_000, 0)


@pytest.mark.anyio
async def test_a_credit_that_no_top_up_explains_is_found(books: Books, desk: Desk) -> None:
    forged = await books.top_up(new_id(), 10**6)
    assert forged.ok
    async with books.database.begin() as session:
        posted = (
            await session.execute(
                text("select event_at, cause_id from ledger.transfers where id = :id"), {"id": forged.transfer_id}
            )
        ).one()
    report = await reconcile(books.database, day=posted.event_at.date(), file=",".join(COLUMNS).encode())
    assert [(each.kind, each.reference, each.here) for each in report.differences] == [
        ("missing_there", posted.cause_id, 10**6)
    ]


MOMENT = datetime(2026, 11, 25, 9, tzinfo=UTC)
LINE = Line("ch_0", "charge", "ch_0", UUID(int=0), 100, 1, 99, "CNY", MOMENT)


@given(st.lists(st.sampled_from(["kept", "lost", "altered", "doubled", "not booked"]), max_size=8))
def test_exactly_what_was_changed_is_found(fates: list[str]) -> None:
    lines: list[Line] = []
    booked: list[Booked] = []
    expected: set[tuple[str, int]] = set()
    kinds = {"lost": "missing_there", "altered": "amount_differs", "doubled": "duplicate", "not booked": "missing_here"}
    for number, fate in enumerate(fates):
        line = replace(LINE, id=f"ch_{number}", reference=UUID(int=number))
        if fate != "not booked":
            booked.append(Booked(line.reference, line.id, 100, "CNY", "succeeded", True, 100, "CNY"))
        gross = 101 if fate == "altered" else 100
        lines += {"lost": 0, "doubled": 2}.get(fate, 1) * [replace(line, gross=gross)]
        if fate in kinds:
            expected.add((kinds[fate], number))
    report = compare(DAY, lines, booked, {})

    def what(found: Difference) -> tuple[str, int]:
        return found.kind, found.reference.int

    assert sorted(map(what, report.differences)) == sorted(expected)
    assert [line.reference.int for line in report.matched] == [
        number for number, fate in enumerate(fates) if fate in ("kept", "doubled")
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gross": "1.5"}, "line 2"),
        ({"reference": "7"}, "line 2"),
        ({"settled_at": "yesterday"}, "line 2"),
        ({"settled_at": "2026-11-25T09:00:00"}, "line 2"),
        ({"gross": "1" * 30}, "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_line(change: dict[str, str], message: str) -> None:
    row = dict(
        zip(
            COLUMNS, ("ch_1", "charge", "ch_1", str(UUID(int=1)), "1", "0", "1", "CNY", MOMENT.isoformat()), strict=True
        )
    )
    file = altered((",".join(COLUMNS)).encode(), lambda rows: rows.append(row | change))
    with pytest.raises(MalformedSettlement, match=message):
        read_settlement(file)


@pytest.mark.parametrize("file", [b"\xff\xfe", b"id,gross\nch_1,5\n", b'id,"gross\n'])
def test_what_is_no_settlement_file_is_refused(file: bytes) -> None:
    with pytest.raises(MalformedSettlement):
        read_settlement(file)


def test_the_command_says_what_differs_and_exits_with_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEPAY_DATABASE_URL", database_url)
    monkeypatch.setenv("FACEPAY_MASTER_KEY", MasterKey.generate_text())
    monkeypatch.setenv("COLUMNS", "200")
    command = ["ledger", "reconcile", "--day", "2026-11-25"]
    assert CliRunner().invoke(cli, command).exit_code == 0
    file = tmp_path / "settlement.csv"
    file.write_text(",".join(COLUMNS) + f"\nch_1,charge,ch_1,{UUID(int=1)},100,1,99,CNY,2026-11-25T09:00:00Z\n")
    result = CliRunner().invoke(cli, [*command, "--file", str(file)])
    assert result.exit_code == 1
    assert "missing_here" in result.output
    assert "0 lines agree, 1 differ" in result.output
    file.write_text("nothing\nat all\n")
    assert CliRunner().invoke(cli, [*command, "--file", str(file)]).exit_code == 2
