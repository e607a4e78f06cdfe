"""What every request of a gate brings along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Security

from facepay.identity.desk import DeskOf
from facepay.identity.recognition import RecogniserOf
from facepay.kernel.auth import Principal, current_device
from facepay.kernel.clock import Now
from facepay.kernel.idempotency import OptionalKey
from facepay.settings import SettingsOf


@dataclass(frozen=True, slots=True)
class AtGate:
    gate_id: UUID
    gate: Annotated[Principal, Security(current_device, scopes=["gate:decide"])]
    desk: DeskOf
    recogniser: RecogniserOf
    settings: SettingsOf
    now: Now
    key: OptionalKey = None
