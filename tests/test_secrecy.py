"""What people entrust to the shop is in none of its logs, traces and figures, and in no answer to anybody else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.conftest import OpenShop
from tests.photos import people
from tests.shop import PASSWORD, Shop

pytestmark = pytest.mark.anyio
NAME, PHONE, PIN = "Planted Zhang", "+8613912345678", "739154"
WORDS, TOKEN = "planted words of a person", "planted-token-of-somebody"
PLANTED = (NAME, PHONE, PHONE[-8:], PIN, WORDS, TOKEN, PASSWORD)
SECRETS = (PHONE, PIN, TOKEN, PASSWORD)  # not even to whoever sent them
EMBEDDING = re.compile(r"(-?\d\.\d+(e-?\d+)?[,\s]+){8}")
BY_KIND = {"string": WORDS, "integer": 41, "number": 0.41, "boolean": True}


class Told:
    """All that left the process but answers."""

    def __init__(self, capture: pytest.CaptureFixture[str], log: pytest.LogCaptureFixture) -> None:
        self.capture, self.log = capture, log
        self.spans = InMemorySpanExporter()

    def trace(self, shop: Shop) -> None:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        shop.app.state.traces.give_to(provider)

    def all_of(self, shop: Shop) -> str:
        written = self.capture.readouterr()
        ours = [record.getMessage() for record in self.log.records if not record.name.startswith(("httpx", "httpcore"))]
        figures, _ = shop.app.state.metrics.exposition("application/openmetrics-text")
        spans = [span.to_json() for span in self.spans.get_finished_spans()]
        return "\n".join([written.out, written.err, *ours, *spans, figures.decode()])


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Told:
    caplog.set_level("DEBUG")
    return Told(capsys, caplog)


def assert_nobody_is_in(text: str, *more: str) -> None:
    found = [secret for secret in (*PLANTED, *more) if secret != PIN and secret in text]
    assert found == []
    assert not re.search(rf"(?<![\w.]){PIN}(?!\w)", text), "six digits are part of some id or time now and then"
    assert not EMBEDDING.search(text)
    for frame in people():
        assert base64.b64encode(frame[300:330]).decode()[2:30] not in text
        assert repr(frame[300:330])[2:-1] not in text


def operations(api: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            streams = any("text/event-stream" in each.get("content", {}) for each in operation["responses"].values())
            if not streams and path not in ("/v1/auth/token", "/metrics"):
                yield method.upper(), path, operation


def planted(schema: dict[str, Any], schemas: dict[str, Any], depth: int = 0) -> Any:
    """A value of about this kind, of planted words: some of it is taken, and some refused."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if kinds := schema.get("anyOf") or schema.get("oneOf"):
        return planted(kinds[0], schemas, depth)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object" or "properties" in schema:
        known = {"display_name": NAME, "name": NAME, "phone": PHONE, "pin": PIN, "password": PASSWORD, "token": TOKEN}
        parts = schema.get("properties", {}) if depth < 4 else {}
        needed = known.keys() | set(schema.get("required", ()))
        return {key: known.get(key) or planted(parts[key], schemas, depth + 1) for key in parts.keys() & needed}
    if schema.get("type") == "array":
        return [planted(schema.get("items", {}), schemas, depth + 1)]
    return str(uuid4()) if schema.get("format") == "uuid" else BY_KIND.get(schema.get("type", ""), WORDS)


async def send(
    shop: Shop, method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]
) -> httpx.Response:
    kinds = {kind for each in operation.get("security", ()) for kind in each}
    headers = (
        shop.kiosk if "device" in kinds else {"Authorization": f"Bearer {TOKEN}"} if "payer" in kinds else shop.staff
    )
    ids = {"store_id": shop.store_id, "kiosk_id": shop.kiosk_id}
    filled = re.sub(r"\{(\w+)\}", lambda part: ids.get(part[1], str(uuid4())), path)
    query = {each["name"]: WORDS for each in operation.get("parameters", ()) if each["in"] == "query"}
    asked: dict[str, Any] = {"headers": headers | {"Idempotency-Key": uuid4().hex}, "params": query}
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        asked["json"] = planted(content["application/json"].get("schema", {}), schemas)
    elif content:
        asked |= {"files": {"frame": ("frame.jpg", people()[0], "image/jpeg")}, "data": {"basket": WORDS}}
    return await shop.client.request(method, filled, **asked)


