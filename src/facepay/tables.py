"""Every room's tables, imported so that Base.metadata knows them."""

from __future__ import annotations

from facepay.access import credentials, emergencies, points, policies, presence, profiles, visitors, zones
from facepay.access import holders as access_holders
from facepay.access_log import log as access_log
from facepay.alerts import alerts, escalation, oncall
from facepay.calibration import versions
from facepay.campaigns import campaigns, playing
from facepay.catalog import products, stock
from facepay.channel import commands, door_states, doors, interlocks, sequences
from facepay.channel import events as device_events
from facepay.checkout import kiosk, limits, orders, refunds, sold_tags
from facepay.dining import agreeing, departures, holds, menu, parties, paying, seatings, tabs
from facepay.dining import items as dining_items
from facepay.dining import policies as dining_policies
from facepay.dining import tables as dining_tables
from facepay.doors import attempts as access_attempts
from facepay.doors import readers
from facepay.entrance import gate_turns, gates, groups, house_rules, visits
from facepay.families import approvals, families, refusals
from facepay.fitting import garments
from facepay.fitting import looks as mirror_looks
from facepay.fitting import requests as fitting_requests
from facepay.fitting import sessions as fitting_sessions
from facepay.identity import (
    edge_matches,
    lookalikes,
    passes,
    step_up,
    watches,
)
from facepay.kernel import idempotency, upkeep
from facepay.kitchen import numbers, tickets
from facepay.lanes import passages
from facepay.lanes import policies as lane_policies
from facepay.members import biometric_uses, consents, freezes, members
from facepay.nightwatch import cameras, findings, reactions
from facepay.notices import notices
from facepay.offline import passes as offline_passes
from facepay.offline import policies as offline_policies
from facepay.offline import posts as offline_posts
from facepay.online import attempts, intents
from facepay.presentation import challenges, replays
from facepay.privacy import receipts
from facepay.recommender import consents as profiling
from facepay.recommender import diets, learnt, preferences, verdicts, weather
from facepay.reports import closed_days
from facepay.review import disputes, evidence, marks
from facepay.rewards import birthdays, coupons, lots, rules
from facepay.schedules import schedules
from facepay.shelves import baskets, events, planogram, readings, restock
from facepay.staff import accounts
from facepay.staff import actions as staff_actions
from facepay.staff import sessions as staff_sessions
from facepay.stores import devices, pairings, signatures, stores
from facepay.taste import counts as attention_counts
from facepay.taste import places, views
from facepay.templates import templates
from facepay.test_drives import cars, credit, drives, keys, licences, machines
from facepay.test_drives import photos as drive_photos
from facepay.test_drives import rules as drive_rules
from facepay.wallet import debts, top_up_refunds, top_ups
from facepay.wallet.providers import mock_books
from facepay.watchlist import appeals, bans, hits
from facepay.watchlist import views as watchlist_views
from facepay.webhooks import deliveries, endpoints
from facepay.webhooks import events as webhook_events

__all__ = [
    "access_attempts",
    "access_holders",
    "access_log",
    "accounts",
    "agreeing",
    "alerts",
    "appeals",
    "approvals",
    "attempts",
    "attention_counts",
    "bans",
    "baskets",
    "biometric_uses",
    "birthdays",
    "cameras",
    "campaigns",
    "cars",
    "challenges",
    "closed_days",
    "commands",
    "consents",
    "coupons",
    "credentials",
    "credit",
    "debts",
    "deliveries",
    "departures",
    "device_events",
    "devices",
    "diets",
    "dining_items",
    "dining_policies",
    "dining_tables",
    "disputes",
    "door_states",
    "doors",
    "drive_photos",
    "drive_rules",
    "drives",
    "edge_matches",
    "emergencies",
    "endpoints",
    "escalation",
    "events",
    "evidence",
    "families",
    "findings",
    "fitting_requests",
    "fitting_sessions",
    "freezes",
    "garments",
    "gate_turns",
    "gates",
    "groups",
    "hits",
    "holds",
    "house_rules",
    "idempotency",
    "intents",
    "interlocks",
    "keys",
    "kiosk",
    "lane_policies",
    "learnt",
    "licences",
    "limits",
    "lookalikes",
    "lots",
    "machines",
    "marks",
    "members",
    "menu",
    "mirror_looks",
    "mock_books",
    "notices",
    "numbers",
    "offline_passes",
    "offline_policies",
    "offline_posts",
    "oncall",
    "orders",
    "pairings",
    "parties",
    "passages",
    "passes",
    "paying",
    "places",
    "planogram",
    "playing",
    "points",
    "policies",
    "preferences",
    "presence",
    "products",
    "profiles",
    "profiling",
    "reactions",
    "readers",
    "readings",
    "receipts",
    "refunds",
    "refusals",
    "replays",
    "restock",
    "rules",
    "schedules",
    "seatings",
    "sequences",
    "signatures",
    "sold_tags",
    "staff_actions",
    "staff_sessions",
    "step_up",
    "stock",
    "stores",
    "tabs",
    "templates",
    "tickets",
    "top_up_refunds",
    "top_ups",
    "upkeep",
    "verdicts",
    "versions",
    "views",
    "visitors",
    "visits",
    "watches",
    "watchlist_views",
    "weather",
    "webhook_events",
    "zones",
]
