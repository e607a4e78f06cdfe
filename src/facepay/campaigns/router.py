"""Campaigns over HTTP, for staff."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Response, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.campaigns import campaigns
from facepay.campaigns.campaigns import (
    Campaign,
    CampaignBudgetPromised,
    CampaignCurrency,
    CampaignGoods,
    CampaignNotFound,
    CampaignPeriod,
)
from facepay.campaigns.schemas import CampaignAnswer, CampaignChange, NewCampaign, WinAnswer
from facepay.campaigns.wins import wins_in
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.settings import SettingsOf
from facepay.stores.stores import StoreNotFound

router = Router(prefix="/v1/campaigns", tags=["campaigns"])
Reader = Annotated[Principal, Security(current_staff, scopes=["rewards:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["rewards:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post(
    "",
    status_code=201,
    summary="Add a campaign",
    responses=problems(*REFUSALS, CampaignPeriod, CampaignCurrency, CampaignGoods, StoreNotFound),
)
async def add_campaign(
    body: NewCampaign, response: Response, session: Session, writer: Writer, settings: SettingsOf, now: Now
) -> CampaignAnswer:
    """Its budget is set aside in the ledger: all that is won in it together never costs more."""
    values = body.model_dump(exclude={"steps"})
    values |= {"currency": body.currency or settings.currency, "starts_at": body.starts_at or now}
    steps = [step.step() for step in body.steps]
    campaign = await campaigns.add_campaign(session, steps=steps, actor=f"staff:{writer.id}", now=now, **values)
    response.headers["Location"] = f"/v1/campaigns/{campaign.id}"
    return await _shown(session, campaign)


@router.get("", summary="List campaigns", responses=problems(*REFUSALS))
async def list_campaigns(session: Session, _: Reader, paging: Paging) -> Page[CampaignAnswer]:
    """Newest first."""
    found = await rows_of_page(session, select(Campaign), by=Campaign.id, paging=paging)
    funds = await campaigns.funds_of(session, found.rows)
    items = [CampaignAnswer.of(*each) for each in zip(found.rows, funds, strict=True)]
    return found.shown(items)


@router.get("/{campaign_id}", summary="See a campaign", responses=problems(*REFUSALS, CampaignNotFound))
async def see_campaign(campaign_id: UUID, session: Session, _: Reader) -> CampaignAnswer:
    return await _shown(session, await campaigns.get_campaign(session, campaign_id))


@router.patch(
    "/{campaign_id}",
    summary="Change or pause a campaign",
    responses=problems(*REFUSALS, CampaignNotFound, CampaignPeriod, CampaignBudgetPromised),
)
async def change_campaign(
    campaign_id: UUID, body: CampaignChange, session: Session, writer: Writer, now: Now
) -> CampaignAnswer:
    """Only the fields that are sent change. Whoever smiles at this moment is waited for, and keeps what they win; a
    smaller budget must still cover what was given and promised.
    """
    campaign = await campaigns.change_campaign(
        session, campaign_id=campaign_id, changes=body.sent(), actor=f"staff:{writer.id}", now=now
    )
    return await _shown(session, campaign)


@router.get("/{campaign_id}/wins", summary="See what was won", responses=problems(*REFUSALS, CampaignNotFound))
async def list_wins(campaign_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[WinAnswer]:
    """Newest first."""
    await campaigns.get_campaign(session, campaign_id)
    found = await wins_in(session, campaign_id=campaign_id, paging=paging)
    return Page(items=[WinAnswer.of(win) for win in found.items], next_cursor=found.next_cursor)


async def _shown(session: AsyncSession, campaign: Campaign) -> CampaignAnswer:
    (funds,) = await campaigns.funds_of(session, [campaign])
    return CampaignAnswer.of(campaign, funds)
