"""What the watchlist raises alerts about. None says who it is: the hit and the ban do, to whoever may look."""

from __future__ import annotations

from facepay.alerts.kinds import AlertKind, Severity

WATCHLIST_HIT = AlertKind(
    "watchlist_hit", Severity.CRITICAL, "Somebody who looks like a banned person waits at a door for your answer."
)
WATCHLIST_REFUSED = AlertKind(
    "watchlist_refused", Severity.WARNING, "A door has refused somebody who looks like a banned person."
)
BAN_REVIEW_DUE = AlertKind("ban_review_due", Severity.WARNING, "A ban has to be looked at again, or it ends by itself.")
BAN_APPEALED = AlertKind(
    "ban_appealed", Severity.WARNING, "Somebody says that their ban is wrong: a third person has to decide."
)
ALERT_KINDS = (WATCHLIST_HIT, WATCHLIST_REFUSED, BAN_REVIEW_DUE, BAN_APPEALED)
