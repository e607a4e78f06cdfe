"""Cameras over HTTP: they show what they see, and staff see how they are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Security
from fastapi import Request as FrameRequest
from pydantic import Field
from sqlalchemy import select

from facepay.identity.capture import UNREADABLE_FRAMES, frame_body, read_frame
from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer
from facepay.nightwatch.cameras import CameraState, CameraUnknown, Watch, accept_view
from facepay.stores.devices import Device
from facepay.stores.stores import StoreNotFound, get_store
from facepay.vision.camera_health import Fault

router = Router(prefix="/v1", tags=["night watch"])
Reporting = Annotated[Principal, Security(current_device, scopes=["camera:report"])]
Reader = Annotated[Principal, Security(current_staff, scopes=["security:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["security:write"])]


class FrameAnswer(Answer):
    motion: Annotated[bool, Field(description="Whether something moves.")]
    faults: Annotated[list[Fault], Field(description="What is wrong with the picture, since some seconds.")]
    learning: Annotated[bool, Field(description="Whether it is still being learnt what the camera sees.")]


class CameraAnswer(Answer):
    device_id: UUID
    last_frame_at: datetime
    last_motion_at: datetime | None
    faults: Annotated[dict[Fault, datetime], Field(description="Each with the time since when.")]
    learning: Annotated[bool, Field(description="Whether it isn't known yet what this camera sees.")]
    view: Annotated[int, Field(description="One more each time that staff accepted what it sees.")]

    @classmethod
    def of(cls, state: CameraState) -> CameraAnswer:
        return cls(
            device_id=state.device_id,
            last_frame_at=state.last_frame_at,
            last_motion_at=state.last_motion_at,
            faults=state.faults_since,
            learning=state.memory is None,
            view=state.view,
        )


@router.post(
    "/cameras/{camera_id}/frames",
    summary="Show what a camera sees",
    responses=problems(Unauthenticated, InsufficientScope, WrongStore, *UNREADABLE_FRAMES),
    openapi_extra=frame_body(),
)
async def show_frame(
    camera_id: UUID, request: FrameRequest, device: Reporting, watch: Annotated[Watch, Depends(made(Watch))], now: Now
) -> FrameAnswer:
    """A frame as the body, as it is now, one a second or one in some seconds. Says whether something moves, and whether
    the camera still sees what it is there to see; an alert is raised where it doesn't, and resolved when it does again.

    Any device with a camera may show what it sees, beside what it has to do. Nobody is recognised, and the picture
    isn't kept.
    """
    acts_as(device, camera_id)
    seen = await watch.look(await read_frame(request), device=device, now=now)
    return FrameAnswer(motion=seen.motion, faults=sorted(seen.health.faults), learning=seen.learning)


@router.get(
    "/stores/{store_id}/cameras",
    summary="List cameras and how they are",
    responses=problems(Unauthenticated, InsufficientScope, StoreNotFound),
)
async def list_cameras(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[CameraAnswer]:
    """Those that have shown something, newest first."""
    await get_store(session, store_id)
    query = select(CameraState).join(Device, Device.id == CameraState.device_id).where(Device.store_id == store_id)
    return await page(session, query, by=CameraState.device_id, paging=paging, show=CameraAnswer.of)


@router.post(
    "/cameras/{camera_id}/view",
    summary="Accept what a camera sees",
    responses=problems(Unauthenticated, InsufficientScope, CameraUnknown),
)
async def accept(camera_id: UUID, session: Session, staff: Writer, now: Now) -> CameraAnswer:
    """After it was turned on purpose: what it sees from now on is learnt anew, and its alerts are resolved."""
    return CameraAnswer.of(await accept_view(session, device_id=camera_id, by=f"staff:{staff.id}", now=now))
