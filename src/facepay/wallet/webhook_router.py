"""Where the payment provider tells us what became of charges and refunds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from facepay.kernel.database import Session
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.uploads import BodyTooLarge
from facepay.kernel.webhooks import BadSignature
from facepay.wallet.providers.provider import Event, MalformedEvent, PaymentProvider
from facepay.wallet.resume import settle

router = Router(tags=["providers"])
MOCK_WEBHOOKS_PATH = "/v1/providers/mock/webhooks"
BODY_BYTES_MAX = 64 * 1024


async def get_provider(request: Request) -> PaymentProvider:
    provider: PaymentProvider = request.app.state.provider
    return provider


ProviderOf = Annotated[PaymentProvider, Depends(get_provider)]


async def _signed_event(request: Request, provider: ProviderOf) -> Event | None:
    """Read and verified before a connection is taken, since anybody may call here."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise BodyTooLarge(f"A webhook has at most {BODY_BYTES_MAX} bytes.", bytes_max=BODY_BYTES_MAX)
    return provider.verify_webhook(request.headers, bytes(body))


@router.post(
    MOCK_WEBHOOKS_PATH,
    status_code=204,
    summary="Hear from the mock provider",
    responses=problems(BadSignature, MalformedEvent, BodyTooLarge),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def hear(event: Annotated[Event | None, Depends(_signed_event)], session: Session) -> None:
    """Signed as [Standard Webhooks](https://www.standardwebhooks.com) asks; the signature is the authentication.

    Events may come twice, late and in any order. Types that concern nobody here are acknowledged and ignored.
    """
    if event is not None:
        await settle(session, event.movement)
