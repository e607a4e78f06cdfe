"""Traces (OpenTelemetry) of requests and of what takes their time; nothing of it is loaded where nobody collects them.

A span says which route, which device of which store, and which code came of it. It never says who: no path, no query,
no address, no member's or staff's id, no token, no message of an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider, format_trace_id, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider as ExportingProvider

COLLECTOR_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
TRACE_HEADERS = ("traceparent", "tracestate")  # and no baggage, which may hold anything


class TelemetryMissing(Exception):
    """Traces are to be sent, and what sends them isn't installed."""


@dataclass(frozen=True, slots=True)
class _Traced:
    tracer: Tracer
    request: Span


_traced: ContextVar[_Traced | None] = ContextVar("traced", default=None)


class Traces:
    """Of one process: of no request until there is a provider to give them to."""

    def __init__(self) -> None:
        self._tracer: Tracer | None = None

    def give_to(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("facepay")

    @contextmanager
    def of_request(self, method: str, headers: Mapping[str, str]) -> Iterator[str | None]:
        """Trace the block as a request, within the caller's trace where `traceparent` names one (W3C Trace Context).

        Yields the trace's id, which the log lines name too, or None where there is no trace.
        """
        if self._tracer is None:
            yield None
            return
        carrier = {name: headers[name] for name in TRACE_HEADERS if name in headers}
        parent = TraceContextTextMapPropagator().extract(carrier)
        span = self._tracer.start_span(
            method, context=parent, kind=SpanKind.SERVER, attributes={"http.request.method": method}
        )
        before = _traced.set(_Traced(self._tracer, span))
        try:
            with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
                yield format_trace_id(span.get_span_context().trace_id)
        finally:
            _traced.reset(before)


def stage(name: str) -> AbstractContextManager[object]:
    """A span for a block within a request; nothing elsewhere."""
    traced = _traced.get()
    if traced is None:
        return nullcontext()
    return traced.tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)


@contextmanager
def stage_aside(name: str) -> Iterator[None]:
    """The same for what may end in another task than it began in: what goes on within isn't shown as a part of it."""
    traced = _traced.get()
    span = traced.tracer.start_span(name) if traced else None
    try:
        yield
    finally:
        if span is not None:
            span.end()


def stages_ended(timings_ms: Mapping[str, float], ended_ns: int) -> None:
    """Spans of stages that followed each other elsewhere, on a worker's thread, the last of them until `ended_ns`."""
    traced = _traced.get()
    if traced is None or not ended_ns:
        return
    lasted_ns = {name: round(milliseconds * 1e6) for name, milliseconds in timings_ms.items() if name != "total"}
    start_ns = ended_ns - sum(lasted_ns.values())
    for name, nanoseconds in lasted_ns.items():
        span = traced.tracer.start_span(name, start_time=start_ns)
        start_ns += nanoseconds
        span.end(end_time=start_ns)


def note(**attributes: str | int | UUID | None) -> None:
    """Add to the request's span: `store_id` becomes `facepay.store_id`. What is None is left out."""
    traced = _traced.get()
    if traced is not None:
        for name, value in attributes.items():
            if value is not None:
                traced.request.set_attribute(f"facepay.{name}", value if isinstance(value, int) else str(value))


def note_answer(method: str, route: str, status: int) -> None:
    traced = _traced.get()
    if traced is not None:
        traced.request.update_name(f"{method} {route}")
        traced.request.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= 500:
            traced.request.set_status(StatusCode.ERROR)


def is_collected(endpoint: str | None) -> bool:
    """Whether somebody collects traces: by our setting, or by OpenTelemetry's own variables."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return endpoint is not None or any(os.environ.get(name) for name in COLLECTOR_VARIABLES)


def exporting_provider(endpoint: str | None, *, version: str) -> ExportingProvider:
    """Sends spans in batches over OTLP/HTTP, from a thread of its own: to `endpoint`, or where OTEL_* says.

    Raises TelemetryMissing.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as ExportingProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise TelemetryMissing("install facepay[telemetry]") from None
    service = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "facepay"}
    provider = ExportingProvider(
        resource=Resource.create({**service, "service.version": version}), shutdown_on_exit=False
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces") if endpoint else OTLPSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
