"""Staff are called where somebody in a fitting room waits for an answer."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.fitting.requests import FittingRequest, RequestState
from facepay.kernel.database import Database
from facepay.settings import Settings

FITTING_UNANSWERED = AlertKind(
    "fitting_unanswered", Severity.WARNING, "Somebody in a fitting room asked for a piece, and nobody has answered."
)
ALERT_KINDS = (FITTING_UNANSWERED,)
AT_ONCE_MAX = 200


async def alert_of_unanswered(database: Database, *, settings: Settings, now: datetime) -> int:
    """Tell staff, once, of each request that nobody accepts in time; answers of how many."""
    waiting = (
        select(FittingRequest)
        .where(
            FittingRequest.state == RequestState.ASKED,
            FittingRequest.unanswered_at.is_(None),
            FittingRequest.asked_at <= now - timedelta(minutes=settings.fitting_answer_minutes),
        )
        .order_by(FittingRequest.id)
        .limit(AT_ONCE_MAX)
        .with_for_update(of=FittingRequest, skip_locked=True)
    )
    async with database.begin() as session:
        requests = (await session.scalars(waiting)).all()
        for request in requests:
            request.unanswered_at = now
            await raise_alert(
                session,
                FITTING_UNANSWERED,
                store_id=request.store_id,
                device_id=request.device_id,
                subject=str(request.id),
                now=now,
                evidence=Evidence("fitting_request", request.id),
                mirror=request.mirror.name,
                sku=request.garment.sku,
            )
    return len(requests)
