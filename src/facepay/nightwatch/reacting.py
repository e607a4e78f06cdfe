"""Reacting to alerts: each rule once for each alert at each device, however many replicas are at it.

An alert that waits for its reactions is taken under an advisory lock, and not under a lock of its row: devices are
locked before alerts everywhere in the house. In one transaction its rules are taken in the same way (or two alerts at
once would each find the rule cooled down), commands are issued in the order of the devices' ids, what came of each is
written down, and the alert is marked. A replica that dies before it commits has told nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Select, and_, delete, func, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.alerts.alerts import TOPIC, Alert
from facepay.channel.commands import issue
from facepay.kernel.clock import Clock
from facepay.kernel.database import Database
from facepay.kernel.errors import Problem
from facepay.kernel.hub import Hub
from facepay.nightwatch.reactions import ISSUED, STEPS, Reaction, ReactionOutcome, Step
from facepay.stores.devices import Device

log = structlog.get_logger()
POLL_SECONDS = 5.0
AT_ONCE_MAX = 100
# What was raised so long ago, while nothing ran, is for people to see to: a door that locks by itself now helps nobody.
TOO_LATE = timedelta(minutes=10)
PASSED_OVER_MAX = 2000
KEPT_FOR = timedelta(days=90)
ALERT_LOCKS, RULE_LOCKS = 1_667_855_205, 1_667_855_206  # the first halves of advisory locks' keys

_ABOUT_ALERT = (
    Reaction.store_id == Alert.store_id,
    Reaction.alert_kind == Alert.kind,
    Reaction.severity_min <= Alert.severity,
    Reaction.enabled,
)


async def keep_reacting(database: Database, hub: Hub, clock: Clock) -> None:
    """Until cancelled."""
    async with hub.subscribe(TOPIC) as woken:
        while True:
            try:
                more = await react_to_all(database, clock)
            except (SQLAlchemyError, OSError) as error:
                log.warning("reactions_failed", error=type(error).__name__)
                more = False
            if not more:
                await woken.wait(POLL_SECONDS)


async def react_to_all(database: Database, clock: Clock) -> bool:
    """React to those that wait, the gravest first. Whether there may be more."""
    async with database.begin() as session:
        plain = await _pass_over(session, now=clock())
    async with database.read() as session:
        waiting = await session.scalars(
            select(Alert.id)
            .where(Alert.reacted_at.is_(None))
            .order_by(Alert.severity.desc(), Alert.id)
            .limit(AT_ONCE_MAX)
        )
        alert_ids = waiting.all()
    reacted = 0
    for alert_id in alert_ids:
        try:
            async with database.begin() as session:
                reacted += await react(session, alert_id=alert_id, now=clock())
        except Exception as error:  # the others mustn't wait for it
            log.error("reaction_failed", alert_id=str(alert_id), exc_info=error)
    return reacted == AT_ONCE_MAX or plain == PASSED_OVER_MAX


async def react(session: AsyncSession, *, alert_id: UUID, now: datetime) -> bool:
    """Do what the store's rules say about this alert. False where it is done, or another replica is at it."""
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(ALERT_LOCKS, func.hashtext(str(alert_id))))):
        return False
    alert = await session.get(Alert, alert_id, populate_existing=True)
    if alert is None or alert.reacted_at is not None:
        return False
    severity = alert.severity
    rules = await _rules(session, alert)
    if rules:
        await _take(session, alert, rules, now)
    # Should it have become graver meanwhile, it waits for the rules that want it so.
    await session.execute(
        update(Alert)
        .where(Alert.id == alert_id, Alert.severity == severity)
        .values(reacted_at=now)
        .execution_options(synchronize_session=False)
    )
    return True


async def _pass_over(session: AsyncSession, *, now: datetime) -> int:
    """Mark those that no rule is about, all at once: in a storm of alerts they are most. How many those were."""
    plain = (
        select(Alert.id)
        .where(Alert.reacted_at.is_(None), ~select(Reaction.id).where(*_ABOUT_ALERT).exists())
        .limit(PASSED_OVER_MAX)
        .with_for_update(skip_locked=True)
    )
    passed = await session.scalars(
        update(Alert)
        .where(Alert.id.in_(plain))
        .values(reacted_at=now)
        .returning(Alert.id)
        .execution_options(synchronize_session=False)
    )
    return len(passed.all())


