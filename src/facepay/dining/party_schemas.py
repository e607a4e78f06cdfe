"""Parties as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from facepay.catalog.products import Allergen
from facepay.dining.floor import Floor
from facepay.dining.items import ItemState
from facepay.dining.parties import PartyState
from facepay.dining.seating import Seated
from facepay.dining.tables import SEATS_MAX
from facepay.dining.views import CoverView, ItemView, PartyView
from facepay.identity.schemas import DecisionAnswer, PassShown, RecognisedMember
from facepay.kernel.schemas import Answer, Change, Request, unsent

SeatNumber = Annotated[int, Field(ge=1, le=SEATS_MAX, strict=True)]
PartySeat = Annotated[int, Field(ge=1, description="Counted on over the tables that are merged.")]


class CoverAnswer(Answer):
    id: UUID
    seat: PartySeat
    member: Annotated[RecognisedMember | None, Field(description="Null of a guest.")]
    seated_at: datetime

    @classmethod
    def of(cls, view: CoverView) -> CoverAnswer:
        cover = view.cover
        member = RecognisedMember.model_validate(view.member) if view.member else None
        return cls(id=cover.id, seat=cover.seat, member=member, seated_at=cover.seated_at)


class ChosenOption(Answer):
    group: str
    choice: str
    price: int


class ItemAnswer(Answer):
    id: UUID
    seat: Annotated[int | None, Field(description="Null: for the whole table.")]
    sku: str
    name: str
    quantity: int
    options: list[ChosenOption]
    unit_price: Annotated[int, Field(description="In minor units, with its options.")]
    price: int
    course: int
    state: ItemState
    ordered_at: datetime

    @classmethod
    def of(cls, view: ItemView) -> ItemAnswer:
        item = view.item
        return cls(
            id=item.id,
            seat=view.seat,
            sku=view.sku,
            name=item.name,
            quantity=item.quantity,
            options=[ChosenOption.model_validate(each) for each in item.options],
            unit_price=item.unit_price,
            price=item.price,
            course=item.course,
            state=ItemState(item.state),
            ordered_at=item.ordered_at,
        )


class PartyAnswer(Answer):
    id: UUID
    table_id: UUID
    table: Annotated[str, Field(examples=["Table 7"])]
    state: PartyState
    opened_at: datetime
    closed_at: datetime | None
    host_seat: int | None
    covers: list[CoverAnswer]
    items: list[ItemAnswer]
    total: Annotated[int, Field(description="Of what was ordered so far, before service and tips.")]

    @classmethod
    def of(cls, view: PartyView) -> PartyAnswer:
        party = view.party
        return cls(
            id=party.id,
            table_id=party.table_id,
            table=view.table.name,
            state=PartyState(party.state),
            opened_at=party.opened_at,
            closed_at=party.closed_at,
            host_seat=view.host_seat,
            covers=[CoverAnswer.of(each) for each in view.covers],
            items=[ItemAnswer.of(each) for each in view.items],
            total=view.total,
        )


class PartyHere(Answer):
    """What a table's screen follows."""

    party: PartyAnswer | None


class SeatedAnswer(DecisionAnswer):
    """What came of one face, or pass. Whoever isn't a `member` there sits as a guest, also while a `step_up` waits."""

    seating_id: UUID
    seat: PartySeat
    decision: Literal["member", "guest", "step_up"]

    @classmethod
    def of(cls, seated: Seated) -> SeatedAnswer:
        shared = cls.shared(seated, seated.sighting)
        return cls(**shared, seating_id=seated.record.id, seat=seated.cover.seat)


class SittingAnswer(Answer):
    """Everybody who was seen at a seat, and the party as it is now; no party where nobody was."""

    decision: Literal["seated", "nobody"]
    seated: list[SeatedAnswer]
    unseated: Annotated[int, Field(description="Faces that are in no seat's region, or behind somebody in one.")] = 0
    party: PartyAnswer | None

    @classmethod
    def of(cls, view: PartyView | None, seated: Sequence[Seated] = (), *, faces: int = 0) -> SittingAnswer:
        return cls(
            decision="nobody" if view is None else "seated",
            seated=[SeatedAnswer.of(each) for each in seated],
            unseated=max(0, faces - len(seated)),
            party=None if view is None else PartyAnswer.of(view),
        )


class SittingFields(Request):
    challenge_id: Annotated[UUID | None, Field(description="The challenge that the nearest of them answers.")] = None
    seat: Annotated[
        int | None, Field(ge=1, le=SEATS_MAX, description="Only whoever sits there: one who proves that it is them.")
    ] = None


class PassAtSeat(PassShown):
    seat: SeatNumber


class GuestAtSeat(Request):
    seat: SeatNumber


class SaidAllergens(Request):
    allergens: Annotated[list[Allergen], Field(max_length=len(Allergen))]


class CoverChange(Change):
    """`member_id: null` makes them a guest."""

    seat: PartySeat = Field(default_factory=unsent)
    member_id: UUID | None = None


class PartyChange(Change):
    host_seat: Annotated[int, Field(ge=1, description="Who answers for guests and for the table.")]


class TableOnFloor(Answer):
    id: UUID
    name: str
    seats: int
    merged_into_id: UUID | None
    party: PartyAnswer | None


class FloorAnswer(Answer):
    currency: str
    tables: list[TableOnFloor]
    at: Annotated[datetime, Field(description="Our clock, by which a page shows how long a party sits.")]

    @classmethod
    def of(cls, floor: Floor) -> FloorAnswer:
        tables = [
            TableOnFloor(
                id=table.id,
                name=table.name,
                seats=table.seats,
                merged_into_id=table.merged_into_id,
                party=PartyAnswer.of(floor.parties[table.id]) if table.id in floor.parties else None,
            )
            for table in floor.tables
        ]
        return cls(currency=floor.currency, tables=tables, at=floor.at)
