"""What the page that a payer was sent to asks of us. Whoever has the client secret speaks here, and needn't be the
member: they are told nothing of them.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response, Security
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.identity.capture import UNREADABLE_FRAMES
from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import InsufficientScope, Principal, current_payer
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.dependencies import made
from facepay.kernel.errors import Overloaded, Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.online import intents
from facepay.online.burst import payer_body, read_burst
from facepay.online.by_face import ByFaceOf
from facepay.online.by_pin import ByPinOf
from facepay.online.intents import PaymentIntent, PaymentIntentUnexpectedState, hold_intent, see_intent
from facepay.online.schemas import PayerIntentAnswer, PinConfirmation
from facepay.online.ways import WayNotOpen, ways_of
from facepay.presentation.schemas import ChallengeAnswer
from facepay.settings import SettingsOf
from facepay.stores.stores import get_store

router = Router(prefix="/v1/payer", tags=["payer"])
Payer = Annotated[Principal, Security(current_payer, scopes=["payment:confirm"])]
REFUSALS = (Unauthenticated, InsufficientScope)


class Shown:
    """An intent as a payer is shown it."""

    def __init__(self, recogniser: RecogniserOf, settings: SettingsOf, now: Now, response: Response) -> None:
        self._pack, self._settings, self._now = recogniser.keeper.pack, settings, now
        response.headers["Cache-Control"] = "no-store"

    async def __call__(self, session: AsyncSession, intent: PaymentIntent) -> PayerIntentAnswer:
        store = await get_store(session, intent.store_id)
        ways = await ways_of(session, intent=intent, pack=self._pack, now=self._now, settings=self._settings)
        return PayerIntentAnswer.of(intent, shop=store.name, ways=ways)


ShownOf = Annotated[Shown, Depends(made(Shown))]


@router.get("/intent", summary="See what is to be paid", responses=problems(*REFUSALS))
async def see(session: Session, payer: Payer, shown: ShownOf, now: Now) -> PayerIntentAnswer:
    return await shown(session, await see_intent(session, intent_id=payer.id, now=now))


@router.post(
    "/challenges",
    status_code=201,
    summary="Ask what to do before the camera",
    responses=problems(*REFUSALS, PaymentIntentUnexpectedState, WayNotOpen),
)
async def challenge(session: Session, payer: Payer, by_face: ByFaceOf) -> ChallengeAnswer:
    """A turn to one side and a smile, in one order or the other. A new challenge asks for the same until an attempt at
    it has failed.

    Take the first frame while the face is straight and at rest, then at least one for each step, in order.
    """
    return ChallengeAnswer.of(await by_face.ask(session, intent_id=payer.id))


@router.post(
    "/confirmations",
    summary="Pay by face",
    responses=problems(*REFUSALS, PaymentIntentUnexpectedState, WayNotOpen, Overloaded, *UNREADABLE_FRAMES),
    openapi_extra=payer_body(),
)
async def confirm_by_face(
    request: Request, payer: Payer, by_face: ByFaceOf, database: Db, shown: ShownOf
) -> PayerIntentAnswer:
    """The frames are compared with the one member who is to pay, and with nobody else, and are then forgotten.

    What came of it is the intent: `succeeded`, or `requires_action` with `last_payment_error`, or without one where a
    large amount needs the PIN as well, or `canceled` after the third failure. An intent pays once, however often this
    is sent.
    """
    burst = await read_burst(request)
    return await _shown_after(database, shown, await by_face.confirm(intent_id=payer.id, burst=burst))


@router.post(
    "/confirmations/pin",
    summary="Pay by PIN",
    responses=problems(*REFUSALS, PaymentIntentUnexpectedState, WayNotOpen),
)
async def confirm_by_pin(
    body: PinConfirmation, payer: Payer, by_pin: ByPinOf, database: Db, shown: ShownOf
) -> PayerIntentAnswer:
    """The same with the member's PIN. Five wrong ones in a row, wherever, lock it for 15 minutes."""
    return await _shown_after(database, shown, await by_pin.confirm(intent_id=payer.id, pin=body.pin))


@router.post(
    "/cancellation",
    summary="Don't pay",
    responses=problems(*REFUSALS, PaymentIntentUnexpectedState),
)
async def cancel(session: Session, payer: Payer, shown: ShownOf, now: Now) -> PayerIntentAnswer:
    """It is canceled as `requested_by_customer`."""
    intent = await hold_intent(session, intent_id=payer.id, now=now)
    await intents.cancel(session, intent=intent, reason="requested_by_customer", now=now)
    return await shown(session, intent)


async def _shown_after(database: Db, shown: Shown, intent: PaymentIntent) -> PayerIntentAnswer:
    """What was decided is committed by now."""
    async with database.begin() as session:
        return await shown(session, intent)
