"""Models, cars, lockers, rules and the calendar over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Security
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.stores.devices import DeviceNotFound
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store
from facepay.test_drives import calendar
from facepay.test_drives.cars import (
    Car,
    CarIsOut,
    CarModel,
    CarModelNotFound,
    CarModelTaken,
    CarNotFound,
    PlateTaken,
    add_car,
    add_model,
    change_car,
    get_model,
)
from facepay.test_drives.machines import (
    LOCKER_MAX,
    CarElsewhere,
    NotAMachine,
    SlotTaken,
    fill_slot,
    get_machine,
    slots_of,
)
from facepay.test_drives.rules import DriveRules, DrivesNotOffered, FeeNotForSale, Rules, set_rules
from facepay.test_drives.setup_schemas import (
    CalendarAnswer,
    CarAnswer,
    CarChange,
    CarModelAnswer,
    DayAnswer,
    ModelChange,
    NewCar,
    NewCarModel,
    RulesAnswer,
    SlotAnswer,
    SlotFilling,
    SlotsAnswer,
)

router = Router(prefix="/v1", tags=["test drives"])
Reader = Annotated[Principal, Security(current_staff, scopes=["drives:read"])]
Writer = Annotated[Principal, Security(current_staff, scopes=["drives:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)
DAY_FROM, DAY_TO = date(2000, 1, 1), date(2199, 1, 1)


@router.post("/car-models", status_code=201, summary="Add a car model", responses=problems(*REFUSALS, CarModelTaken))
async def add_car_model(body: NewCarModel, session: Session, _: Writer, now: Now) -> CarModelAnswer:
    """Of the whole chain. Whoever drives it has a licence of `licence_class`."""
    model = await add_model(session, name=body.name, licence_class=body.licence_class, now=now)
    return CarModelAnswer.model_validate(model)


@router.get("/car-models", summary="List car models", responses=problems(*REFUSALS))
async def list_car_models(session: Session, _: Reader, paging: Paging) -> Page[CarModelAnswer]:
    return await page(session, select(CarModel), by=CarModel.id, paging=paging, show=CarModelAnswer.model_validate)


@router.patch("/car-models/{model_id}", summary="Change a car model", responses=problems(*REFUSALS, CarModelNotFound))
async def change_car_model(model_id: UUID, body: ModelChange, session: Session, _: Writer) -> CarModelAnswer:
    """What is reserved already stays so."""
    model = await get_model(session, model_id)
    model.active = body.active
    return CarModelAnswer.model_validate(model)


@router.post(
    "/stores/{store_id}/cars",
    status_code=201,
    summary="Add a car",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, CarModelNotFound, PlateTaken),
)
async def add_car_to_store(store_id: UUID, body: NewCar, session: Session, _: Writer, now: Now) -> CarAnswer:
    car = await add_car(
        session, store_id=store_id, model_id=body.model_id, plate=body.plate, mileage_km=body.mileage_km, now=now
    )
    return CarAnswer.model_validate(car)


@router.get("/stores/{store_id}/cars", summary="List a store's cars", responses=problems(*REFUSALS, StoreNotFound))
async def list_cars(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[CarAnswer]:
    await get_store(session, store_id)
    query = select(Car).where(Car.store_id == store_id)
    return await page(session, query, by=Car.id, paging=paging, show=CarAnswer.model_validate)


@router.patch("/cars/{car_id}", summary="Change a car", responses=problems(*REFUSALS, CarNotFound, CarIsOut))
async def change_car_of_store(car_id: UUID, body: CarChange, session: Session, _: Writer) -> CarAnswer:
    """Available again after a repair, to be inspected, or retired for good."""
    sent = body.sent()
    car = await change_car(session, car_id=car_id, state=sent.get("state"), mileage_km=sent.get("mileage_km"))
    return CarAnswer.model_validate(car)


@router.get(
    "/machines/{machine_id}/slots",
    summary="See a machine's lockers",
    responses=problems(*REFUSALS, DeviceNotFound, NotAMachine),
)
async def list_slots(machine_id: UUID, session: Session, _: Reader) -> SlotsAnswer:
    await get_machine(session, machine_id)
    return SlotsAnswer(items=[SlotAnswer.model_validate(slot) for slot in await slots_of(session, machine_id)])


@router.put(
    "/machines/{machine_id}/slots/{number}",
    summary="Put a key into a locker, or take it out",
    responses=problems(*REFUSALS, DeviceNotFound, NotAMachine, CarNotFound, CarElsewhere, CarIsOut, SlotTaken),
)
async def put_key_into_slot(
    machine_id: UUID,
    number: Annotated[int, Path(ge=1, le=LOCKER_MAX)],
    body: SlotFilling,
    session: Session,
    _: Writer,
) -> SlotAnswer:
    """By staff who stand there: what they say is how it is. A number that there wasn't is a new locker."""
    slot = await fill_slot(session, machine_id=machine_id, number=number, car_id=body.car_id)
    return SlotAnswer.model_validate(slot)


@router.put(
    "/stores/{store_id}/drive-rules",
    summary="Set a store's rules for test drives",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, FeeNotForSale),
)
async def set_drive_rules(store_id: UUID, body: Rules, session: Session, staff: Writer, now: Now) -> RulesAnswer:
    """For what is reserved from now on. Every fee is a product of the shop's, so that it has a price and its tax."""
    row = await set_rules(session, store_id=store_id, rules=body, by=f"staff:{staff.id}", now=now)
    return _rules_answer(row)


@router.get(
    "/stores/{store_id}/drive-rules",
    summary="See a store's rules for test drives",
    responses=problems(*REFUSALS, StoreNotFound, DrivesNotOffered),
)
async def see_drive_rules(store_id: UUID, session: Session, _: Reader) -> RulesAnswer:
    await get_store(session, store_id)
    row = await session.get(DriveRules, store_id)
    if row is None:
        raise DrivesNotOffered("This store has no rules for test drives.")
    return _rules_answer(row)


@router.get(
    "/stores/{store_id}/car-models/{model_id}/calendar",
    summary="See when cars of a model are free",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, CarModelNotFound),
)
async def see_calendar(
    store_id: UUID,
    model_id: UUID,
    session: Session,
    _: Reader,
    first: Annotated[date, Query(ge=DAY_FROM, lt=DAY_TO, description="In the store's time zone.")],
    days: Annotated[int, Query(ge=1, le=calendar.DAYS_MAX)] = 31,
) -> CalendarAnswer:
    """How many cars nobody has on each day. Whether one can be had from a certain hour on, a quote says."""
    found = await calendar.calendar_of(session, store_id=store_id, model_id=model_id, first=first, days=days)
    return CalendarAnswer(days=[DayAnswer.model_validate(each) for each in found])


def _rules_answer(row: DriveRules) -> RulesAnswer:
    return RulesAnswer(store_id=row.store_id, rules=row.read(), changed_by=row.changed_by, changed_at=row.changed_at)
