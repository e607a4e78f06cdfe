"""What a chain needs grows with it, and what one part of it needs is what the parts cost."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from facepay.capacity import Chain, Costs, Hardware, Need, needs
from facepay.cli import app


def found(chain: Chain, costs: Costs = Costs(), hardware: Hardware = Hardware()) -> dict[str, Need]:
    return {each.what: each for each in needs(chain, costs, hardware)}


def test_the_figures_of_a_day_are_those_worked_out_by_hand() -> None:
    """8,640 visits and as many sales a day in one store, peak ten times the mean: a visit and a sale each second."""
    chain = Chain(stores=1, members=1_000_000, visits=8_640, sales=8_640, peak=10, frames=1, used=0.5)
    answer = found(
        chain, Costs(frame_ms=20, search_ms_per_million=5, pass_app_ms=10, sale_app_ms=30, pass_wal=1_000_000)
    )
    assert answer["decisions at the peak"].amount == 2
    assert answer["frames at the peak"].amount == 3
    assert answer["cores for models"].amount == pytest.approx(3 * 0.020 / 0.5)
    assert answer["cores for searches"].amount == pytest.approx(2 * 0.005 / 0.5)
    assert answer["cores for the app"].amount == pytest.approx((2 * 0.010 + 0.030) / 0.5)
    assert answer["WAL at the peak"].amount == pytest.approx(2 + Costs().sale_wal / 1e6)


def test_regions_search_fewer_faces_and_hold_fewer_but_have_machines_of_their_own() -> None:
    one, many = (found(Chain(10_000, 50_000_000, regions=regions)) for regions in (1, 50))
    assert one["cores for searches"].amount == pytest.approx(50 * many["cores for searches"].amount)
    assert one["memory of a machine"].amount > 30 > many["memory of a machine"].amount
    assert many["machines"].amount >= 50


def test_shards_follow_whichever_is_short_cores_or_disk() -> None:
    chain = Chain(10_000, 1)
    cores = found(chain, Costs(pass_disk=0, sale_disk=0), Hardware(postgres_cores=1))
    disk = found(chain, Costs(pass_postgres_ms=0, sale_postgres_ms=0), Hardware(postgres_disk=10**12))
    assert cores["Postgres shards"].amount >= cores["cores for Postgres"].amount > 1
    assert disk["Postgres shards"].amount >= disk["disk a year"].amount > 1


def test_the_command_says_the_same_for_people_and_for_machines() -> None:
    asked = ["capacity", "--stores", "10000", "--members", "50000000", "--peak", "6"]
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert {each["what"] for each in told} == set(found(Chain(1, 1)))
    shown = CliRunner().invoke(app, asked).stdout
    assert "cores for Postgres" in shown
    assert f"{told[0]['amount']:,.0f} /s" in shown
