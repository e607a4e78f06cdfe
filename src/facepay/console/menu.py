"""Where a reader can go: only where their role may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from facepay.kernel.auth import Principal


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is below /console, or below a store's page; `scope` is what its page asks for; `words` are English, as in
    the .po files.
    """

    path: str
    words: str
    scope: str


CONSOLE = (
    Entry("", "Stores", "stores:read"),
    Entry("/overview", "Overview", "orders:read"),
    Entry("/members", "Members", "members:read"),
    Entry("/products", "Products", "catalog:read"),
    Entry("/campaigns", "Campaigns", "rewards:read"),
    Entry("/reviews", "Reviews", "reviews:read"),
    Entry("/privacy", "Privacy", "members:read"),
    Entry("/staff", "Staff", "staff:write"),
    Entry("/calibration", "Calibration", "stores:read"),
    Entry("/webhooks", "Webhooks", "webhooks:read"),
    Entry("/account", "Your account", "account:own"),
)
STORE = (
    Entry("", "Live", "stores:read"),
    Entry("/orders", "Orders", "orders:read"),
    Entry("/decisions", "Decisions", "orders:read"),
    Entry("/stock", "Stock", "catalog:read"),
    Entry("/devices", "Devices", "stores:read"),
    Entry("/doors", "Doors", "access:read"),
    Entry("/holders", "Access", "access:read"),
    Entry("/access-log", "Access log", "access:read"),
    Entry("/alerts", "Alerts", "alerts:read"),
    Entry("/sales", "Sales", "orders:read"),
    Entry("/recognition", "Recognition", "stores:read"),
    Entry("/settings", "Settings", "stores:read"),
)
MEMBER = (
    Entry("", "Member", "members:read"),
    Entry("/face", "Face", "members:read"),
    Entry("/wallet", "Wallet", "wallet:read"),
    Entry("/rewards", "Points and gifts", "rewards:read"),
    Entry("/orders", "Orders", "orders:read"),
    Entry("/visits", "Visits", "members:read"),
    Entry("/disputes", "Disputes", "reviews:read"),
    Entry("/family", "Family", "members:read"),
    Entry("/diet", "Diet", "members:write"),
    Entry("/limits", "Limits", "wallet:read"),
    Entry("/notices", "Notices", "members:read"),
    Entry("/uses", "Uses of the face", "members:read"),
)
REVIEWS = (
    Entry("", "Worth a look", "reviews:read"),
    Entry("/disputes", "Disputes", "reviews:read"),
    Entry("/lookalikes", "Lookalikes", "lookalikes:read"),
    Entry("/watches", "Watched members", "reviews:read"),
)
PRIVACY = (
    Entry("", "Held and due", "members:read"),
    Entry("/consents", "Consents about to end", "members:read"),
    Entry("/erasures", "Erasures", "members:read"),
)
# Pages beside the console, by the scope without which they show nothing. Screens in the kitchen have tokens of devices.
SCREENS = (
    Entry("/guard", "Night watch", "security:read"),
    Entry("/muster", "Muster list", "access:read"),
    Entry("/floor", "Tables", "dining:read"),
    Entry("/fitting", "Fitting rooms", "fitting:read"),
    Entry("/drives", "Test drives", "drives:read"),
    Entry("/kitchen", "Kitchen screen", "orders:read"),
    Entry("/board", "Pick-up board", "orders:read"),
)


def open_to(me: Principal, entries: Sequence[Entry]) -> Iterator[Entry]:
    return (entry for entry in entries if entry.scope in me.scopes)
