"""What goes on behind the requests, in one of the replicas at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from facepay.access.emergencies import keep_up
from facepay.access.holders import keep_consents_ending
from facepay.access.visitors import forget_invitations
from facepay.access_log.log import LOG as ACCESS_LOG
from facepay.access_log.retention import forget_events as forget_access_events
from facepay.channel.events import alert_of_missing, forget_events
from facepay.channel.upkeep import judge_commands
from facepay.dining.departures import settle_departures
from facepay.dining.holds import renew_holds
from facepay.dining.upkeep import alert_of_forgotten, cancel_uncooked
from facepay.doors.attempts import forget_attempts
from facepay.doors.logged import lapse_attempts
from facepay.entrance.gate_turns import forget_turns
from facepay.fitting.sessions import end_unused
from facepay.fitting.upkeep import alert_of_unanswered
from facepay.identity.passes import forget_passes
from facepay.identity.step_up import forget_expired
from facepay.kernel.clock import Clock
from facepay.kernel.database import Database
from facepay.kernel.idempotency import Idempotency
from facepay.kernel.upkeep import Tried, record
from facepay.kitchen.upkeep import alert_of_late, lapse_tickets
from facepay.lanes.passages import close_overdue, forget_tags
from facepay.membership.celebrating import keep_birthdays
from facepay.nightwatch.gate_patrol import watch_entries, watch_exits, watch_refusals
from facepay.nightwatch.patrol import watch_closing, watch_devices, watch_stays, watch_stillness
from facepay.nightwatch.reacting import forget_outcomes
from facepay.nightwatch.tag_patrol import watch_tags
from facepay.offline.passes import forget_offline_passes
from facepay.online.intents import settle_due
from facepay.presentation.challenges import forget_challenges
from facepay.presentation.replays import forget_frames
from facepay.privacy.receipts import Signer
from facepay.privacy.retention import forget_uses, forget_visitors, retain, warn_of_filing
from facepay.recommender.learning import EVERY_SECONDS, learn
from facepay.recommender.preferences import forget_faded
from facepay.reports.closed_days import close_days as close_sales
from facepay.rewards.expiry import expire_due
from facepay.settings import Settings
from facepay.shelves.settling import charge_left_visits, forget_sightings, settle_late_changes
from facepay.staff.actions import forget_actions
from facepay.stores.pairings import forget_pairings
from facepay.stores.signatures import forget_nonces
from facepay.taste.counts import close_days
from facepay.taste.places import forget_places
from facepay.templates.evidence import forget_evidence
from facepay.templates.photos import forget_photos
from facepay.test_drives.keys import judge_lockers
from facepay.test_drives.photos import forget_photos as forget_drive_photos
from facepay.test_drives.upkeep import keep_drives
from facepay.wallet.payments import expire_due_holds
from facepay.wallet.upkeep import LEDGER, fold_hot_accounts
from facepay.watchlist.ending import keep_watchlist
from facepay.webhooks.retention import forget_webhooks

log = structlog.get_logger()
HOUSEKEEPING_LOCK = 7_016_996_766
# Learning takes seconds, or minutes where there are many members: seals and doors don't wait for it.
LEARNING_LOCK = 7_016_996_767
ROUND_SECONDS = 5.0
# What is done hourly doesn't wait for an hour, nor burden a start.
FIRST_WITHIN_SECONDS = 60.0
# A round waits for them, and expired holds and the chain wait for the round.
FACES_ERASED_MAX = 500


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    every_seconds: float
    run: Callable[[], Awaitable[object]]


def tasks_of(
    database: Database, idempotency: Idempotency, clock: Clock, *, settings: Settings, signer: Signer
) -> tuple[Task, ...]:
    async def expire_holds() -> None:
        async with database.begin() as session:
            await expire_due_holds(session, now=clock())

    async def retain_faces() -> None:
        await retain(database, settings=settings, signer=signer, now=clock(), erasures_max=FACES_ERASED_MAX)
        await forget_visitors(database, settings=settings, signer=signer, now=clock())
        await warn_of_filing(database, settings=settings)

    evidence_lasts = timedelta(days=settings.evidence_days)
    half_life = timedelta(days=settings.taste_half_life_days)
    pictures_last = timedelta(days=settings.drive_photos_days)
    log_lasts = timedelta(days=settings.access_log_days)
    events_last = timedelta(days=settings.webhook_events_days)
    return (
        Task("expire_holds", 5, expire_holds),
        Task("seal_transfers", 5, lambda: LEDGER.seal_all(database)),
        Task("seal_access_log", 5, lambda: ACCESS_LOG.seal_all(database)),
        Task("keep_doors_in_emergencies", 5, lambda: keep_up(database, now=clock())),
        Task("judge_commands", 5, lambda: judge_commands(database, now=clock())),
        Task("close_passages", 5, lambda: close_overdue(database, now=clock())),
        Task("settle_payment_intents", 5, lambda: settle_due(database, now=clock())),
        Task("alert_of_missing_events", 5, lambda: alert_of_missing(database, now=clock())),
        Task("judge_lockers", 5, lambda: judge_lockers(database, now=clock())),
        *rounds(database, clock),
        Task("expire_points_and_gifts", 60, lambda: expire_due(database, now=clock())),
        Task("keep_birthdays", 60, lambda: keep_birthdays(database, settings=settings, now=clock())),
        Task("fold_accounts", 60, lambda: fold_hot_accounts(database)),
        Task("alert_of_late_tickets", 60, lambda: alert_of_late(database, settings=settings, now=clock())),
        # Before the kitchen ends their tickets.
        Task("cancel_uncooked_courses", 600, lambda: cancel_uncooked(database, now=clock())),
        Task("lapse_tickets", 600, lambda: lapse_tickets(database, now=clock())),
        Task("settle_late_changes", 5, lambda: settle_late_changes(database, settings=settings, now=clock())),
        Task("end_fitting_sessions", 10, lambda: end_unused(database, settings=settings, now=clock())),
        Task("alert_of_unanswered", 10, lambda: alert_of_unanswered(database, settings=settings, now=clock())),
        Task("keep_drives", 10, lambda: keep_drives(database, settings=settings, now=clock())),
        Task("forget_drive_photos", 3600, lambda: forget_drive_photos(database, lasts=pictures_last, now=clock())),
        Task("charge_left_visits", 60, lambda: charge_left_visits(database, settings=settings, now=clock())),
        Task("settle_departures", 10, lambda: settle_departures(database, settings=settings, now=clock())),
        Task("renew_holds", 600, lambda: renew_holds(database, now=clock())),
        Task("alert_of_forgotten_parties", 600, lambda: alert_of_forgotten(database, now=clock())),
        Task("forget_sightings", 600, lambda: forget_sightings(database, now=clock())),
        Task("close_attention", 600, lambda: close_days(database, group_min=settings.taste_group_min, now=clock())),
        Task("close_sales", 3600, lambda: close_sales(database, now=clock())),
        Task("forget_places", 60, lambda: forget_places(database, now=clock())),
        Task("forget_faded_taste", 3600, lambda: forget_faded(database, half_life=half_life, now=clock())),
        Task("forget_idempotency_keys", 600, idempotency.forget_old),
        Task("forget_challenges", 600, lambda: forget_challenges(database, now=clock())),
        Task("forget_frames", 600, lambda: forget_frames(database, now=clock())),
        Task("forget_evidence", 60, lambda: forget_evidence(database, lasts=evidence_lasts, now=clock())),
        Task("forget_photos", 60, lambda: forget_photos(database)),
        Task("forget_nonces", 600, lambda: forget_nonces(database, now=clock())),
        Task("forget_pairings", 600, lambda: forget_pairings(database, now=clock())),
        Task("forget_passes", 600, lambda: forget_passes(database, now=clock())),
        Task("forget_offline_passes", 3600, lambda: forget_offline_passes(database, now=clock())),
        Task("forget_tags", 3600, lambda: forget_tags(database, now=clock())),
        Task("keep_watchlist", 60, lambda: keep_watchlist(database, settings=settings, now=clock())),
        Task("forget_turns", 600, lambda: forget_turns(database, now=clock())),
        Task("forget_step_ups", 600, lambda: forget_expired(database, now=clock())),
        Task("forget_device_events", 3600, lambda: forget_events(database, now=clock())),
        Task("forget_reaction_outcomes", 3600, lambda: forget_outcomes(database, now=clock())),
        Task("forget_webhooks", 3600, lambda: forget_webhooks(database, kept=events_last, now=clock())),
        Task("keep_consents_ending", 60, lambda: keep_consents_ending(database)),
        Task("forget_invitations", 3600, lambda: forget_invitations(database, now=clock())),
        Task("retain_faces", 3600, retain_faces),
        Task("lapse_attempts", 60, lambda: lapse_attempts(database, now=clock())),
        Task("forget_attempts", 3600, lambda: forget_attempts(database, now=clock())),
        Task("forget_access_events", 3600, lambda: forget_access_events(database, lasts=log_lasts, now=clock())),
        Task(
            "forget_staff_actions",
            3600,
            lambda: forget_actions(database, kept=timedelta(days=settings.staff_actions_kept_days), now=clock()),
        ),
        Task("forget_biometric_uses", 3600, lambda: forget_uses(database, settings=settings, now=clock())),
    )


def slow_tasks_of(database: Database, clock: Clock, *, settings: Settings) -> tuple[Task, ...]:
    return (Task("learn", EVERY_SECONDS, lambda: learn(database, settings=settings, now=clock())),)


def rounds(database: Database, clock: Clock) -> tuple[Task, ...]:
    """Of the night watch, each as often as what it looks for can't wait."""
    return (
        Task("watch_tags", 5, lambda: watch_tags(database, now=clock())),
        Task("watch_devices", 10, lambda: watch_devices(database, now=clock())),
        Task("watch_refusals", 10, lambda: watch_refusals(database, now=clock())),
        Task("watch_entries", 30, lambda: watch_entries(database, now=clock())),
        Task("watch_stays", 30, lambda: watch_stays(database, now=clock())),
        Task("watch_closing", 30, lambda: watch_closing(database, now=clock())),
        Task("watch_stillness", 30, lambda: watch_stillness(database, now=clock())),
        Task("watch_exits", 60, lambda: watch_exits(database, now=clock())),
    )


