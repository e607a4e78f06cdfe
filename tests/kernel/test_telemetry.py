"""What took a decision its time, told to whoever runs the shop, and never who it was about."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from facepay.kernel.telemetry import is_collected
from tests.photos import camera_frame, people
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.one_shop]
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def spans(shop: Shop) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    shop.app.state.traces.give_to(provider)
    yield exporter
    shop.app.state.traces.give_to(TracerProvider(shutdown_on_exit=False))


def named(spans: tuple[ReadableSpan, ...], name: str) -> ReadableSpan:
    (span,) = [span for span in spans if span.name == name]
    return span


async def test_an_entry_is_traced_from_the_frame_to_the_transaction_in_its_callers_trace(
    shop: Shop, spans: InMemorySpanExporter
) -> None:
    member_id = await shop.add_member(0)
    spans.clear()
    nobody_looked_at = camera_frame([people()[0]]) + b"\0"
    answer = await shop.at_gate(nobody_looked_at, traceparent=f"00-{TRACE}-{CALLER}-01", baggage="name=Wei")
    assert answer.json()["decision"] == "open"
    ended = spans.get_finished_spans()
    request = named(ended, "POST /v1/gates/{gate_id}/entries")
    assert request.context is not None
    assert f"{request.context.trace_id:032x}" == TRACE
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == CALLER
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/gates/{gate_id}/entries",
        "http.response.status_code": 200,
        "facepay.request_id": answer.headers["x-request-id"],
        "facepay.caller": "device",
        "facepay.role": "gate",
        "facepay.device_id": shop.gate_id,
        "facepay.store_id": shop.store_id,
        "facepay.use": "gate_entry",
        "facepay.decision": "open",
        "facepay.code": "welcome",
    }
    stages = ["decode", "detect", "align", "embed", "measure", "search", "decide"]
    starts = [named(ended, stage).start_time or 0 for stage in stages]
    assert starts == sorted(starts)
    assert {f"{span.context.trace_id:032x}" for span in ended if span.context} == {TRACE}
    for span in ended:
        assert (request.start_time or 0) <= (span.start_time or 0) <= (span.end_time or 0) <= (request.end_time or 0)
    assert "transaction" in {span.name for span in ended}
    assert member_id not in "".join(span.to_json() for span in ended)


async def test_a_payment_shows_what_the_ledger_took_within_what_the_decision_took(
    shop: Shop, spans: InMemorySpanExporter
) -> None:
    await shop.add_member(1, balance=10_000)
    spans.clear()
    assert (await shop.at_kiosk(1, {"TEA-001": 1})).json()["decision"] == "paid"
    ended = spans.get_finished_spans()
    decide = named(ended, "decide")
    assert decide.context is not None
    posts = [span for span in ended if span.name == "ledger"]
    assert posts
    assert {span.parent and span.parent.span_id for span in posts} == {decide.context.span_id}


async def test_a_refusal_is_told_by_its_code_and_a_path_by_its_route(shop: Shop, spans: InMemorySpanExporter) -> None:
    missing = "/v1/members/0199f7a1-0000-7000-8000-000000000000"
    await shop.client.get(missing, params={"q": "Wei"}, headers=shop.staff)
    (request,) = [span for span in spans.get_finished_spans() if span.name.startswith("GET")]
    assert request.attributes is not None
    assert request.attributes["facepay.problem"] == "member_not_found"
    assert request.attributes["http.route"] == "/v1/members/{member_id}"
    assert "0199f7a1" not in request.to_json()


async def test_figures_name_a_trace_to_look_at(shop: Shop, spans: InMemorySpanExporter) -> None:
    await shop.client.get("/livez", headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})
    _, monitor = await shop.add_device("monitor")
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = await shop.client.get("/metrics", headers=monitor | accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert TRACE in answer.text


def test_nobody_collects_unless_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert not is_collected(None)
    assert is_collected("http://collector:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert is_collected(None)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not is_collected("http://collector:4318")


def test_a_shop_that_sends_no_traces_loads_nothing_that_would() -> None:
    look = "import sys, facepay.kernel.http; print([name for name in sys.modules if 'opentelemetry.sdk' in name])"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout == "[]\n"