async def _rules(session: AsyncSession, alert: Alert) -> Sequence[Reaction]:
    found = await session.scalars(
        select(Reaction).join(Alert, and_(*_ABOUT_ALERT)).where(Alert.id == alert.id).order_by(Reaction.id)
    )
    return found.all()


async def _take(session: AsyncSession, alert: Alert, rules: Sequence[Reaction], now: datetime) -> None:
    """The steps of all rules, device by device."""
    for rule in rules:
        await session.execute(select(func.pg_advisory_xact_lock(RULE_LOCKS, func.hashtext(str(rule.id)))))
    done = await session.execute(
        select(ReactionOutcome.reaction_id, ReactionOutcome.device_id).where(ReactionOutcome.alert_id == alert.id)
    )
    once = {tuple(each) for each in done}
    steps = {rule.id: STEPS.validate_python(rule.steps) for rule in rules}
    for device in await _devices(session, alert, steps):
        for rule in rules:
            wanted = [step for step in steps[rule.id] if step.is_for(device, alert.device_id)]
            if wanted and (rule.id, device.id) not in once:
                session.add(await _outcome(session, alert, rule, device, wanted, now))
    await session.flush()


async def _devices(session: AsyncSession, alert: Alert, steps: Mapping[UUID, Sequence[Step]]) -> Sequence[Device]:
    """Those that the steps are for, by id."""
    of_store = await session.scalars(
        select(Device).where(Device.store_id == alert.store_id, Device.revoked_at.is_(None)).order_by(Device.id)
    )
    every = [step for of_rule in steps.values() for step in of_rule]
    return [device for device in of_store if any(step.is_for(device, alert.device_id) for step in every)]


async def _outcome(
    session: AsyncSession, alert: Alert, rule: Reaction, device: Device, steps: Sequence[Step], now: datetime
) -> ReactionOutcome:
    """All the rule's commands for this device, or none and why."""
    outcome = ReactionOutcome(reaction_id=rule.id, alert_id=alert.id, device_id=device.id, numbers=[], at=now)
    if now - alert.last_at > TOO_LATE:
        outcome.outcome = "too_late"
    elif await _is_cooling_down(session, rule, device, now):
        outcome.outcome = "cooling_down"
    else:
        try:
            async with session.begin_nested():
                outcome.numbers = [await _issue(session, alert, rule, device, step, now) for step in steps]
            outcome.outcome = "issued"
        except Problem as problem:  # a device that can't is no reason to spare the others
            outcome.outcome, outcome.failure = "failed", problem.code
    return outcome


async def _is_cooling_down(session: AsyncSession, rule: Reaction, device: Device, now: datetime) -> bool:
    since = now - timedelta(seconds=rule.cooldown_seconds)
    return bool(await session.scalar(select(issued_since(rule.id, device.id, since).exists())))


def issued_since(reaction_id: UUID, device_id: UUID, since: datetime) -> Select[UUID]:
    """In the words of their index, without which each alert of a storm would read what came of all the others."""
    return select(ReactionOutcome.id).where(
        ReactionOutcome.reaction_id == reaction_id,
        ReactionOutcome.device_id == device_id,
        text(ISSUED),
        ReactionOutcome.at > since,
    )


async def _issue(session: AsyncSession, alert: Alert, rule: Reaction, device: Device, step: Step, now: datetime) -> int:
    command = await issue(
        session,
        device_id=device.id,
        payload=step.command,
        by=f"reaction:{rule.id}",
        reason=f"{alert.kind}: {rule.name}"[:200],
        now=now,
        lasts=None if step.lasts_seconds is None else timedelta(seconds=step.lasts_seconds),
        has_sensor=step.has_sensor,
    )
    return command.number


async def forget_outcomes(database: Database, *, now: datetime) -> None:
    """What came of reactions long ago; the commands themselves stay on record."""
    async with database.begin() as session:
        await session.execute(delete(ReactionOutcome).where(ReactionOutcome.at < now - KEPT_FOR))
