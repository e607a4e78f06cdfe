"""House rules over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Security
from pydantic import Field

from facepay.entrance import house_rules
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer, Request
from facepay.schedules.schedules import ScheduleNotFound
from facepay.stores.stores import StoreClosed, StoreNotFound

router = Router(prefix="/v1/stores/{store_id}/house-rules", tags=["security"])
Reader = Annotated[Principal, Security(current_staff, scopes=["security:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["security:write"])]
REFUSALS = (Unauthenticated, InsufficientScope, StoreNotFound)

People = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Minutes = Annotated[int, Field(ge=1, le=10_080, strict=True)]
Switch = Annotated[bool, Field(strict=True)]


class HouseRulesRequest(Request):
    """The whole of them: what is left out isn't asked for any more."""

    capacity_max: Annotated[People | None, Field(description="How many may be inside: members and their guests.")] = (
        None
    )
    one_party_at_a_time: Annotated[
        Switch, Field(description="A member with guests, or a visit group, whose members may join those inside.")
    ] = False
    opening_schedule_id: Annotated[UUID | None, Field(description="When entries open. Exits always do.")] = None
    closing_notice_minutes: Annotated[
        Minutes | None, Field(description="How long before it closes `closing_soon` is raised, if anybody is inside.")
    ] = None
    closing_grace_minutes: Annotated[
        int, Field(ge=0, le=720, strict=True, description="How long after it closed somebody may still be inside.")
    ] = 10
    face_must_show: Annotated[
        Switch, Field(description="Nobody comes in masked or in dark glasses, nor by a pass without a face.")
    ] = False
    entries_offline: Annotated[
        Switch,
        Field(
            description="Let gates without network admit by signed passes, though they can't count people then, nor"
            " see faces. Without this they don't, where the store has such a rule."
        ),
    ] = False
    stay_max_minutes: Annotated[Minutes | None, Field(description="How long a visit may last.")] = None
    still_max_minutes: Annotated[
        Minutes | None, Field(description="How long nothing may move while somebody is inside.")
    ] = None
    silent_after_seconds: Annotated[
        int | None, Field(ge=10, le=86_400, strict=True, description="How old a device's last heartbeat may be.")
    ] = None
    tailgating_watched: Annotated[
        Switch,
        Field(description="More faces at an entry than came in, and exits of people who never entered, are alerts."),
    ] = False
    refusals_max: Annotated[
        int | None, Field(ge=2, le=1_000, strict=True, description="As many refusals at one gate are an alert.")
    ] = None
    refusals_within_minutes: Annotated[int, Field(ge=1, le=60, strict=True)] = 10


class HouseRulesAnswer(HouseRulesRequest, Answer):
    """`changed_by` is staff on record, and null where nobody has set any."""

    store_id: UUID
    changed_by: str | None
    changed_at: datetime | None


@router.get("", summary="See a store's house rules", responses=problems(*REFUSALS))
async def see_rules(store_id: UUID, session: Session, _: Reader) -> HouseRulesAnswer:
    return HouseRulesAnswer.model_validate(await house_rules.rules_of(session, store_id=store_id))


@router.put("", summary="Set a store's house rules", responses=problems(*REFUSALS, StoreClosed, ScheduleNotFound))
async def set_rules(
    store_id: UUID, body: HouseRulesRequest, session: Session, staff: Writer, now: Now
) -> HouseRulesAnswer:
    """From the next entry on. Whoever is inside stays, and nobody is kept from leaving."""
    rules = await house_rules.set_rules(
        session, store_id=store_id, values=body.model_dump(), actor=f"staff:{staff.id}", now=now
    )
    return HouseRulesAnswer.model_validate(rules)
