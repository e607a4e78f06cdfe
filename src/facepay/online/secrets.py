"""Client secrets: whoever has one may look at one payment intent and pay it, for as long as that is open.

A secret follows from its intent's id and the master key, so that none is kept anywhere: it's 256 bits that nobody can
guess, it needs no look-up to be found wrong, and it ends with its intent.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

from sqlalchemy import select

from facepay.kernel.auth import PAYER_SCOPES, Principal
from facepay.kernel.database import Database
from facepay.kernel.secrets import MasterKey, fingerprint
from facepay.online.intents import PaymentIntent
from facepay.stores.devices import Device
from facepay.stores.stores import Store

SECRET = re.compile(r"fpi_([0-9a-f]{32})_secret_([A-Za-z0-9_-]{43})")
# Whoever has paid, or was too late, can still be shown so.
RESULT_SHOWN_FOR = timedelta(minutes=10)


def client_secret(intent_id: UUID, *, key: MasterKey) -> str:
    return _secret(intent_id, key.derive("payment intents"))


def _secret(intent_id: UUID, key: bytes) -> str:
    proof = base64.urlsafe_b64encode(fingerprint(key, intent_id.bytes)).decode().rstrip("=")
    return f"fpi_{intent_id.hex}_secret_{proof}"


async def authenticate(database: Database, key: MasterKey, token: str, now: datetime) -> Principal | None:
    """Whoever was sent to pay, unless the intent ended a while ago, or its shop was closed or revoked since."""
    found = SECRET.fullmatch(token)
    if found is None:
        return None
    intent_id = UUID(found[1])
    secrets = [_secret(intent_id, each) for each in key.derive_each("payment intents")]
    if not any(compare_digest(token, secret) for secret in secrets):
        return None
    shown = (PaymentIntent.ended_at.is_(None)) | (PaymentIntent.ended_at > now - RESULT_SHOWN_FOR)
    of_open_shop = Device.revoked_at.is_(None) & Store.closed_at.is_(None)
    query = (
        select(PaymentIntent.store_id)
        .join(Device, Device.id == PaymentIntent.device_id)
        .join(Store, Store.id == PaymentIntent.store_id)
        .where(PaymentIntent.id == intent_id, shown, of_open_shop)
    )
    async with database.read() as session:
        store_id = await session.scalar(query)
    if store_id is None:
        return None
    return Principal("payer", intent_id, "payer", "payer", frozenset(PAYER_SCOPES), store_id)
