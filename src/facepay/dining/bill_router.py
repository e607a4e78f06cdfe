"""Paying at a table, over HTTP: what its screen shows and sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.dining import agreeing, departures, paying
from facepay.dining.bill_schemas import (
    AgreementAnswer,
    AgreementPart,
    BillAnswer,
    BillPart,
    DeparturesAnswer,
    EmptySeats,
    PassAgreement,
    PassPayment,
    PaymentAnswer,
)
from facepay.dining.bills import Split
from facepay.dining.calls import OF_TABLE, AtTable, AtTableOf
from facepay.dining.parties import Cover, CoverNotFound, Party, PartyNotFound, party_at
from facepay.dining.tables import table_at
from facepay.dining.tabs import tab_of
from facepay.entrance.payers import seen_to_pay
from facepay.identity.capture import FILES_MAX, Capture, capture_body, read_capture_form
from facepay.identity.desk import AT_THE_DOOR, CALL_PROBLEMS, CAPTURE_PROBLEMS, STEP_UP_PROBLEMS, Desk, DeskOf
from facepay.identity.passes import read_pass
from facepay.identity.schemas import Decided, PassShown, StepUpAnswer
from facepay.identity.sighting import Sighting
from facepay.kernel.idempotency import IdempotencyKeyMissing, RequiredKey
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.schemas import Request as Body
from facepay.kernel.secrets import get_master_key
from facepay.kernel.uploads import open_form, read_json_field

router = Router(prefix="/v1/tables/{device_id}", tags=["dining"])
AT_PARTY = (*OF_TABLE, PartyNotFound)
BILLS = ['{"split":"seat"}', '{"split":"person","seats":[1,2],"tip":500}', '{"split":"one","coupons":["WELCOME10"]}']
BILL_PART = {"type": "string", "examples": BILLS}
Part = TypeVar("Part", bound=Body)
Ruled = TypeVar("Ruled")
GUARANTEE_PART = {"type": "string", "examples": ['{"up_to":50000,"as_host":true}']}


@router.get("/bill", summary="See the bill", responses=problems(*AT_PARTY))
async def see_bill(
    at: AtTableOf,
    split: Annotated[Split, Query(description="Each what they had, all the same, or one for all.")] = "seat",
) -> BillAnswer:
    """What each place owes, as it stands: before whoever pays has their own discounts taken off."""
    async with at.database.read() as session:
        party = await party_at(session, table=await table_at(session, device_id=at.device_id))
        return BillAnswer.of(await tab_of(session, party=party), split)


@router.post(
    "/payments",
    summary="Pay with a face, for oneself or for others",
    response_model=PaymentAnswer,
    dependencies=AT_THE_DOOR,
    responses=problems(IdempotencyKeyMissing, *CAPTURE_PROBLEMS, *AT_PARTY),
    openapi_extra=capture_body(raw=False, bill=BILL_PART),
)
async def pay(at: AtTableOf, key: RequiredKey, desk: DeskOf) -> Any:
    """`seat`: each what they had, and a part of what was for the whole table; `person`: all the same; `one`: everything
    that is left. What is held for the payer is taken, and what isn't needed of it is free again; a tip goes to the
    staff. The first payment ends the ordering, the last sets the table free.

    A declined payment charges nothing. Retry with the same Idempotency-Key and the same parts after any doubt.
    """
    capture, bill = await _read(at, "bill", BillPart)
    rule = partial(paying.pay, wish=bill.wish())
    return await _decide(at, key, desk, capture=capture, part=bill, rule=rule, show=PaymentAnswer.of)


@router.post(
    "/payments/pass",
    summary="Pay with a one-time pass",
    response_model=PaymentAnswer,
    responses=problems(IdempotencyKeyMissing, *CALL_PROBLEMS, *AT_PARTY),
)
async def pay_by_pass(body: PassPayment, at: AtTableOf, key: RequiredKey, desk: DeskOf) -> Any:
    rule = partial(paying.pay, wish=body.bill.wish())
    return await _decide_on_pass(at, key, desk, body=body, rule=rule, show=PaymentAnswer.of)


@router.post(
    "/payments/{payment_id}/step-up",
    summary="Answer what a payment asked for",
    response_model=PaymentAnswer,
    responses=problems(IdempotencyKeyMissing, *STEP_UP_PROBLEMS, *AT_PARTY),
)
async def finish_payment(payment_id: UUID, body: StepUpAnswer, at: AtTableOf, key: RequiredKey, desk: DeskOf) -> Any:
    """The right answer pays what was asked for, where that costs the same still."""
    finish = partial(paying.finish_step_up, device=at.device, payment_id=payment_id)
    return await desk.decide_on_answer(device=at.device, key=key, body=body, finish=finish, shown=PaymentAnswer.of)


@router.post(
    "/guarantees",
    summary="Answer for more, or as the host",
    response_model=AgreementAnswer,
    dependencies=AT_THE_DOOR,
    responses=problems(IdempotencyKeyMissing, *CAPTURE_PROBLEMS, *AT_PARTY),
    openapi_extra=capture_body(raw=False, guarantee=GUARANTEE_PART),
)
async def agree(at: AtTableOf, key: RequiredKey, desk: DeskOf) -> Any:
    """For an order that `amount_needs_step_up`, and for whoever takes on what guests and the table have. A new host
    takes over what was held on the one before, or nothing changes.
    """
    capture, asked = await _read(at, "guarantee", AgreementPart)
    rule = partial(agreeing.agree, up_to=asked.up_to, as_host=asked.as_host)
    return await _decide(at, key, desk, capture=capture, part=asked, rule=rule, show=AgreementAnswer.of)


@router.post(
    "/guarantees/pass",
    summary="Answer for more with a one-time pass",
    response_model=AgreementAnswer,
    responses=problems(IdempotencyKeyMissing, *CALL_PROBLEMS, *AT_PARTY),
)
async def agree_by_pass(body: PassAgreement, at: AtTableOf, key: RequiredKey, desk: DeskOf) -> Any:
    rule = partial(agreeing.agree, up_to=body.guarantee.up_to, as_host=body.guarantee.as_host)
    return await _decide_on_pass(at, key, desk, body=body, rule=rule, show=AgreementAnswer.of)


@router.post(
    "/guarantees/{agreement_id}/step-up",
    summary="Answer what a guarantee asked for",
    response_model=AgreementAnswer,
    responses=problems(IdempotencyKeyMissing, *STEP_UP_PROBLEMS, *AT_PARTY),
)
async def finish_agreement(
    agreement_id: UUID, body: StepUpAnswer, at: AtTableOf, key: RequiredKey, desk: DeskOf
) -> Any:
    finish = partial(agreeing.finish_step_up, device=at.device, agreement_id=agreement_id)
    return await desk.decide_on_answer(device=at.device, key=key, body=body, finish=finish, shown=AgreementAnswer.of)


@router.post("/departures", summary="Say that places are empty", responses=problems(*AT_PARTY, CoverNotFound))
async def depart(body: EmptySeats, at: AtTableOf) -> DeparturesAnswer:
    """What they had is paid, out of what is held for it, when they stay away for longer than the store's policy allows.
    Who was said to have gone before has gone since then.
    """
    async with at.database.begin() as session:
        party = await _party(session, at)
        told_by = f"device:{at.device.id}"
        gone = await departures.depart(session, party=party, seats=body.seats, told_by=told_by, now=at.now)
        return DeparturesAnswer.of(gone, await _covers(session, party))


@router.post("/returns", summary="Say that places are taken again", responses=problems(*AT_PARTY, CoverNotFound))
async def come_back(body: EmptySeats, at: AtTableOf) -> DeparturesAnswer:
    """In time, nothing happened; answers of who is still away."""
    async with at.database.begin() as session:
        party = await _party(session, at)
        await departures.come_back(session, party=party, seats=body.seats)
        gone = await departures.departures_of(session, party_id=party.id)
        return DeparturesAnswer.of(gone, await _covers(session, party))


async def _party(session: AsyncSession, at: AtTableOf) -> Party:
    return await party_at(session, table=await table_at(session, device_id=at.device_id, lock=True), lock=True)


async def _covers(session: AsyncSession, party: Party) -> list[Cover]:
    return list(await session.scalars(select(Cover).where(Cover.party_id == party.id)))


async def _read(at: AtTableOf, name: str, part: type[Part]) -> tuple[Capture, Part]:
    async with open_form(at.request, files_max=FILES_MAX) as form:
        sent = read_json_field(form, name, part)
        return await read_capture_form(form), sent


async def _decide(
    at: AtTable,
    key: str,
    desk: Desk,
    *,
    capture: Capture,
    part: Body,
    rule: Callable[..., Awaitable[Ruled]],
    show: Callable[[Ruled, Sighting], Decided],
) -> Any:
    """`rule` on who is seen: what `part` says is of the request, too."""

    async def act(session: AsyncSession, sighting: Sighting) -> Decided:
        ruling = await rule(session, device=at.device, shown=sighting, now=at.now, settings=at.settings)
        return show(ruling, sighting)

    return await desk.decide(
        device=at.device,
        use="table",
        key=key,
        capture=capture,
        also=part.model_dump_json().encode(),
        see=seen_to_pay(at.recogniser, at.device),
        act=act,
    )


async def _decide_on_pass(
    at: AtTable,
    key: str,
    desk: Desk,
    *,
    body: PassShown,
    rule: Callable[..., Awaitable[Ruled]],
    show: Callable[[Ruled], Decided],
) -> Any:
    shown = read_pass(body.pass_text, key=get_master_key(at.request))

    async def act(session: AsyncSession) -> Decided:
        return show(await rule(session, device=at.device, shown=shown, now=at.now, settings=at.settings))

    return await desk.decide_on_pass(device=at.device, use="table", key=key, body=body, act=act)
