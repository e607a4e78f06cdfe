"""What lanes raise alerts about."""

from __future__ import annotations

from facepay.alerts.kinds import AlertKind, Severity

PASSAGE_ABANDONED = AlertKind("passage_abandoned", Severity.WARNING, "Goods stood in a lane, and nobody finished.")
GOODS_LEFT_BEHIND = AlertKind("goods_left_behind", Severity.INFO, "Goods lie at a lane, to be fetched.")
TAGS_DISPUTED = AlertKind("tags_disputed", Severity.INFO, "Goods may have left a lane unpaid.")

ALERT_KINDS = (PASSAGE_ABANDONED, GOODS_LEFT_BEHIND, TAGS_DISPUTED)
