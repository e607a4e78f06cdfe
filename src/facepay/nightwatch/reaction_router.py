"""Reactions over HTTP: staff set what devices do when an alert is raised, and see what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response, Security
from pydantic import Field
from sqlalchemy import select

from facepay.alerts.kinds import AlertKindsOf, Severity, SeverityName, UnknownAlertKind
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Answer, Change, Line, Request, unsent
from facepay.nightwatch import reactions
from facepay.nightwatch.reactions import STEPS_MAX, Reaction, ReactionNotFound, ReactionOutcome, Step, UnknownDevices
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["night watch"])
Reader = Annotated[Principal, Security(current_staff, scopes=["security:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["security:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)

COOLDOWN_SECONDS_MAX = 24 * 3600
Steps = Annotated[list[Step], Field(min_length=1, max_length=STEPS_MAX)]
Cooldown = Annotated[
    int,
    Field(
        ge=0,
        le=COOLDOWN_SECONDS_MAX,
        strict=True,
        description="How long it tells a device nothing more, after it told it something.",
    ),
]
AlertKindName = Annotated[str, Field(max_length=40, pattern="^[a-z_]+$", examples=["door_forced"])]


class NewReaction(Request):
    name: Annotated[Line, Field(examples=["Lock the doors"])]
    alert_kind: AlertKindName
    severity_min: SeverityName = "info"
    steps: Steps
    cooldown_seconds: Cooldown = 60


class ReactionChange(Change):
    """What it is for stays; steps that are sent take the place of all there were."""

    name: Line = Field(default_factory=unsent, examples=["Lock the doors"])
    severity_min: SeverityName = Field(default_factory=unsent)
    steps: Steps = Field(default_factory=unsent)
    cooldown_seconds: Cooldown = Field(default_factory=unsent)
    enabled: Annotated[bool, Field(strict=True)] = Field(default_factory=unsent)


class ReactionAnswer(Answer):
    id: UUID
    store_id: UUID
    name: str
    alert_kind: str
    severity_min: SeverityName
    steps: list[Step]
    cooldown_seconds: int
    enabled: bool
    created_at: datetime
    changed_at: datetime


class OutcomeAnswer(Answer):
    id: UUID
    reaction_id: UUID
    alert_id: UUID
    device_id: UUID
    outcome: Literal["issued", "cooling_down", "too_late", "failed"]
    numbers: Annotated[list[int], Field(description="Of its commands, as the device knows them.")]
    failure: Annotated[str | None, Field(description="The code of the problem.")]
    at: datetime


@router.post(
    "/stores/{store_id}/reactions",
    status_code=201,
    summary="Add a reaction",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, UnknownAlertKind, UnknownDevices),
)
async def add_reaction(
    store_id: UUID, body: NewReaction, response: Response, session: Session, _: Writer, kinds: AlertKindsOf, now: Now
) -> ReactionAnswer:
    """What devices are told, by themselves, whenever an alert of a kind is raised: once for each alert, within a second
    or so. An alert that is seen again is no new one; after it was resolved, the next one is.
    """
    reaction = await reactions.add_reaction(
        session,
        store_id=store_id,
        name=body.name,
        alert_kind=kinds.named(body.alert_kind).name,
        severity_min=Severity[body.severity_min.upper()],
        steps=body.steps,
        cooldown_seconds=body.cooldown_seconds,
        now=now,
    )
    response.headers["Location"] = f"/v1/reactions/{reaction.id}"
    return ReactionAnswer.model_validate(reaction)


@router.get("/stores/{store_id}/reactions", summary="List reactions", responses=problems(*REFUSALS, StoreNotFound))
async def list_reactions(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[ReactionAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(Reaction).where(Reaction.store_id == store_id)
    return await page(session, query, by=Reaction.id, paging=paging, show=ReactionAnswer.model_validate)


@router.get("/reactions/{reaction_id}", summary="See a reaction", responses=problems(*REFUSALS, ReactionNotFound))
async def see_reaction(reaction_id: UUID, session: Session, _: Reader) -> ReactionAnswer:
    return ReactionAnswer.model_validate(await reactions.get_reaction(session, reaction_id))


@router.patch(
    "/reactions/{reaction_id}",
    summary="Change a reaction, or switch it off",
    responses=problems(*REFUSALS, ReactionNotFound, UnknownDevices),
)
async def change_reaction(
    reaction_id: UUID, body: ReactionChange, session: Session, _: Writer, now: Now
) -> ReactionAnswer:
    """For alerts that are raised from now on. What it did stays on record, so it is switched off and not deleted."""
    changes = body.sent()
    steps = body.steps if changes.pop("steps", None) else None
    if "severity_min" in changes:
        changes["severity_min"] = Severity[body.severity_min.upper()]
    changed = await reactions.change_reaction(session, reaction_id=reaction_id, changes=changes, steps=steps, now=now)
    return ReactionAnswer.model_validate(changed)


@router.get(
    "/stores/{store_id}/reaction-outcomes",
    summary="List what came of reactions",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_outcomes(
    store_id: UUID,
    session: Session,
    _: Reader,
    paging: Paging,
    alert_id: Annotated[UUID | None, Query(description="Only those to one alert.")] = None,
) -> Page[OutcomeAnswer]:
    """One for each rule, alert and device, newest first. What became of a command is on the device's own record."""
    await get_store(session, store_id)
    query = (
        select(ReactionOutcome)
        .join(Reaction, Reaction.id == ReactionOutcome.reaction_id)
        .where(Reaction.store_id == store_id)
    )
    if alert_id is not None:
        query = query.where(ReactionOutcome.alert_id == alert_id)
    return await page(session, query, by=ReactionOutcome.id, paging=paging, show=OutcomeAnswer.model_validate)
