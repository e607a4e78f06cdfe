"""Handovers and returns at a machine as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from facepay.identity.schemas import DecisionAnswer, PassShown
from facepay.identity.sighting import Sighting
from facepay.kernel.schemas import Answer
from facepay.test_drives.drives import Drive
from facepay.test_drives.handovers import HandoverRuling
from facepay.test_drives.machines import LOCKER_MAX
from facepay.test_drives.returns import Return
from facepay.test_drives.schemas import DriveNumber
from facepay.test_drives.setup_schemas import MILEAGE_MAX


class HandoverFields(BaseModel):
    """A handover's part that is text."""

    number: Annotated[DriveNumber | None, Field(description="What was typed, where anything was.")] = None


class PassAtMachine(PassShown):
    number: Annotated[DriveNumber | None, Field(description="What was typed, where anything was.")] = None


class HandoverAnswer(DecisionAnswer):
    """`open`: the locker is opening by a command to this machine; acknowledge that, and the key is out."""

    handover_id: UUID
    drive_id: UUID | None = None
    number: str | None = None
    locker: int | None = None
    plate: str | None = None
    due_at: datetime | None = None
    machine_id: Annotated[UUID | None, Field(description="Where it was reserved for, if the key isn't here.")] = None

    @classmethod
    def of(cls, ruling: HandoverRuling, sighting: Sighting | None = None) -> Self:
        drive, opening = ruling.drive, ruling.opening
        return cls(
            **cls.shared(ruling, sighting),
            handover_id=ruling.record.id,
            drive_id=drive.id if drive else None,
            number=drive.number if drive else None,
            locker=opening.locker if opening else None,
            plate=opening.car.plate if opening else None,
            due_at=drive.due_at if drive else None,
            machine_id=drive.machine_id if drive and ruling.record.code == "key_in_other_machine" else None,
        )


class ReturnFields(BaseModel):
    """A return's parts that are text."""

    number: DriveNumber
    locker: Annotated[int, Field(ge=1, le=LOCKER_MAX)]
    mileage_km: Annotated[int, Field(ge=0, le=MILEAGE_MAX)]
    fuel_percent: Annotated[int, Field(ge=0, le=100, description="Of the tank, or of the battery.")]

    def back(self) -> Return:
        return Return(self.number, self.locker, self.mileage_km, self.fuel_percent)


class ReturnAnswer(Answer):
    drive_id: UUID
    number: str
    state: str
    returned_at: datetime | None
    late_hours: int
    photos: int

    @classmethod
    def of(cls, drive: Drive, photos: int) -> Self:
        return cls(
            drive_id=drive.id,
            number=drive.number,
            state=drive.state,
            returned_at=drive.returned_at,
            late_hours=drive.late_hours_charged,
            photos=photos,
        )
