"""What a device does about being without network: hold a policy, and tell afterwards what it did."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Response, Security

from facepay.kernel.auth import InsufficientScope, Principal, WrongStore, acts_as, current_device
from facepay.kernel.clock import Now
from facepay.kernel.database import Db
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import MasterKey, get_master_key
from facepay.offline.documents import Signer
from facepay.offline.policies import current_policy, tag_of
from facepay.offline.posts import PostConflict
from facepay.offline.schemas import BatchAnswer, KeysAnswer, NewBatch, PolicyAnswer, Verdict
from facepay.offline.taking import WaitingFor, take_post
from facepay.settings import SettingsOf
from facepay.stores.devices import get_device

router = Router(prefix="/v1", tags=["offline"])
Offline = Annotated[Principal, Security(current_device, scopes=["offline:act"])]
KeyOf = Annotated[MasterKey, Depends(get_master_key)]
REFUSALS = (Unauthenticated, InsufficientScope, WrongStore)


@router.get("/offline-keys", summary="See the keys that policies and passes are signed with")
async def see_keys(key: KeyOf) -> KeysAnswer:
    """Public. Ask again when a document names a key that you don't know."""
    return KeysAnswer(keys=Signer(key).jwks())


@router.get(
    "/devices/{device_id}/offline-policy",
    summary="Get what a device may do without network",
    responses=problems(*REFUSALS) | {304: {"description": "The policy that the device holds will do."}},
    response_model=PolicyAnswer,
)
async def follow_policy(
    device_id: UUID,
    response: Response,
    database: Db,
    device: Offline,
    key: KeyOf,
    settings: SettingsOf,
    now: Now,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> PolicyAnswer | Response:
    """Ask every minute, with the ETag of the policy that you hold: there is a new one when something changes, and
    whenever a quarter of its time is over.
    """
    acts_as(device, device_id)
    lasts = timedelta(hours=settings.offline_policy_hours)
    async with database.begin() as session:
        policy = await current_policy(session, device=device, lasts=lasts, now=now)
    tag = await asyncio.to_thread(tag_of, policy, lasts=lasts)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match == tag:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    signed = await asyncio.to_thread(Signer(key).sign, policy)
    return PolicyAnswer(policy=signed, expires_at=policy.expires_at)


@router.post(
    "/devices/{device_id}/offline-posts",
    summary="Tell what a device did without network",
    responses=problems(*REFUSALS, PostConflict),
)
async def tell(
    device_id: UUID, body: NewBatch, database: Db, device: Offline, key: KeyOf, settings: SettingsOf, now: Now
) -> BatchAnswer:
    """In order, as often as it takes: what was told before keeps its verdict. Each post is taken by itself, so that
    whatever happens in between, a beginning of the queue is taken and the rest still waits in the device.
    """
    acts_as(device, device_id)
    reader = Signer(key).reader
    async with database.read() as session:
        skew_ms = (await get_device(session, device_id)).clock_skew_ms or 0
    batch = await asyncio.to_thread(body.read, reader, skew_before=timedelta(milliseconds=skew_ms))
    verdicts: list[Verdict] = []
    for told in (post.read(reader) for post in body.posts):
        async with database.begin() as session:
            taken = await take_post(session, device=device, batch=batch, told=told, now=now, settings=settings)
        if isinstance(taken, WaitingFor):
            return BatchAnswer(verdicts=verdicts, waiting_for=taken.sequence, next_sequence=taken.sequence)
        verdicts.append(Verdict.model_validate(taken))
    return BatchAnswer(verdicts=verdicts, waiting_for=None, next_sequence=verdicts[-1].sequence + 1)
