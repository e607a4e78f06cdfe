"""Webhooks signed as Standard Webhooks 1.0.0 asks: HMAC-SHA256 over the message's id, its time and its body.

Its reference library isn't used, since it reads the wall clock and raises whatever a malformed header makes it raise.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

from facepay.kernel.errors import Problem

TOLERANCE_SECONDS = 300
SECRET_PREFIX = "whsec_"  # noqa: S105 (so that leaked secrets are found by scanners)
_SECONDS = re.compile(r"[0-9]{1,12}")


class BadSignature(Problem):
    """The webhook isn't signed, was signed with another secret, was altered, or is too old."""

    status = 401
    code = "bad_signature"
    title = "Bad signature"


def sign(*secrets: bytes, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers that go with the body; each attempt to deliver a message is signed anew.

    A sender that changes its secret signs with both for a while.
    """
    timestamp = str(int(now.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, message_id, timestamp, body) for secret in secrets),
    }


def verify(secret: bytes, *, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Raises BadSignature."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _SECONDS.fullmatch(timestamp) or abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise BadSignature("The webhook has no timestamp, or one too far from now.", seconds_max=TOLERANCE_SECONDS)
    expected = _signature(secret, message_id, timestamp, body).encode()
    signatures = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(expected, signature.encode()) for signature in signatures):
        raise BadSignature("None of the webhook's signatures is ours.")


def show_secret(secret: bytes) -> str:
    """As whoever verifies is given it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def _signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
