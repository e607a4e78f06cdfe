"""Kiosks finish what a lane has held: the same goods, charged once."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Security
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.entrance.payers import seen_to_pay
from facepay.identity.capture import FILES_MAX, capture_body, read_capture_form
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, STEP_UP_PROBLEMS, DeskOf
from facepay.identity.passes import read_pass
from facepay.identity.recognition import RecogniserOf
from facepay.identity.schemas import StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.identity.verdicts import Shown
from facepay.kernel.auth import Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.idempotency import IdempotencyKeyMissing, RequiredKey
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key
from facepay.kernel.uploads import open_form, read_json_field
from facepay.lanes import conversation
from facepay.lanes.conversation import PassageNotHeld
from facepay.lanes.goods import TooManyTags
from facepay.lanes.passages import PassageNotFound, PassageOver
from facepay.lanes.schemas import KioskGoods, KioskPass, PassageAnswer
from facepay.settings import Settings, SettingsOf

router = Router(prefix="/v1/kiosks/{kiosk_id}/passages/{passage_id}", tags=["kiosks"])
Kiosk = Annotated[Principal, Security(current_device, scopes=["kiosk:checkout"])]
HELD = (PassageNotFound, PassageOver, PassageNotHeld, TooManyTags)
GOODS_PART = {"type": "string", "examples": ['{"lines":[{"sku":"TEA-001","quantity":1}],"left_behind":[]}']}


@router.get("", summary="See a passage", responses=problems(Unauthenticated, WrongStore, PassageNotFound))
async def see(
    kiosk_id: UUID, passage_id: UUID, kiosk: Kiosk, session: Session, settings: SettingsOf, now: Now
) -> PassageAnswer:
    """What it comes to: to be shown before the face is asked for."""
    acts_as(kiosk, kiosk_id)
    seen = await conversation.see(session, device=kiosk, passage_id=passage_id, now=now, settings=settings)
    return PassageAnswer.of(seen)


@router.post(
    "",
    summary="Finish a passage with a face",
    response_model=PassageAnswer,
    dependencies=AT_THE_DOOR,
    responses=problems(IdempotencyKeyMissing, *CAPTURE_PROBLEMS, *HELD),
    openapi_extra=capture_body(raw=False, goods=GOODS_PART),
)
async def finish(
    kiosk_id: UUID,
    passage_id: UUID,
    kiosk: Kiosk,
    key: RequiredKey,
    desk: DeskOf,
    recogniser: RecogniserOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """The part `goods` says what the lane couldn't: pieces in place of the tags that it doesn't know, and tags that
    were put down. `release` opens the lane, which is told so on its command channel.
    """
    acts_as(kiosk, kiosk_id)
    async with open_form(desk.request, files_max=FILES_MAX) as form:
        goods = read_json_field(form, "goods", KioskGoods)
        capture = await read_capture_form(form)

    async def act(session: AsyncSession, sighting: Sighting) -> PassageAnswer:
        return await _finish(session, kiosk, passage_id, sighting, goods, now, settings)

    return await desk.decide(
        device=kiosk,
        use="kiosk",
        key=key,
        capture=capture,
        also=goods.model_dump_json().encode(),
        see=seen_to_pay(recogniser, kiosk),
        act=act,
    )


@router.post(
    "/pass",
    summary="Finish a passage with a one-time pass",
    response_model=PassageAnswer,
    responses=problems(IdempotencyKeyMissing, *CALL_PROBLEMS, *HELD),
)
async def finish_by_pass(
    kiosk_id: UUID,
    passage_id: UUID,
    body: KioskPass,
    kiosk: Kiosk,
    key: RequiredKey,
    desk: DeskOf,
    settings: SettingsOf,
    now: Now,
) -> Any:
    """For whoever shows no face."""
    acts_as(kiosk, kiosk_id)
    shown = read_pass(body.pass_text, key=get_master_key(desk.request))

    async def act(session: AsyncSession) -> PassageAnswer:
        return await _finish(session, kiosk, passage_id, shown, body.goods, now, settings)

    return await desk.decide_on_pass(device=kiosk, use="kiosk", key=key, body=body, act=act)


@router.post(
    "/step-up",
    summary="Answer what a passage asked for at a kiosk",
    response_model=PassageAnswer,
    responses=problems(IdempotencyKeyMissing, *STEP_UP_PROBLEMS, *HELD),
)
async def take_answer(
    kiosk_id: UUID,
    passage_id: UUID,
    body: StepUpAnswer,
    kiosk: Kiosk,
    key: RequiredKey,
    desk: DeskOf,
) -> Any:
    """The right answer charges the passage's goods."""
    acts_as(kiosk, kiosk_id)
    finish = partial(conversation.take_answer, device=kiosk, passage_id=passage_id)
    return await desk.decide_on_answer(device=kiosk, key=key, body=body, finish=finish, shown=PassageAnswer.of)


async def _finish(
    session: AsyncSession,
    kiosk: Principal,
    passage_id: UUID,
    shown: Shown,
    goods: KioskGoods,
    now: datetime,
    settings: Settings,
) -> PassageAnswer:
    decision = await conversation.finish_at_kiosk(
        session,
        kiosk=kiosk,
        passage_id=passage_id,
        shown=shown,
        named=goods.named(),
        left_behind=goods.left_behind,
        now=now,
        settings=settings,
    )
    return PassageAnswer.of(decision, shown if isinstance(shown, Sighting) else None)
