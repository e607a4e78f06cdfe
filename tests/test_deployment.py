"""The deployment files agree with the settings, with each other and with the API. They aren't run here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from facepay.health import router as health
from facepay.settings import Settings

ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS = {f"FACEPAY_{name.upper()}" for name in Settings.model_fields}
WITHOUT_FIXED_DEFAULT = {"FACEPAY_INFERENCE_WORKERS"}


@pytest.fixture
def services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)["services"]
    return services


def example_settings() -> dict[str, str]:
    return dict(re.findall(r"^#?(FACEPAY_\w+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_the_example_names_every_setting_and_no_other() -> None:
    names = re.findall(r"^#?(FACEPAY_\w+)=", EXAMPLE, re.MULTILINE)
    assert sorted(names) == sorted(SETTINGS)


def test_the_example_shows_every_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    everything = tmp_path / ".env"
    everything.write_text(re.sub(r"^#(FACEPAY_)", r"\1", EXAMPLE, flags=re.MULTILINE))
    defaults = Settings(_env_file=None)
    assert Settings(_env_file=everything) == defaults
    for name, value in example_settings().items():
        default = getattr(defaults, name.removeprefix("FACEPAY_").lower())
        assert bool(value) == (default is not None and name not in WITHOUT_FIXED_DEFAULT), name


def test_the_example_explains_every_setting() -> None:
    for paragraph in EXAMPLE.split("\n\n"):
        if re.search(r"^#?[A-Z_]+=", paragraph, re.MULTILINE):
            assert re.match(r"# [A-Z\d]", paragraph), f"not explained: {paragraph}"


def test_compose_passes_every_setting_to_the_app_and_invents_none(services: dict[str, Any]) -> None:
    fixed_by_the_image = {"FACEPAY_DATA_DIR", "FACEPAY_HOST", "FACEPAY_PORT"}
    only_for_migrate = {"FACEPAY_MIGRATION_DATABASE_URL"}
    assert services["app"]["environment"].keys() - {"FORWARDED_ALLOW_IPS"} == (
        SETTINGS - fixed_by_the_image - only_for_migrate
    )
    assert services["migrate"]["environment"].keys() == {"FACEPAY_DATABASE_URL"} | only_for_migrate
    assert fixed_by_the_image == set(re.findall(r"(FACEPAY_\w+)=", DOCKERFILE))


def test_compose_reads_only_what_the_example_names_and_refuses_to_start_without_its_secrets() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    read = dict(re.findall(r"\$\{(\w+)(\W*)", COMPOSE_TEXT))
    assert read.keys() <= named
    assert named - SETTINGS <= read.keys()
    secrets = {name for name in read if re.search("PASSWORD|KEY", name)}
    assert secrets == {
        "POSTGRES_OWNER_PASSWORD",
        "POSTGRES_APP_PASSWORD",
        "FACEPAY_MASTER_KEY",
        "FACEPAY_ADMIN_PASSWORD",
    }
    assert all(read[name].startswith(":?") for name in secrets)


def test_the_replicas_start_after_the_migration_and_never_see_the_owners_password(services: dict[str, Any]) -> None:
    app, migrate = services["app"], services["migrate"]
    assert migrate["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert app["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["balancer"]["depends_on"] == {"app": {"condition": "service_healthy"}}
    assert app["deploy"]["replicas"] == 2
    assert "OWNER" in str(migrate["environment"])
    assert "OWNER" not in str(app["environment"])


def test_postgres_keeps_its_data_in_a_volume_and_off_the_network(services: dict[str, Any]) -> None:
    postgres = services["postgres"]
    assert postgres["image"] == "pgvector/pgvector:pg18"
    assert postgres["volumes"] == ["postgres:/var/lib/postgresql"]
    assert [name for name, service in services.items() if "ports" in service] == ["balancer"]


def test_limits_by_address_meet_the_caller_and_not_the_balancer(services: dict[str, Any]) -> None:
    """Uvicorn believes the headers of whoever may reach it: the balancer alone, which sets them itself."""
    balancer = (ROOT / "deploy" / "haproxy.cfg").read_text()
    assert services["app"]["environment"]["FORWARDED_ALLOW_IPS"] == "*"
    assert "ports" not in services["app"]
    for header in ("X-Forwarded-For", "X-Forwarded-Proto"):
        assert f"http-request set-header {header}" in balancer


def test_the_monitoring_beside_the_shop_reads_files_that_there_are() -> None:
    monitoring = yaml.safe_load((ROOT / "deploy" / "monitoring.yml").read_text())
    for config in monitoring["configs"].values():
        assert (ROOT / config["file"]).is_file()
    used = {each["source"] for service in monitoring["services"].values() for each in service["configs"]}
    assert used == monitoring["configs"].keys()
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["metrics_path"] in {getattr(route, "path", "") for route in health.routes}
    targets = {each["target"] for each in monitoring["services"]["prometheus"]["secrets"]}
    assert targets == {scraped["authorization"]["credentials_file"]}


def test_health_checks_ask_for_paths_that_exist(services: dict[str, Any]) -> None:
    paths = {getattr(route, "path", "") for route in health.routes}
    balancer = (ROOT / yaml.safe_load(COMPOSE_TEXT)["configs"]["haproxy"]["file"]).read_text()
    for text, path in (
        (DOCKERFILE.partition("HEALTHCHECK")[2], "/livez"),
        (str(services["app"]["healthcheck"]), "/readyz"),
        (balancer, "/readyz"),
    ):
        assert path in text
        assert path in paths


def test_the_image_runs_as_a_normal_user_without_build_tools() -> None:
    final = DOCKERFILE.split("\nFROM ")[-1]
    user = re.findall(r"^USER (\d+)", final, re.MULTILINE)
    assert user
    assert int(user[-1]) >= 1000
    assert not re.search(r"gcc|g\+\+|build-essential|\bpip install|-dev\b", final)


def test_the_image_is_built_only_from_files_that_it_may_see() -> None:
    admitted = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied: set[str] = set()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        copied |= {source.rstrip("/") for source in sources.split()}
    assert copied == admitted
    assert all((ROOT / name).exists() for name in copied)
