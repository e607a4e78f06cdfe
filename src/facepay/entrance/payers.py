"""Who pays: searched first among the people inside the store, and only then among all of the chain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from facepay.entrance.visits import members_inside
from facepay.identity.capture import Capture
from facepay.identity.recognition import Recogniser
from facepay.identity.sighting import Sighting
from facepay.kernel.auth import Principal


def seen_to_pay(
    recogniser: Recogniser, device: Principal, *, points: bool = False
) -> Callable[[Capture], Awaitable[Sighting]]:
    """How a device of a store sees whoever stands before it, for `Desk.decide`."""
    inside = partial(members_inside, store_id=device.store)
    return partial(recogniser.see, device=device, use="pay_chain", inside=inside, points=points)
