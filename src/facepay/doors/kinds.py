"""What doors raise alerts about. None says who it was: the access log does, to whoever may look."""

from __future__ import annotations

from facepay.alerts.kinds import AlertKind, Severity

DURESS = AlertKind("access_duress", Severity.CRITICAL, "Somebody at a door is forced: they typed the PIN that says so.")
FINGERPRINT_UNTRUSTED = AlertKind(
    "fingerprint_untrusted",
    Severity.CRITICAL,
    "A fingerprint result was shown twice, out of order, or is not of a reader of this door.",
)
REFUSED_REPEATEDLY = AlertKind(
    "access_refused_repeatedly", Severity.WARNING, "A door has refused people again and again within minutes."
)
PIN_LOCKED = AlertKind(
    "door_pin_locked", Severity.WARNING, "Somebody typed wrong PINs at doors until it was locked, or goes on typing."
)
PASSBACK_NOTED = AlertKind(
    "anti_passback_noted", Severity.WARNING, "Somebody came in by a door who was inside already, or came from nowhere."
)
SEEN_IN_TWO_STORES = AlertKind(
    "seen_in_two_stores", Severity.WARNING, "Doors of two stores let in the same person within a minute."
)
VISITOR_LEFT_ALONE = AlertKind(
    "visitor_left_alone", Severity.WARNING, "The last who may escort has left a zone with somebody who needs an escort."
)
ALERT_KINDS = (
    DURESS,
    PIN_LOCKED,
    FINGERPRINT_UNTRUSTED,
    REFUSED_REPEATEDLY,
    PASSBACK_NOTED,
    SEEN_IN_TWO_STORES,
    VISITOR_LEFT_ALONE,
)
