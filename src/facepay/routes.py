"""All routes, in the order in which the docs show them."""

from __future__ import annotations

from fastapi import APIRouter

from facepay import health
from facepay.access import credential_router as credentials
from facepay.access import emergency_router as emergencies
from facepay.access import holder_router as holders
from facepay.access import muster_router as muster
from facepay.access import rights_router as access_rights
from facepay.access import setup_router as access_setup
from facepay.access import visitor_router as visitors
from facepay.access_log import router as access_log
from facepay.alerts import escalation_router as escalation
from facepay.alerts import router as alerts
from facepay.campaigns import play_router as smiles
from facepay.campaigns import router as campaigns
from facepay.catalog import router as catalog
from facepay.channel import door_router as doors
from facepay.channel import event_router as device_events
from facepay.channel import router as device_commands
from facepay.checkout import adjustment_router as adjustments
from facepay.checkout import family_router as family_spending
from facepay.checkout import limits_router as limits
from facepay.checkout import record_router as checkouts
from facepay.checkout import rewards_router as member_rewards
from facepay.checkout import router as checkout
from facepay.checkout import statement_router as statements
from facepay.checkout import tags_router as tags
from facepay.console import router as console
from facepay.dining import bill_floor_router as bills_of_floor
from facepay.dining import bill_router as bills
from facepay.dining import floor_router as floor
from facepay.dining import menu_router as menus
from facepay.dining import order_router as table_orders
from facepay.dining import party_router as parties
from facepay.dining import seating_router as seatings
from facepay.dining import table_router as tables
from facepay.doors import router as access_attempts
from facepay.entrance import gallery_router as galleries
from facepay.entrance import gate_router as gates
from facepay.entrance import group_router as visit_groups
from facepay.entrance import house_rules_router as house_rules
from facepay.entrance import identification_router as identifications
from facepay.entrance import member_visit_router as member_visits
from facepay.entrance import turn_router as turns
from facepay.entrance import visit_router as visits
from facepay.families import router as families
from facepay.fitting import floor_router as fitting_floor
from facepay.fitting import garment_router as garments
from facepay.fitting import mirror_router as mirrors
from facepay.fitting import style_router as styles
from facepay.identity import face_check_router as face_checks
from facepay.identity import lookalike_router as lookalikes
from facepay.identity import pass_router as passes
from facepay.identity import router as identity
from facepay.kitchen import router as kitchen
from facepay.kitchen import screens
from facepay.kitchen import staff_router as kitchen_desk
from facepay.lanes import kiosk_router as held_passages
from facepay.lanes import purchase_router as purchases
from facepay.lanes import router as lanes
from facepay.lanes import store_router as passages
from facepay.live import router as live
from facepay.members import debt_router as debts
from facepay.members import notice_router as notices
from facepay.members import router as members
from facepay.members import top_up_router as top_ups
from facepay.members import wallet_router as wallet
from facepay.membership import router as membership
from facepay.nightwatch import camera_router as cameras
from facepay.nightwatch import guard_router as guard
from facepay.nightwatch import reaction_router as reactions
from facepay.offline import device_router as offline
from facepay.offline import staff_router as offline_desk
from facepay.online import page_router as pay_page
from facepay.online import payer_router as payers
from facepay.online import shop_router as payment_intents
from facepay.online import store_router as online_payments
from facepay.presentation import router as challenges
from facepay.privacy import router as privacy
from facepay.recommender import diet_router as diets
from facepay.recommender import member_router as taste
from facepay.recommender import router as recommendations
from facepay.reports import router as reports
from facepay.review import router as reviews
from facepay.review import watch_router as watches
from facepay.rewards import birthday_router as birthdays
from facepay.rewards import router as rewards
from facepay.schedules import router as schedules
from facepay.shelves import basket_router as baskets
from facepay.shelves import planogram_router as planograms
from facepay.shelves import router as shelves
from facepay.staff import action_router as staff_actions
from facepay.staff import router as staff
from facepay.stores import pairing_router as pairings
from facepay.stores import router as stores
from facepay.taste import device_router as looks
from facepay.taste import report_router as attention
from facepay.terminals import page_router as terminal_pages
from facepay.terminals import router as terminals
from facepay.test_drives import board_router as drive_boards
from facepay.test_drives import inspection_router as inspections
from facepay.test_drives import machine_router as machines
from facepay.test_drives import member_router as licences
from facepay.test_drives import router as test_drives
from facepay.test_drives import setup_router as cars
from facepay.wallet import webhook_router as providers
from facepay.watchlist import hit_router as watchlist_hits
from facepay.watchlist import router as watchlist
from facepay.webhooks import router as webhooks

ROUTERS: tuple[APIRouter, ...] = tuple(
    room.router
    for room in (
        staff,
        staff_actions,
        stores,
        pairings,
        live,
        reports,
        schedules,
        house_rules,
        planograms,
        shelves,
        baskets,
        looks,
        attention,
        gates,
        turns,
        galleries,
        identifications,
        visits,
        member_visits,
        visit_groups,
        access_log,
        emergencies,
        muster,
        access_setup,
        access_rights,
        holders,
        credentials,
        visitors,
        access_attempts,
        watchlist,
        watchlist_hits,
        alerts,
        cameras,
        reactions,
        guard,
        escalation,
        device_commands,
        device_events,
        doors,
        members,
        families,
        identity,
        face_checks,
        passes,
        lookalikes,
        privacy,
        challenges,
        catalog,
        checkout,
        checkouts,
        terminals,
        terminal_pages,
        adjustments,
        kitchen,
        kitchen_desk,
        screens,
        tables,
        menus,
        seatings,
        table_orders,
        parties,
        floor,
        bills,
        bills_of_floor,
        lanes,
        held_passages,
        passages,
        purchases,
        tags,
        limits,
        family_spending,
        garments,
        mirrors,
        styles,
        fitting_floor,
        cars,
        licences,
        test_drives,
        inspections,
        machines,
        drive_boards,
        offline,
        offline_desk,
        payment_intents,
        payers,
        pay_page,
        online_payments,
        reviews,
        watches,
        rewards,
        birthdays,
        campaigns,
        smiles,
        member_rewards,
        taste,
        recommendations,
        diets,
        membership,
        statements,
        wallet,
        top_ups,
        debts,
        notices,
        providers,
        webhooks,
        health,
        console,
    )
)
