"""What goes on behind alerts: sightings are counted, and steps are taken that are due."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from facepay.alerts.escalation import escalate_due
from facepay.alerts.records import SIGHTINGS, TOPIC
from facepay.alerts.sightings import count_all
from facepay.kernel.clock import Clock
from facepay.kernel.database import Database
from facepay.kernel.hub import Hub

log = structlog.get_logger()
ROUND_SECONDS = 2.0
# In a storm, many sightings are counted at once: whoever asks for alerts has them counted before.
PAUSE_SECONDS = 0.2


async def keep_watch(database: Database, hub: Hub, clock: Clock) -> None:
    """Until cancelled; in each replica."""
    async with hub.subscribe(SIGHTINGS, TOPIC) as woken:
        while True:
            for each in (count_all, escalate_due):
                try:
                    await each(database, now=clock())
                except (SQLAlchemyError, OSError) as error:
                    log.warning("alerts_unwatched", error=type(error).__name__)
                except Exception as error:  # a bug is no reason to call nobody until somebody restarts the server
                    log.error("alerts_unwatched", exc_info=error)
            await asyncio.sleep(PAUSE_SECONDS)
            await woken.wait(ROUND_SECONDS)
