"""Orders as the API takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from pydantic import Field

from facepay.dining.changing import Second
from facepay.dining.items import COURSES_MAX, QUANTITY_MAX
from facepay.dining.options import CHOICES_MAX, GROUPS_MAX, Label
from facepay.dining.ordering import Wish
from facepay.dining.party_schemas import ItemAnswer, PartyAnswer, PartySeat
from facepay.dining.views import PartyView
from facepay.kernel.schemas import Answer, Change, Code, Line, Request, unsent

Quantity = Annotated[int, Field(ge=1, le=QUANTITY_MAX, strict=True)]
Choices = Annotated[list[Label], Field(max_length=CHOICES_MAX)]
Options = Annotated[
    Mapping[Label, Choices],
    Field(max_length=GROUPS_MAX, description="Choices by group.", examples=[{"Sauce": ["Peanut sauce"]}]),
]
Confirms = Annotated[
    bool, Field(strict=True, description="They have been told that it doesn't fit them, and want it still.")
]


class NewItem(Request):
    sku: Code
    quantity: Quantity = 1
    options: Options = Field(default={})
    course: Annotated[int | None, Field(ge=1, le=COURSES_MAX, description="Null: the dish's usual one.")] = None
    confirms_allergens: Confirms = False

    def wish(self) -> Wish:
        return Wish(self.sku, self.quantity, self.options, self.course, self.confirms_allergens)


class NewTableOrder(Request):
    seat: Annotated[PartySeat | None, Field(description="Null: for the whole table.")] = None
    items: Annotated[list[NewItem], Field(min_length=1, max_length=50)]

    def wishes(self) -> list[Wish]:
        return [item.wish() for item in self.items]


class StaffOrder(NewTableOrder):
    age_checked: Annotated[
        bool, Field(strict=True, description="You have seen that everybody whom it is for is old enough.")
    ] = False


class ItemChange(Change):
    quantity: Quantity = Field(default_factory=unsent)
    options: Options = Field(default_factory=unsent)
    confirms_allergens: Confirms = False

    def second(self) -> Second:
        sent = self.model_fields_set
        return Second(
            self.quantity if "quantity" in sent else None,
            self.options if "options" in sent else None,
            self.confirms_allergens,
        )


class Voiding(Request):
    reason: Annotated[Line, Field(examples=["The soup was cold."])]


class OrderedAnswer(Answer):
    """What was ordered, and the party as it is now."""

    ordered: list[ItemAnswer]
    party: PartyAnswer

    @classmethod
    def of(cls, view: PartyView, item_ids: set[UUID]) -> OrderedAnswer:
        ordered = [ItemAnswer.of(each) for each in view.items if each.item.id in item_ids]
        return cls(ordered=ordered, party=PartyAnswer.of(view))
