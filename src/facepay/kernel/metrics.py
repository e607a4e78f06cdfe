"""Prometheus metrics of one process. Labels never name a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Annotated

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from facepay.kernel import telemetry

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "facepay_request_seconds",
            "Time from request to answer.",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.stages = Histogram(
            "facepay_stage_seconds",
            "Time in one stage of a decision.",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.decisions = Counter(
            "facepay_decisions_total",
            "Decisions by use, what was decided, and why.",
            ["use", "decision", "code"],
            registry=self.registry,
        )
        self.webhook_deliveries = Counter(
            "facepay_webhook_deliveries_total", "Attempts to deliver by outcome.", ["outcome"], registry=self.registry
        )
        self.webhook_oldest_seconds = Gauge(
            "facepay_webhook_oldest_waiting_seconds",
            "Age of the oldest event that an active endpoint hasn't heard of.",
            registry=self.registry,
        )
        self.rate_limited = Counter(
            "facepay_rate_limited_total", "Requests refused by whose limit they met.", ["by"], registry=self.registry
        )
        self.queue_depth = Gauge(
            "facepay_inference_queue_depth", "Frames waiting for a worker.", registry=self.registry
        )
        self.enrolled_people = Gauge(
            "facepay_enrolled_people", "Members with a face enrolled, in the database.", registry=self.registry
        )
        self.gallery_size = Gauge("facepay_gallery_templates", "Templates in memory.", registry=self.registry)
        self.gallery_behind = Gauge(
            "facepay_gallery_changes_behind",
            "Changes of templates in the database that memory hasn't got; each decision catches up first.",
            registry=self.registry,
        )
        self.workers_busy = Gauge("facepay_inference_workers_busy", "Workers with a frame.", registry=self.registry)
        self.connections = Gauge(
            "facepay_database_connections", "Of this process's pool.", ["state"], registry=self.registry
        )
        self.housekeeping_overdue = Gauge(
            "facepay_housekeeping_overdue_seconds",
            "For how long each task should have been done by some replica: 0 is well.",
            ["task"],
            registry=self.registry,
        )

    @contextmanager
    def stage(self, stage: str, timings_ms: dict[str, float]) -> Iterator[None]:
        """Time a block; the figure goes into `timings_ms` too, for the answer."""
        start = perf_counter()
        try:
            with telemetry.stage(stage):
                yield
        finally:
            seconds = perf_counter() - start
            timings_ms[stage] = round(seconds * 1000, 2)
            self.stages.labels(stage).observe(seconds)

    def observe_stages(self, timings_ms: Mapping[str, float], *, ended_ns: int) -> None:
        """Of stages that followed each other elsewhere, the last of them until `ended_ns` (Unix time)."""
        telemetry.stages_ended(timings_ms, ended_ns)
        for stage, milliseconds in timings_ms.items():
            self.stages.labels(stage).observe(milliseconds / 1000)

    def decided(self, use: str, decision: str, code: str) -> None:
        self.decisions.labels(use, decision, code).inc()
        telemetry.note(use=use, decision=decision, code=code)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The figures and their media type: OpenMetrics, with traces as exemplars, for whoever takes that."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type


async def get_metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


MetricsOf = Annotated[Metrics, Depends(get_metrics)]
