"""What shelves raise alerts about."""

from __future__ import annotations

from facepay.alerts.kinds import AlertKind, Severity

RESTOCK = AlertKind("restock", Severity.INFO, "A slot has fewer pieces than it should.")
MISPLACED_GOODS = AlertKind("misplaced_goods", Severity.WARNING, "Goods lie where they don't belong.")
WEIGHT_UNEXPLAINED = AlertKind("weight_unexplained", Severity.WARNING, "No goods explain what a scale feels.")
UNKNOWN_SLOT = AlertKind("unknown_slot", Severity.WARNING, "A shelf reports a slot that its planogram doesn't have.")
SCALE_SHIFTED = AlertKind("scale_shifted", Severity.INFO, "A scale jumped: goods may have been moved unseen.")

ALERT_KINDS = (RESTOCK, MISPLACED_GOODS, WEIGHT_UNEXPLAINED, UNKNOWN_SLOT, SCALE_SHIFTED)
