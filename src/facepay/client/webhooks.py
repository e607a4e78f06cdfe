"""Whether a webhook is ours: Standard Webhooks 1.0 (https://www.standardwebhooks.com), signed with HMAC-SHA256."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(minutes=5)


class NotOurs(Exception):
    """Signed with another secret, altered, or too old: somebody may be sending it again."""


def verify(body: bytes, headers: Mapping[str, str], secret: str, *, now: datetime | None = None) -> None:
    """`headers` in lower case, `body` as it arrived. Raises NotOurs. Remember `webhook-id`: each may arrive twice."""
    name, sent, signatures = (headers.get(f"webhook-{each}", "") for each in ("id", "timestamp", "signature"))
    if not sent.isdecimal():
        raise NotOurs("no time")
    age = (now or datetime.now(UTC)) - datetime.fromtimestamp(int(sent), UTC)
    if abs(age) > TOLERANCE:
        raise NotOurs("too old, or from the future")
    key = b64decode(secret.removeprefix("whsec_"))
    made = "v1," + b64encode(hmac.digest(key, b".".join((name.encode(), sent.encode(), body)), "sha256")).decode()
    if not any(hmac.compare_digest(made, each) for each in signatures.split()):
        raise NotOurs("another signature")
