"""Device events over HTTP."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from facepay.channel.events import DeviceEvent, record_events
from facepay.channel.router import OF_DEVICE, OF_STAFF, OfDevice, Reader
from facepay.channel.schemas import DeviceEventAnswer, EventReports, EventsAnswer, RunAnswer, RunsAnswer
from facepay.channel.sequences import DeviceSequence, TooManyGaps
from facepay.kernel.auth import acts_as
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.stores.devices import get_device

RUNS_SHOWN_MAX = 50
router = Router(prefix="/v1/devices/{device_id}", tags=["devices"])


@router.post("/events", summary="Report what happened", responses=problems(*OF_DEVICE, TooManyGaps))
async def report_events(
    device_id: UUID, body: EventReports, session: Session, device: OfDevice, now: Now
) -> EventsAnswer:
    """By the device itself, up to a hundred at a time, in any order, as often as it takes.

    Each has its verdict. `missing` are numbers below the highest that haven't come; they may come late. After a
    restart that forgot the last number, begin a new `run` with 1.
    """
    acts_as(device, device_id)
    recorded = await record_events(session, device=device, run=body.run, events=body.reported(), now=now)
    return EventsAnswer.of(recorded)


@router.get("/events", summary="List what a device reported", responses=problems(*OF_STAFF))
async def list_events(device_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[DeviceEventAnswer]:
    """Newest first, as they came in; kept for 90 days."""
    await get_device(session, device_id)
    query = select(DeviceEvent).where(DeviceEvent.device_id == device_id)
    return await page(session, query, by=DeviceEvent.id, paging=paging, show=DeviceEventAnswer.model_validate)


@router.get("/events/runs", summary="See which of a device's numbers are missing", responses=problems(*OF_STAFF))
async def list_runs(device_id: UUID, session: Session, _: Reader) -> RunsAnswer:
    """The last fifty runs of each kind of report, the newest first."""
    await get_device(session, device_id)
    query = select(DeviceSequence).where(DeviceSequence.device_id == device_id)
    found = await session.scalars(query.order_by(DeviceSequence.last_at.desc()).limit(RUNS_SHOWN_MAX))
    return RunsAnswer(items=[RunAnswer.of(sequence) for sequence in found])
