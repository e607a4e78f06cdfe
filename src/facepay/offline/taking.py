"""Taking a queue's next post: in order, judged by the policy and the clock, done where it can be, kept in any case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import Evidence, raise_alert
from facepay.alerts.kinds import AlertKind, Severity
from facepay.kernel.auth import Principal
from facepay.offline.clocks import TOLERANCE, DeviceTime, date_event
from facepay.offline.documents import Document, Mode, Pass, Policy
from facepay.offline.posts import KINDS_OF, OfflinePost, Told, locked_queue, told_before, told_in_another_run
from facepay.offline.replays import holder_of, replay
from facepay.settings import Settings

OFFLINE_DISPUTE = AlertKind("offline_dispute", Severity.WARNING, "What a device did without network must be decided.")


@dataclass(frozen=True, slots=True)
class Batch:
    """What all posts that come together have in common. `policy` decided them, `None` where it can't be read.

    `skew_before` is how far the device's clock was ahead of ours when it last had network.
    """

    run: UUID
    policy: Policy | None
    policy_text: str
    sent: DeviceTime
    skew_before: timedelta


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """The posts from this one on have not come yet."""

    sequence: int


async def take_post(
    session: AsyncSession, *, device: Principal, batch: Batch, told: Told, now: datetime, settings: Settings
) -> OfflinePost | WaitingFor:
    """The post as it is kept; one that was told before keeps its verdict. Raises PostConflict."""
    queue = await locked_queue(session, device=device, run=batch.run, now=now)
    digest = told.digest(batch.policy_text)
    if told.sequence > queue.next_sequence:
        return WaitingFor(queue.next_sequence)
    if told.sequence < queue.next_sequence:
        return await told_before(session, queue=queue, told=told, digest=digest)
    dated = date_event(told.time, batch.sent, skew_before=batch.skew_before, now=now)
    post = told.post(device, run=batch.run, digest=digest, happened_at=dated.at, now=now)
    fault = await _do(session, device, post, batch.policy, told.shown, dated.doubt, now, settings)
    if fault is not None:
        post.verdict, post.code = "disputed", fault
        await _tell_staff(session, post, now)
    elif post.owed:
        post.verdict = "accepted_with_debt"
    session.add(post)
    queue.next_sequence, queue.posted_at = told.sequence + 1, now
    await session.flush()
    return post


async def _do(
    session: AsyncSession,
    device: Principal,
    post: OfflinePost,
    policy: Policy | None,
    shown: Pass | None,
    doubt: str | None,
    now: datetime,
    settings: Settings,
) -> str | None:
    """None where it is done, or why it is disputed. Then too, it is kept whose pass it was and what the goods cost."""
    holder = await holder_of(session, shown) if shown else None
    if holder:
        post.member_id, post.pass_id = holder.member.id, holder.held.id
    if policy is None:
        return "policy_unreadable"
    post.policy_id = policy.id
    if policy.store_id == post.store_id:
        post.price_by(policy)
    if fault := _policy_fault(policy, device, post):
        return fault
    if shown is None:
        return "pass_unreadable"
    if holder is None:
        return "pass_unknown"
    if (
        fault := doubt
        or _time_fault("policy", policy, post.happened_at)
        or _time_fault("pass", shown, post.happened_at)
    ):
        return fault
    if shown.id in policy.revoked_passes:
        return "pass_revoked"
    if await told_in_another_run(session, post):
        return "told_before"
    return await replay(session, post=post, policy=policy, holder=holder, now=now, settings=settings)


def _policy_fault(policy: Policy, device: Principal, post: OfflinePost) -> str | None:
    if policy.device_id != device.id:
        return "policy_of_another_device"
    if policy.mode is not Mode.ALLOW_SIGNED_PASS:
        return "policy_denies"
    if post.kind not in KINDS_OF[device.role]:
        return "not_its_job"
    return policy.entry_fault(post.happened_at, tolerance=TOLERANCE) if post.kind == "entry" else None


def _time_fault(name: str, document: Document, at: datetime) -> str | None:
    if at < document.issued_at - TOLERANCE:
        return f"before_{name}"
    return f"{name}_expired" if at >= document.expires_at + TOLERANCE else None


async def _tell_staff(session: AsyncSession, post: OfflinePost, now: datetime) -> None:
    await raise_alert(
        session,
        OFFLINE_DISPUTE,
        store_id=post.store_id,
        subject=str(post.device_id),
        device_id=post.device_id,
        now=now,
        evidence=Evidence("offline_post", post.id),
        code=post.code,
        post=str(post.id),
    )
