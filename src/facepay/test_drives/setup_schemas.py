"""Models, cars, lockers and rules as the API shows them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from facepay.kernel.schemas import Answer, Change, Line, Request, unsent
from facepay.test_drives.cars import CarState
from facepay.test_drives.rules import Rules

MILEAGE_MAX = 5_000_000
LicenceClass = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,8}$"), Field(examples=["C1", "B"])]
Mileage = Annotated[int, Field(ge=0, le=MILEAGE_MAX, strict=True, description="In km.")]
Plate = Annotated[str, StringConstraints(pattern=r"^[\w·.\- ]{1,16}$", strip_whitespace=True)]


class NewCarModel(Request):
    name: Annotated[Line, Field(examples=["Mustang GT"])]
    licence_class: LicenceClass


class CarModelAnswer(Answer):
    id: UUID
    name: str
    licence_class: str
    active: bool
    created_at: datetime


class ModelChange(Request):
    active: Annotated[bool, Field(strict=True, description="Whether it is reserved any more.")]


class NewCar(Request):
    model_id: UUID
    plate: Annotated[Plate, Field(examples=["粤A·12345"])]
    mileage_km: Mileage = 0


class CarChange(Change):
    """What is left out stays as it is."""

    state: Annotated[CarState, Field(description="`out` it is only by a drive.")] = Field(default_factory=unsent)
    mileage_km: Mileage = Field(default_factory=unsent)


class CarAnswer(Answer):
    id: UUID
    store_id: UUID
    model_id: UUID
    plate: str
    state: CarState
    mileage_km: int
    created_at: datetime


class SlotFilling(Request):
    car_id: Annotated[UUID | None, Field(description="Whose key is in it; null: none.")] = None


class SlotAnswer(Answer):
    number: int
    car_id: UUID | None


class SlotsAnswer(Answer):
    items: list[SlotAnswer]


class RulesAnswer(Answer):
    store_id: UUID
    rules: Rules
    changed_by: str
    changed_at: datetime


class DayAnswer(Answer):
    day: date
    cars_free: int


class CalendarAnswer(Answer):
    days: list[DayAnswer]
