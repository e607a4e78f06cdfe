"""Test drives, handovers and returns as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from facepay.kernel.schemas import AMOUNT_MAX, CLOCK_FROM, CLOCK_TO, Amount, Answer, Line, Request
from facepay.test_drives.board import DrivesBoard, Entry
from facepay.test_drives.drives import Drive, DriveCharge
from facepay.test_drives.handovers import HandoverRuling
from facepay.test_drives.inspections import Damage
from facepay.test_drives.photos import DrivePhoto
from facepay.test_drives.reservations import Asked, Quote
from facepay.test_drives.rules import Terms

Moment = Annotated[AwareDatetime, Field(ge=CLOCK_FROM, lt=CLOCK_TO), AfterValidator(lambda at: at.astimezone(UTC))]
DriveNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$"), Field(examples=["40718263"])]
Why = Annotated[Line, Field(description="Stays on record.")]


class DriveAsked(Request):
    store_id: UUID
    machine_id: Annotated[UUID, Field(description="Where the key is picked up.")]
    model_id: UUID
    member_id: UUID
    starts_at: Moment

    def asked(self) -> Asked:
        return Asked(self.store_id, self.machine_id, self.model_id, self.starts_at)


class TermsAnswer(Answer):
    """What it costs; in minor units, tax included. What isn't charged is 0."""

    level: str
    currency: str
    deposit: int
    fee: Annotated[int, Field(description="At the machine, when the key is handed out.")]
    late_hour: Annotated[int, Field(description="For each hour started.")]
    late_hours_max: int
    no_show: int
    cancellation: int
    cancel_free_hours: int
    grace_minutes: int

    @classmethod
    def of(cls, terms: Terms) -> Self:
        rules = terms.rules
        return cls(
            level=terms.level.name,
            currency=terms.currency,
            deposit=terms.level.deposit,
            fee=terms.fee,
            late_hour=terms.price_of(rules.late_sku),
            late_hours_max=rules.late_hours_max,
            no_show=terms.price_of(rules.no_show_sku),
            cancellation=terms.price_of(rules.cancel_sku),
            cancel_free_hours=rules.cancel_free_hours,
            grace_minutes=rules.grace_minutes,
        )


class QuoteAnswer(Answer):
    """`reasons` say why it can't be reserved as things are; where there are none, it can."""

    starts_at: datetime
    due_at: datetime
    cars_free: int
    terms: TermsAnswer | None
    reasons: list[str]

    @classmethod
    def of(cls, quote: Quote) -> Self:
        return cls(
            starts_at=quote.asked.starts_at,
            due_at=quote.due_at,
            cars_free=quote.cars_free,
            terms=TermsAnswer.of(quote.terms) if quote.terms else None,
            reasons=list(quote.reasons),
        )


class ChargeAnswer(Answer):
    kind: str
    order_id: UUID
    amount: int
    created_at: datetime


class DriveAnswer(Answer):
    """`deposit` is what is on hold now."""

    id: UUID
    number: Annotated[str, Field(description="What the member types at the machine.")]
    state: str
    store_id: UUID
    machine_id: UUID
    member_id: UUID | None
    model_id: UUID
    car_id: UUID
    starts_at: datetime
    due_at: datetime
    terms: TermsAnswer
    deposit: int
    picked_up_at: datetime | None
    returned_at: datetime | None
    mileage_out_km: int | None
    mileage_in_km: int | None
    fuel_percent: int | None
    claim: int | None
    claim_why: str | None
    claim_due_at: datetime | None
    disputed_why: str | None
    ended_at: datetime | None
    ended_why: str | None
    created_at: datetime

    @classmethod
    def of(cls, drive: Drive) -> Self:
        return cls.model_validate(cls._shown(drive))

    @classmethod
    def _shown(cls, drive: Drive) -> dict[str, Any]:
        columns = cls.model_fields.keys() - {"terms", "charges"}
        return {name: getattr(drive, name) for name in columns} | {"terms": TermsAnswer.of(drive.agreed)}


class DriveRecord(DriveAnswer):
    charges: list[ChargeAnswer]

    @classmethod
    def with_charges(cls, drive: Drive, charges: Sequence[DriveCharge]) -> Self:
        shown = [ChargeAnswer.model_validate(each) for each in charges]
        return cls.model_validate(cls._shown(drive) | {"charges": shown})


class Cancellation(Request):
    waive: Annotated[Line | None, Field(description="Why no fee is due, where staff say so.")] = None


class Extension(Request):
    until: Moment


class Release(Request):
    machine_id: UUID
    reason: Annotated[Why, Field(examples=["No face enrolled; passport seen"])]


class Inspection(Request):
    damage: Annotated[Amount | None, Field(description="What it costs, in minor units; null: all is well.")] = None
    reason: Annotated[Line | None, Field(description="What is damaged.")] = None
    car_fit: Annotated[bool, Field(strict=True, description="Whether it may go out again.")] = True

    @model_validator(mode="after")
    def _damage_has_reasons(self) -> Self:
        if (self.damage is None) != (self.reason is None):
            raise ValueError("damage, and nothing else, has a reason")
        return self

    def found(self) -> Damage | None:
        return Damage(self.damage, self.reason) if self.damage is not None and self.reason is not None else None


class Dispute(Request):
    reason: Annotated[Why, Field(examples=["The scratch was there before"])]


class DisputeResolution(Request):
    amount: Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True, description="What is charged after all.")]
    reason: Why


class PhotoAnswer(Answer):
    id: UUID
    taken: Literal["return", "inspection"]
    taken_by: str
    created_at: datetime

    @classmethod
    def list_of(cls, photos: Sequence[DrivePhoto]) -> list[Self]:
        return [cls.model_validate(photo) for photo in photos]


class PhotosAnswer(Answer):
    items: list[PhotoAnswer]


class ReleaseAnswer(Answer):
    """What a handover's answer says, where staff vouch for the member."""

    decision: str
    code: str
    handover_id: UUID
    drive_id: UUID
    locker: int | None
    plate: str | None

    @classmethod
    def of(cls, ruling: HandoverRuling) -> Self:
        record, opening = ruling.record, ruling.opening
        assert record.drive_id is not None, "staff name the drive"
        return cls(
            decision=record.decision,
            code=record.code,
            handover_id=record.id,
            drive_id=record.drive_id,
            locker=opening.locker if opening else None,
            plate=opening.car.plate if opening else None,
        )


class HandoverRecord(Answer):
    id: UUID
    machine_id: UUID
    drive_id: UUID | None
    member_id: UUID | None
    decision: str
    code: str
    identified_by: str
    locker: int | None
    outcome: str | None
    released_by: str | None
    released_why: str | None
    created_at: datetime


class EntryAnswer(Answer):
    drive_id: UUID
    number: str
    state: str
    model: str
    plate: str
    starts_at: datetime
    due_at: datetime
    returned_at: datetime | None
    locker: int | None


class BoardAnswer(Answer):
    cars: Annotated[dict[str, int], Field(description="By state.")]
    pick_ups: list[EntryAnswer]
    returns: list[EntryAnswer]
    late: list[EntryAnswer]
    inspections: list[EntryAnswer]
    at: datetime

    @classmethod
    def of(cls, board: DrivesBoard) -> Self:
        def shown(entries: Sequence[Entry]) -> list[EntryAnswer]:
            return [EntryAnswer.model_validate(each) for each in entries]

        return cls(
            cars=dict(board.cars),
            pick_ups=shown(board.pick_ups),
            returns=shown(board.returns),
            late=shown(board.late),
            inspections=shown(board.inspections),
            at=board.at,
        )
