"""What `facepay doctor` says to somebody who is about to open a shop, and to somebody whose shop is ill."""

from __future__ import annotations

import base64
import json
import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from facepay.cli import app as command_line
from facepay.doctor.database import look_at_database
from facepay.doctor.findings import Finding
from facepay.doctor.machine import look_at_machine
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.secrets import MasterKey
from facepay.settings import Settings
from tests.conftest import MASTER_KEY, settings_for

pytestmark = pytest.mark.anyio


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def healthy(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return {"data_dir": tmp_path, "master_key": MASTER_KEY, "model_pack": "yunet_sface", "port": port}


def seen(settings: dict[str, Any], environment: dict[str, str] | None = None) -> dict[str, Finding]:
    found = look_at_machine(Settings(_env_file=None, **settings), environment or {})
    return {finding.check: finding for finding in found}


async def seen_of_database(url: str, *, ahead: timedelta = timedelta(), **settings: Any) -> dict[str, Finding]:
    database = Database(url, pool_size=2)
    try:
        looked = look_at_database(database, settings_for(url, **settings), lambda: utc_now() + ahead)
        return {finding.check: finding async for finding in looked}
    finally:
        await database.close()


def test_a_machine_that_is_ready_is_all_well(healthy: dict[str, Any]) -> None:
    findings = seen(healthy, {"FACEPAY_PORT": "1"})
    assert {name: each for name, each in findings.items() if each.verdict == "fail"} == {}
    assert findings.keys() >= {"settings", "master key", "model pack", "calibration", "disk", "port", "TLS", "traces"}


def test_a_setting_that_nobody_knows_is_named(healthy: dict[str, Any]) -> None:
    Path(".env").write_text("FACEPAY_PAYMENT_MAXX=1\n#FACEPAY_COMMENTED=1\n")
    finding = seen(healthy, {"FACEPAY_STEPUP_ABOVE": "1", "HOME": "/"})["settings"]
    assert finding.verdict == "warn"
    assert "FACEPAY_PAYMENT_MAXX" in finding.found
    assert "FACEPAY_STEPUP_ABOVE" in finding.found
    assert "COMMENTED" not in finding.found


@pytest.mark.parametrize(
    ("key", "verdict"),
    [
        (base64.b64encode(bytes(32)).decode(), "fail"),
        (base64.b64encode(b"correct horse correct horse corr").decode(), "fail"),
        ("not base64!", "fail"),
        (f"{MASTER_KEY},{MasterKey.generate_text()}", "warn"),
    ],
    ids=["zeros", "words", "not_base64", "two_keys"],
)
def test_a_master_key_that_could_be_guessed_or_isnt_whole_is_no_key(
    healthy: dict[str, Any], key: str, verdict: str
) -> None:
    finding = seen(healthy | {"master_key": key})["master key"]
    assert finding.verdict == verdict
    assert key[:12] not in finding.found + finding.advice


def test_a_key_that_others_on_the_machine_may_read_is_told_and_none_is_made(healthy: dict[str, Any]) -> None:
    settings = healthy | {"master_key": None}
    file = healthy["data_dir"] / "master.key"
    assert seen(settings)["master key"].verdict == "warn"
    assert not file.exists()
    MasterKey.from_file(file)
    assert seen(settings)["master key"].verdict == "ok"
    file.chmod(0o644)
    assert seen(settings)["master key"].verdict == "fail"


def test_models_that_the_shop_may_not_use_or_that_arent_there_keep_it_shut(healthy: dict[str, Any]) -> None:
    assert seen(healthy | {"model_pack": "buffalo_sc"})["model pack"].verdict == "fail"
    assert seen(healthy | {"model_pack": "buffalo_sc", "accept_research_licence": True})["model pack"].verdict == "warn"
    assert seen(healthy | {"model_pack": "nowhere"})["model pack"].verdict == "fail"
    assert seen(healthy | {"liveness_model": Path("/nowhere.onnx")})["liveness model"].verdict == "fail"


def test_a_port_that_somebody_else_has_is_told(healthy: dict[str, Any], port: int) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", port))
        assert seen(healthy)["port"].verdict == "fail"


@pytest.mark.parametrize(
    ("settings", "environment", "check", "verdict"),
    [
        ({"host": "0.0.0.0", "public_url": "https://pay.example.com"}, {}, "proxy", "warn"),
        (
            {"host": "0.0.0.0", "public_url": "https://pay.example.com"},
            {"FORWARDED_ALLOW_IPS": "10.0.0.1"},
            "TLS",
            "ok",
        ),
        ({"host": "0.0.0.0", "public_url": "http://pay.example.com"}, {}, "TLS", "warn"),
        ({"host": "0.0.0.0"}, {}, "TLS", "warn"),
    ],
)
def test_a_shop_that_is_reached_from_outside_needs_tls_and_a_proxy_that_is_believed(
    healthy: dict[str, Any], settings: dict[str, Any], environment: dict[str, str], check: str, verdict: str
) -> None:
    assert seen(healthy | settings, environment)[check].verdict == verdict


async def test_a_database_in_order_is_all_well_but_that_nobody_keeps_house_yet(database_url: str) -> None:
    findings = await seen_of_database(database_url)
    assert {name for name, each in findings.items() if each.verdict != "ok"} == {"housekeeping"}
    assert (await seen_of_database(database_url, admin_password=None))["owner"].verdict == "warn"


async def test_a_clock_apart_a_pool_too_large_and_the_owners_role_are_told(
    database_url: str, owner_database_url: str
) -> None:
    assert (await seen_of_database(database_url, ahead=timedelta(seconds=5)))["clock"].verdict == "warn"
    assert (await seen_of_database(database_url, ahead=timedelta(minutes=5)))["clock"].verdict == "fail"
    assert (await seen_of_database(database_url, database_pool_size=200))["connections"].verdict == "fail"
    assert (await seen_of_database(owner_database_url))["rights"].verdict == "warn"


async def test_a_house_that_nobody_keeps_and_a_schema_of_yesterday_fail(
    database_url: str, owner_database_url: str
) -> None:
    owner = Database(owner_database_url)
    async with owner.begin() as session:
        before = "now() - interval '1 hour'"
        await session.execute(
            text(f"insert into upkeep_task values ('retain_faces', 60, {before}, {before}, {before}, 'OSError')")
        )
    finding = (await seen_of_database(database_url))["housekeeping"]
    assert finding.verdict == "fail"
    assert "retain_faces" in finding.found
    async with owner.begin() as session:
        await session.execute(text("update alembic_version set version_num = '0001_kernel'"))
    await owner.close()
    assert (await seen_of_database(database_url))["schema"].verdict == "fail"


async def test_a_database_out_of_reach_is_told_without_its_password() -> None:
    url = "postgresql+psycopg://facepay_app:hunter2hunter2@127.0.0.1:1/facepay"
    finding = (await seen_of_database(url))["database"]
    assert finding.verdict == "fail"
    assert "hunter2" not in finding.found + finding.advice


def doctor(tmp_path: Path, **environment: str) -> tuple[int, list[dict[str, str]]]:
    others = {name: None for name in os.environ if name.startswith("FACEPAY_")}
    runner = CliRunner(env=others | {"FACEPAY_DATA_DIR": str(tmp_path)} | environment)
    result = runner.invoke(command_line, ["doctor", "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_the_command_ends_with_one_where_something_fails_and_never_says_a_secret(
    tmp_path: Path, database_url: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    well = {"FACEPAY_DATABASE_URL": database_url, "FACEPAY_MODEL_PACK": "yunet_sface", "FACEPAY_PORT": str(port)}
    code, findings = doctor(tmp_path, **well)
    assert code == 0, findings
    assert {"database", "schema", "master key"} <= {each["check"] for each in findings}
    code, findings = doctor(tmp_path, **well, FACEPAY_MASTER_KEY="c2hvcnQ=")
    assert code == 1
    code, findings = doctor(tmp_path, FACEPAY_CURRENCY="secret words")
    assert code == 1
    assert [each["check"] for each in findings] == ["settings"]
    assert "secret words" not in json.dumps(findings)
    assert "FACEPAY_CURRENCY" in findings[0]["found"]
