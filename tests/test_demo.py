from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner

from facepay.cli import app as command_line
from facepay.demo.run import STAGES, play
from facepay.demo.scenarios import Scenario
from facepay.demo.serving import serving
from facepay.demo.stage import SceneWentWrong
from facepay.vision.engine import Engine
from tests.conftest import MASTER_KEY

STORIES = {
    Scenario.LANE: (
        ("read 2/3", "strays 3/3", "shows ¥76.40, on hold", "paid, ¥76.40", "lane_locked", "door_unlocked"),
        ("nothing_taken", "unknown_tag", "at kiosk", "door_opened", "no_face", "QR code", "paid, ¥21.90, with Bo"),
        ("owes ¥2.50", "tag_sold_before", "¥59.00, umbrella", "cancelled", "goods_left_behind", "in order"),
    ),
    Scenario.SHELVES: (
        ("a hand in A1, a face", "2 TEA-001, ¥9.00", "1 TEA-001, ¥4.50", "repeated", "drift", "2 BAO-002, ¥25.80"),
        ("doubtful", "1 UMB-004, ¥69.00", "shows ¥69.00, on hold", "told late", "charged_later, ¥4.50"),
        ("charged_later, ¥25.80", "debt_unsettled, ¥5.80", "¥44.20", "misplaced_goods", "restock", "in order"),
    ),
    Scenario.COUNTER: (
        ("depth_required", "depth_flat", "depth_bent", "825 g", "¥19.80/100 g, ¥163.35", "weighing_reused"),
        ("weighing_unstable", "pick-up number", "1 | -", "- | ", "stays on the board", "in order"),
    ),
    Scenario.SMILE: (
        ("at the stand, strength 0.", "not_neutral, a photo", "the rest, strength", "budget_spent", "-¥9.00"),
        ("-¥1.00", "left, ¥10.00 given", "as nobody", "recommend", "all that was inferred", "in order"),
    ),
    Scenario.BOX: (
        ("the mask, please", "party_inside", "store_full", "the entry stands open", "tailgating: 2 faces", "3 times"),
        ("please_wait", "1 waits", "please_ask_staff", "Gu knows better", "tag_unpaid", "camera_covered"),
        ("door_locked", "gate_locked", "door_unlocked", "camera_moved", "camera_frozen", "a door is forced"),
        ("The guard sees you", "door_held_open", "device_silent", "We close at three", "outside_hours"),
        ("Please leave now", "is with another store", "nobody came", "nobody looks up", "by itself", "2 links)"),
    ),
    Scenario.ONLINE: (
        ("requires_action", "intent.succeeded", "face_not_verified", "a print", "PIN", "link again", "refund.created"),
        ("expired", "intent.canceled", "2 orders on the web", "in order"),
    ),
    Scenario.RESTAURANT: (
        ("Round table, seat 3", "not: peanut sauce, satay", "allergen_in_dish", "course 2: duck, ¥168.00"),
        ("age_restricted", "¥271.92: table, Bo, guest", "already_cooking", "¥36.96, as it was held"),
        ("¥220.44 left of ¥257.40", "¥92.54, Lin's wallet", "¥127.90, tip ¥30.00", "seats 1 and 5"),
        ("¥44.00, all by one", "¥0.00: Hao has paid", "3 tables of 3", "in order"),
    ),
    Scenario.DRIVE: (
        ("licence_pending", "fee ¥200, held ¥500", "fee ¥0, held ¥200", "no_car_free", "with Lin's number"),
        ("depth_flat, a print", "key out, paid once", "drive_due_soon", "car_reserved, by Mei", "2 h, ¥60; 1 picture"),
        ("damage_unshown", "¥140 of ¥500 is free", "¥100 of her deposit", "model_driven_before"),
        ("Happy birthday, Lin!", "points, 20 % off", "-¥11.80", "car_late", "in order"),
    ),
    Scenario.FITTING: (
        ("cabin 2, welcome", "skin #", "outfit 3", "neutrals.", "disliked", "outfit 4", "Hubin", "promised"),
        ("cabin 2: Navy shirt, M", "cabin 1, unknown_face", "the mirror shows: Gu", "navy shirt, learnt"),
        ("¥199.00, 199 points", "paid, ¥199.00", "forgotten", "nobody waits for them", "in order"),
    ),
    Scenario.WAREHOUSE: (
        ("outside_hours", "result_replayed", "not_accepted:", "unknown_face", "already_inside", "escort_needed"),
        ("granted, with Lin", "same_holder", "granted, with Mei", "door_interlocked", "as his contract did"),
        ("access_duress, in silence", "lockdown", "emergency", "Lin, Mei", "the thief was let in", "wrong"),
        ("events, as it was", "Books: in order", "Access log: in order"),
    ),
}


def test_the_demo_plays_a_day_and_its_books_are_in_order() -> None:
    """By its command, which brings a Postgres and the models."""
    played = CliRunner().invoke(command_line, ["demo"])
    assert played.exit_code == 0, played.output
    for line in ("welcome", "unknown_face", "insufficient_fund", "basket_unpaid", "buy, QR", "frame_seen", "in order"):
        assert line in played.output


@pytest.mark.parametrize("scenario", STORIES)
def test_a_scenario_is_played_on_eighty_columns(scenario: Scenario, app_engine: Engine, database_url: str) -> None:
    console = Console(file=StringIO(), width=80)
    # Under the key of all tests, whose rotation is drawn once.
    settings = {**STAGES[scenario].settings, "database_url": database_url, "master_key": MASTER_KEY}
    with serving(console, port=0, engine=app_engine, **settings) as served:
        play(scenario, console, served)
        with pytest.raises(SceneWentWrong, match="store_code_taken"):
            play(scenario, console, served)
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    for line in (word for words in STORIES[scenario] for word in words):
        assert line in shown, shown
