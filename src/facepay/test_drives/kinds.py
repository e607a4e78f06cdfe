"""What test drives raise alerts about."""

from __future__ import annotations

from facepay.alerts.kinds import AlertKind, Severity

KEY_NOT_RELEASED = AlertKind("key_not_released", Severity.WARNING, "A locker didn't open: somebody waits for a car.")
KEY_OUT_UNRESERVED = AlertKind(
    "key_out_unreserved", Severity.CRITICAL, "A locker opened after its reservation had ended: a key may be gone."
)
CAR_NOT_READY = AlertKind("car_not_ready", Severity.WARNING, "A car is reserved from now on, and no key is there.")
CAR_LATE = AlertKind("car_late", Severity.WARNING, "A car isn't back in time.")
CAR_MISSING = AlertKind("car_missing", Severity.CRITICAL, "A car isn't back long after its time.")
DEPOSIT_LOST = AlertKind("deposit_lost", Severity.WARNING, "A deposit ran out while its car was still with somebody.")
DRIVE_DEBT = AlertKind("drive_debt", Severity.WARNING, "A deposit was too small for what a drive came to cost.")
DAMAGE_DISPUTED = AlertKind("damage_disputed", Severity.WARNING, "A driver says that damage to a car isn't theirs.")

ALERT_KINDS = (
    KEY_NOT_RELEASED,
    KEY_OUT_UNRESERVED,
    CAR_NOT_READY,
    CAR_LATE,
    CAR_MISSING,
    DEPOSIT_LOST,
    DRIVE_DEBT,
    DAMAGE_DISPUTED,
)