async def keep_house(database: Database, tasks: tuple[Task, ...], *, lock: int = HOUSEKEEPING_LOCK) -> None:
    """Run each task as often as it wants, until cancelled; those of one lock in one replica at a time."""
    due = {task: monotonic() + min(task.every_seconds, FIRST_WITHIN_SECONDS) for task in tasks}
    while True:
        await asyncio.sleep(ROUND_SECONDS)
        ready = [task for task in tasks if due[task] <= monotonic()]
        try:
            done = await keep_house_once(database, ready, lock=lock)
        except (SQLAlchemyError, OSError) as error:
            log.warning("housekeeping_failed", error=type(error).__name__)
            continue
        if done:
            due.update({task: monotonic() + task.every_seconds for task in ready})


async def keep_house_once(database: Database, tasks: list[Task], *, lock: int = HOUSEKEEPING_LOCK) -> bool:
    """Run the tasks, one by one, whichever of them fails. False where another replica is at it."""
    tried: list[Tried] = []
    async with alone_with(database, lock) as alone:
        for task in tasks if alone else ():
            tried.append(Tried(task.name, task.every_seconds, error=await _failure_of(task)))
        if tried:
            async with database.begin() as session:
                await record(session, tried)
    return alone


async def _failure_of(task: Task) -> str | None:
    """Run it; the class of what went wrong, where something did."""
    try:
        await task.run()
    except (SQLAlchemyError, OSError) as error:
        log.warning("housekeeping_failed", task=task.name, error=type(error).__name__)
        return type(error).__name__
    except Exception as error:  # a bug in one is no reason to stop sealing, folding and expiring
        log.error("housekeeping_failed", task=task.name, exc_info=error)
        return type(error).__name__
    return None


@asynccontextmanager
async def alone_with(database: Database, lock: int) -> AsyncIterator[bool]:
    """Whether this replica has the lock. It ends with its connection, so a replica that dies leaves none behind."""
    async with database.engine.connect() as connection:
        # Outside of a transaction: one that stays open holds back the chain, which waits for all before it.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        alone = bool(await connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": lock}))
        try:
            yield alone
        finally:
            if alone:
                await connection.execute(text("select pg_advisory_unlock(:key)"), {"key": lock})
