"""What devices and their doors raise alerts about."""

from __future__ import annotations

from facepay.alerts.kinds import AlertKind, Severity

DOOR_FORCED = AlertKind("door_forced", Severity.CRITICAL, "A door was opened that nobody had opened it for.")
TAMPER = AlertKind("tamper", Severity.CRITICAL, "Somebody has opened a device's case, or torn it off.")
DOOR_HELD_OPEN = AlertKind("door_held_open", Severity.WARNING, "A door is open for longer than it may.")
DOOR_UNKNOWN = AlertKind("door_unknown", Severity.WARNING, "A door's sensor has failed: it can't tell how it stands.")
EVENTS_MISSING = AlertKind(
    "events_missing", Severity.WARNING, "A device's events have gaps: nobody knows what happened."
)
EVENTS_CONFLICTING = AlertKind("events_conflicting", Severity.CRITICAL, "A device has told one event in two ways.")
COMMAND_FAILED = AlertKind("command_failed", Severity.WARNING, "A device could not do what it was told.")
COMMAND_UNDELIVERED = AlertKind("command_undelivered", Severity.WARNING, "A command never reached its device.")
COMMAND_UNACKNOWLEDGED = AlertKind("command_unacknowledged", Severity.WARNING, "A device didn't say what it did.")
EFFECT_NOT_OBSERVED = AlertKind("effect_not_observed", Severity.WARNING, "A command was done, and no sensor saw it.")

ALERT_KINDS = (
    DOOR_FORCED,
    TAMPER,
    DOOR_HELD_OPEN,
    DOOR_UNKNOWN,
    EVENTS_MISSING,
    EVENTS_CONFLICTING,
    COMMAND_FAILED,
    COMMAND_UNDELIVERED,
    COMMAND_UNACKNOWLEDGED,
    EFFECT_NOT_OBSERVED,
)