async def test_whatever_is_sent_to_whichever_route_is_told_to_nobody(
    open_shop: OpenShop, told: Told, api: dict[str, Any]
) -> None:
    shop = await open_shop(log_level="debug", rate_device_per_minute=0, rate_person_per_minute=0)
    told.trace(shop)
    answers: dict[int, int] = {}
    for method, path, operation in operations(api):
        for asked in ({**operation, "parameters": []}, operation):  # what queries refuse hides what bodies would do
            answer = await send(shop, method, path, asked, api["components"]["schemas"])
            answers[answer.status_code] = answers.get(answer.status_code, 0) + 1
            assert answer.status_code != 500, f"{method} {path}"
            if answer.headers["content-type"] == "application/problem+json":
                assert [secret for secret in SECRETS if secret in answer.text] == [], f"{method} {path}"
            if not operation.get("parameters"):
                break
    assert {200, 201, 404, 422} <= answers.keys(), "some of it was taken, and some refused"
    everything = told.all_of(shop)
    assert everything.count('"event": "request"') > 300, "it was logged at all"
    assert_nobody_is_in(everything, shop.staff["Authorization"][7:], shop.kiosk["Authorization"][7:])


async def test_of_a_day_in_the_store_no_log_says_who_was_there(open_shop: OpenShop, told: Told) -> None:
    shop = await open_shop(log_level="debug", step_up_above=100)
    told.trace(shop)
    consent = {"policy_version": "2026-01", "accepted": True}
    body = {"display_name": NAME, "phone": PHONE, "consent": consent}
    member_id = (await shop.do("POST", "/v1/members", json=body))["id"]
    await shop.do("PUT", f"/v1/members/{member_id}/face", files=[("frames", ("face.jpg", people()[0], "image/jpeg"))])
    await shop.do("PUT", f"/v1/members/{member_id}/pin", json={"pin": PIN})
    await shop.top_up(member_id, 10_000)
    assert (await shop.at_gate(0)).json()["decision"] == "open"
    asked = (await shop.at_kiosk(0, {"TEA-001": 1})).json()
    assert asked["decision"] == "step_up"
    answer = await shop.client.post(
        f"/v1/kiosks/{shop.kiosk_id}/checkouts/{asked['checkout_id']}/step-up",
        json={"answer": PIN},
        headers=shop.kiosk | {"Idempotency-Key": "once"},
    )
    issued = await shop.do("POST", f"/v1/members/{member_id}/passes")
    await shop.pass_at_gate(issued["pass"], "exits")
    refused = await shop.client.post("/v1/auth/token", data={"username": NAME, "password": WORDS})
    assert refused.status_code in (400, 401), answer.text
    everything = told.all_of(shop)
    assert "POST /v1/gates/{gate_id}/entries" in everything
    assert_nobody_is_in(everything, member_id, issued["pass"], shop.gate["Authorization"][7:])


async def test_a_bug_tells_where_it_is_and_not_what_it_held(
    open_shop: OpenShop, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await open_shop(log_level="debug")
    told.trace(shop)

    def stumble(*_: object) -> None:
        raise RuntimeError(f"{NAME} {PHONE} {people()[0][300:330]!r}")

    monkeypatch.setattr(shop.app.state.metrics, "decided", stumble)
    await shop.add_member(0)
    answer = await shop.at_gate(0)
    assert answer.status_code == 500
    everything = told.all_of(shop)
    (line,) = [json.loads(each) for each in everything.splitlines() if '"event": "internal_error"' in each]
    assert line["error"] == "RuntimeError"
    assert line["request_id"] == answer.json()["request_id"]
    assert len(line["trace_id"]) == 32
    assert_nobody_is_in(everything + answer.text)
