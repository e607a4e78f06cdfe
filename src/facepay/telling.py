"""Every kind of alert that staff may see, and every type of event that integrators may hear."""

from __future__ import annotations

from facepay.access.emergencies import EMERGENCY_DECLARED
from facepay.alerts.of_endpoints import WEBHOOK_ENDPOINT_STOPPED
from facepay.alerts.telling import EVENT_TYPES as ALERT_EVENT_TYPES
from facepay.channel import kinds as channel
from facepay.checkout import buyers
from facepay.checkout.selling import STOCK_MISCOUNTED
from facepay.checkout.sold_tags import TAG_SOLD_BEFORE
from facepay.checkout.telling import EVENT_TYPES as CHECKOUT_EVENT_TYPES
from facepay.dining import departures
from facepay.dining import upkeep as dining
from facepay.doors import kinds as doors
from facepay.entrance.telling import EVENT_TYPES as VISIT_EVENT_TYPES
from facepay.fitting import upkeep as fitting
from facepay.fitting.requests import EVENT_TYPES as FITTING_EVENT_TYPES
from facepay.kitchen import upkeep as kitchen
from facepay.lanes import kinds as lanes
from facepay.nightwatch import cameras, gate_patrol, patrol, tag_patrol
from facepay.offline.taking import OFFLINE_DISPUTE
from facepay.online.paying import VERIFICATION_FAILED
from facepay.online.telling import EVENT_TYPES as ONLINE_EVENT_TYPES
from facepay.shelves import kinds as shelves
from facepay.test_drives import kinds as test_drives
from facepay.test_drives.telling import EVENT_TYPES as DRIVE_EVENT_TYPES
from facepay.watchlist import kinds as watchlist
from facepay.webhooks.events import PING

ALERT_KINDS = (
    WEBHOOK_ENDPOINT_STOPPED,
    *channel.ALERT_KINDS,
    *watchlist.ALERT_KINDS,
    EMERGENCY_DECLARED,
    *doors.ALERT_KINDS,
    *kitchen.ALERT_KINDS,
    STOCK_MISCOUNTED,
    *buyers.ALERT_KINDS,
    TAG_SOLD_BEFORE,
    *shelves.ALERT_KINDS,
    *lanes.ALERT_KINDS,
    *departures.ALERT_KINDS,
    *dining.ALERT_KINDS,
    *fitting.ALERT_KINDS,
    *test_drives.ALERT_KINDS,
    VERIFICATION_FAILED,
    OFFLINE_DISPUTE,
    *cameras.ALERT_KINDS,
    *patrol.ALERT_KINDS,
    *gate_patrol.ALERT_KINDS,
    *tag_patrol.ALERT_KINDS,
)
EVENT_TYPES = (
    PING,
    *VISIT_EVENT_TYPES,
    *CHECKOUT_EVENT_TYPES,
    *ONLINE_EVENT_TYPES,
    *FITTING_EVENT_TYPES,
    *DRIVE_EVENT_TYPES,
    *ALERT_EVENT_TYPES,
)
