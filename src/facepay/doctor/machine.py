"""What can be seen without the database: settings, keys, models, and the machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx

from facepay.bootstrap import MASTER_KEY_FILE
from facepay.calibration.calibration import load_calibration
from facepay.doctor.findings import Finding, fail, ok, warn
from facepay.kernel.secrets import MasterKey
from facepay.kernel.telemetry import is_collected
from facepay.settings import Settings
from facepay.vision.engine import available_cores
from facepay.vision.packs import PackError, find_pack

GIBIBYTE = 1024**3
DISK_LEAST_BYTES, DISK_SCARCE_BYTES = GIBIBYTE, 5 * GIBIBYTE
# Of 32 random bytes some 30 differ; fewer than this never happen by chance.
DISTINCT_BYTES_MIN = 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def look_at_machine(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    yield from settings_of(environment)
    yield from master_key_of(settings)
    yield from models_of(settings)
    yield from disk_of(settings)
    yield from processor_of(settings)
    yield from port_of(settings)
    yield from reached_at(settings, environment)
    yield from traces_of(settings)


def settings_of(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Misspelt, a setting would be left at its default without a word."""
    known = {f"FACEPAY_{name.upper()}" for name in Settings.model_fields}
    named = {name for name in environment if name.startswith("FACEPAY_")}
    if Path(".env").is_file():
        named |= set(re.findall(r"^\s*(?:export\s+)?(FACEPAY_\w+)\s*=", Path(".env").read_text(), re.MULTILINE))
    if unknown := sorted(named - known):
        yield warn("settings", f"nobody knows {', '.join(unknown)}", "Correct the names: .env.example lists all.")
    else:
        yield ok("settings", f"{len(named)} set, all of them known")


def master_key_of(settings: Settings) -> Iterator[Finding]:
    file = settings.data_dir / MASTER_KEY_FILE
    try:
        if settings.master_key is not None:
            text, where = settings.master_key.get_secret_value(), "the environment"
        elif file.is_file():
            text, where = file.read_text(), str(file)
        else:
            yield warn("master key", "none yet", f"The first start makes {file}; keep a copy of it elsewhere.")
            return
        key = MasterKey.from_text(text)
    except (ValueError, OSError) as error:
        yield fail("master key", f"can't be read: {error}", "32 bytes in base64: openssl rand -base64 32.")
        return
    if key.is_weak(distinct_bytes_min=DISTINCT_BYTES_MIN):
        yield fail("master key", "it isn't random", "Make one by openssl rand -base64 32 (docs/templates.md).")
    elif settings.master_key is None and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield fail("master key", f"others on this machine may read {file}", f"chmod 600 {file}")
    elif key.others:
        yield warn("master key", f"in {where}, and {len(key.others)} older beside it", "End the change of keys.")
    else:
        yield ok("master key", f"in {where}; without a copy elsewhere its loss would be every face's")


def models_of(settings: Settings) -> Iterator[Finding]:
    try:
        pack = find_pack(settings.model_pack)
    except PackError as error:
        yield fail("model pack", str(error), "`facepay models` says what there is, and where to get more.")
        return
    if pack.licence.commercial:
        yield ok("model pack", f"{pack.label}, {pack.licence.name}")
    elif settings.accept_research_licence:
        yield warn("model pack", f"{pack.label}: {pack.licence.name}", "A shop takes FACEPAY_MODEL_PACK=yunet_sface.")
    else:
        advice = "Take FACEPAY_MODEL_PACK=yunet_sface, or say FACEPAY_ACCEPT_RESEARCH_LICENCE=true for research."
        yield fail("model pack", f"{pack.label}: {pack.licence.name}; not accepted", advice)
    calibration = load_calibration(pack.label)
    if calibration.pairs:
        yield ok("calibration", f"{pack.label} on {calibration.people:,} people")
    else:
        yield warn("calibration", f"none for {pack.label}: thresholds are guesses", "Run `facepay calibrate`.")
    for name in ("liveness_model", "expression_model"):
        path: Path | None = getattr(settings, name)
        if path is not None and not path.is_file():
            yield fail(name.replace("_", " "), f"no file {path}", f"Correct FACEPAY_{name.upper()}.")


def disk_of(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / GIBIBYTE:.1f} GiB free at {folder}"
    judge: Callable[[str, str, str], Finding] = fail if free < DISK_LEAST_BYTES else warn
    if free >= DISK_SCARCE_BYTES:
        yield ok("disk", found)
    else:
        yield judge("disk", found, "A full disk stops every payment: make room.")


def processor_of(settings: Settings) -> Iterator[Finding]:
    cores, info = available_cores(), Path("/proc/cpuinfo")
    flags = set(info.read_text().partition("flags")[2].partition("\n")[0].split()) if info.is_file() else set()
    found = f"{cores} cores, {settings.inference_workers} inference workers"
    if flags and "avx2" not in flags:
        yield warn("processor", f"{found}, no AVX2", "Models run several times slower without it.")
    elif settings.inference_workers > cores:
        yield warn("processor", found, f"FACEPAY_INFERENCE_WORKERS={cores}: more of them only wait for each other.")
    else:
        yield ok("processor", found)


def port_of(settings: Settings) -> Iterator[Finding]:
    at = f"{settings.host}:{settings.port}"
    try:
        with socket.create_server((settings.host, settings.port)):
            yield ok("port", f"{at} is free")
    except OSError as error:
        if _is_facepay(settings):
            yield ok("port", f"facepay is alive at {at}")
        else:
            yield fail("port", f"{at}: {error.strerror}", "End what listens there, or set FACEPAY_PORT, FACEPAY_HOST.")


def _is_facepay(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    try:
        return bool(httpx.get(f"http://{host}:{settings.port}/livez", timeout=2).json() == {"status": "ok"})
    except (httpx.HTTPError, ValueError):
        return False


def reached_at(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """TLS ends before us, so whether a caller came by it, and from where, is what the proxy says."""
    base = settings.public_base
    trusted = environment.get("FORWARDED_ALLOW_IPS", "")
    beyond = settings.host not in LOOPBACK
    if base.startswith("https:") and beyond and not trusted:
        advice = "Set FORWARDED_ALLOW_IPS to the proxy's address, and have it set X-Forwarded-For and -Proto itself."
        yield warn("proxy", f"{base}, by a proxy that isn't believed: all callers share one address", advice)
    elif base.startswith("http:") and settings.public_url is not None and settings.public_url.host not in LOOPBACK:
        yield warn(
            "TLS", f"{base} is plain HTTP", "Browsers give no camera, and passwords can be read: end TLS before it."
        )
    elif beyond and settings.public_url is None:
        yield warn("TLS", f"listens at {settings.host}, and nobody said where it's reached", "Set FACEPAY_PUBLIC_URL.")
    else:
        yield ok("TLS", f"reached at {base}")


def traces_of(settings: Settings) -> Iterator[Finding]:
    if not is_collected(str(settings.otlp_endpoint) if settings.otlp_endpoint else None):
        yield ok("traces", "nobody collects them")
    elif importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        yield warn("traces", "they are to be sent, and nothing sends them", "pip install 'facepay[telemetry]'")
    else:
        yield ok("traces", f"go to {settings.otlp_endpoint or os.environ.get('OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_*')}")
