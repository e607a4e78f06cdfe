"""Every setting, each with a default that works: `FACEPAY_*` in the environment or in `.env`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import Field, HttpUrl, SecretStr
from pydantic_extra_types.timezone_name import TimeZoneName
from pydantic_settings import BaseSettings, SettingsConfigDict

from facepay.kernel.jurisdictions import Jurisdiction
from facepay.kernel.mail import SmtpUrl
from facepay.kernel.schemas import AMOUNT_MAX

Rate = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="FACEPAY_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    # Where things are
    data_dir: Path = Path(".facepay")
    database_url: str | None = None
    migration_database_url: str | None = None
    database_pool_size: int = Field(default=10, ge=1, le=200)

    # Secrets
    master_key: SecretStr | None = None
    admin_username: str = Field(default="admin", max_length=64)
    admin_password: SecretStr | None = None
    admin_token_minutes: int = Field(default=60, ge=1, le=1440)

    # The server
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: HttpUrl | None = None
    rate_device_per_minute: int = Field(default=6_000, ge=0, le=1_000_000)
    rate_person_per_minute: int = Field(default=3_000, ge=0, le=1_000_000)
    rate_address_per_minute: int = Field(default=3_000, ge=0, le=1_000_000)
    otlp_endpoint: HttpUrl | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"

    # Recognition
    model_pack: str = "buffalo_sc"
    accept_research_licence: bool = False
    inference_workers: int = Field(default=os.cpu_count() or 1, ge=1, le=256)
    inference_queue_max: int = Field(default=32, ge=0, le=10_000)
    engine: str = Field(default="onnx", pattern=r"^(onnx|rays?://[^/?#@\s]*/?)$")
    execution_provider: Literal["auto", "cpu", "openvino", "cuda"] = "auto"
    engine_in_flight_max: int = Field(default=32, ge=1, le=1024)
    engine_timeout_seconds: float = Field(default=2.0, ge=0.5, le=60)
    engine_authority: Path | None = None
    gallery: str = Field(default="memory", pattern=r"^(memory|milvuss?://[^?#@\s]+)$")
    gallery_token: SecretStr | None = None
    gallery_timeout_seconds: float = Field(default=2.0, ge=0.1, le=30)
    frame_bytes_max: int = Field(default=8 * 1024 * 1024, ge=1024, le=16 * 1024 * 1024)
    frame_megapixels_max: float = Field(default=16.0, gt=0, le=100)
    gate_fpir_target: Rate = 1e-3
    pay_inside_fpir_target: Rate = 1e-3
    pay_chain_fpir_target: Rate = 1e-4
    door_fpir_target: Rate = 1e-5
    verify_fmr_target: float = Field(default=1e-5, gt=0, le=1e-5)
    keep_enrolment_photos: bool = False
    template_learning: Literal["off", "entries", "entries_and_purchases"] = "off"
    match_margin_min: float = Field(default=0.08, ge=0, le=1)

    # Presentation attacks
    liveness_model: Path | None = None
    live_score_min: Share = 0.8
    expression_model: Path | None = None
    challenge_seconds: int = Field(default=20, ge=5, le=120)
    replay_days: int = Field(default=7, ge=1, le=90)

    # At the door
    turn_seconds: int = Field(default=15, ge=3, le=120)
    guests_max: int = Field(default=3, ge=0, le=50)

    # The watchlist
    watchlist: bool = False
    watchlist_fpir_target: Rate = 1e-4
    watchlist_days_max: int = Field(default=365, ge=1, le=3650)
    watchlist_review_grace_days: int = Field(default=14, ge=0, le=90)
    watchlist_answer_seconds: int = Field(default=60, ge=5, le=600)
    watchlist_answer_counts_seconds: int = Field(default=300, ge=10, le=3600)

    # Lanes
    passage_seconds: int = Field(default=30, ge=5, le=60)
    passage_hold_seconds: int = Field(default=120, ge=5, le=600)
    lane_debt_max: int = Field(default=0, ge=0, le=AMOUNT_MAX)

    # Stepping up and waiting
    step_up_seconds: int = Field(default=60, ge=5, le=600)
    step_up_answers_max: int = Field(default=3, ge=1, le=10)
    pass_seconds: int = Field(default=60, ge=10, le=600)
    offline_policy_hours: int = Field(default=12, ge=1, le=7 * 24)
    idempotency_lease_seconds: int = Field(default=10, ge=1, le=300)
    idempotency_retention_hours: int = Field(default=24, ge=1, le=24 * 30)

    # Shelves
    shelf_favour_max: int = Field(default=500, ge=0, le=AMOUNT_MAX)
    shelf_confidence_min: Share = 0.8
    unpaid_visit_minutes: int = Field(default=10, ge=1, le=24 * 60)

    # Taste
    profiling: bool = True
    profiling_policy_version: str = Field(default="2026-01", max_length=40)
    diet_policy_version: str = Field(default="2026-01", max_length=40)
    taste_half_life_days: int = Field(default=30, ge=1, le=365)
    taste_group_min: int = Field(default=5, ge=2, le=1_000)

    # The kitchen
    kitchen_late_minutes: int = Field(default=20, ge=1, le=24 * 60)

    # Fitting rooms
    fitting_session_minutes: int = Field(default=10, ge=1, le=120)
    fitting_answer_minutes: int = Field(default=3, ge=1, le=120)

    # Test drives
    drive_score_min: int = Field(default=350, ge=0, le=10_000)
    drive_score_max: int = Field(default=950, ge=0, le=10_000)
    drive_locker_seconds: int = Field(default=30, ge=5, le=300)
    drive_photos_days: int = Field(default=90, ge=1, le=3650)

    # Money
    currency: str = Field(default="CNY", pattern="^[A-Z]{3}$")
    time_zone: TimeZoneName = TimeZoneName("Asia/Shanghai")
    payment_max: int = Field(default=1_000_000, ge=1, le=AMOUNT_MAX)
    daily_spend_max: int = Field(default=2_000_000, ge=1, le=AMOUNT_MAX)
    store_daily_spend_max: int = Field(default=1_000_000, ge=1, le=AMOUNT_MAX)
    ten_minute_payments_max: int = Field(default=10, ge=1, le=10_000)
    step_up_above: int = Field(default=100_000, ge=0, le=AMOUNT_MAX)
    point_value: int = Field(default=1, ge=1, le=AMOUNT_MAX)
    points_expire_days: int = Field(default=365, ge=1, le=3650)
    provider_wait_ms: int = Field(default=2000, ge=0, le=10_000)
    provider_delay_ms: int = Field(default=0, ge=0, le=24 * 3600 * 1000)
    provider_failure_rate: Share = 0.0
    provider_outage_rate: Share = 0.0
    provider_duplicate_rate: Share = 0.0
    provider_shuffle: bool = False
    provider_seed: int | None = None

    # Mail
    smtp_url: SmtpUrl | None = None

    # Webhooks
    webhook_private_hosts: str | None = Field(default=None, max_length=10_000)
    webhook_events_days: int = Field(default=30, ge=1, le=365)

    # Consent and retention
    consent_policy_version: str = Field(default="2026-01", max_length=40)
    consent_lasts_days: int | None = Field(default=None, ge=1, le=3650)
    consent_warning_days: int = Field(default=30, ge=0, le=365)
    jurisdiction: Jurisdiction = Jurisdiction.CHINA
    face_idle_days_max: int = Field(default=1095, ge=1, le=3650)
    biometric_uses_kept_days: int = Field(default=365, ge=1, le=3650)
    staff_actions_kept_days: int = Field(default=730, ge=90, le=3650)
    evidence_days: int = Field(default=0, ge=0, le=365)
    access_log_days: int = Field(default=180, ge=1, le=3650)
    visitor_kept_days: int = Field(default=30, ge=1, le=3650)

    @property
    def public_base(self) -> str:
        """Where people's browsers reach us, without a slash at its end."""
        return str(self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


SettingsOf = Annotated[Settings, Depends(get_settings)]
