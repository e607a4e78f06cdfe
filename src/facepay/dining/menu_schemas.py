"""Menus as the API shows them."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from facepay.catalog.products import Allergen, Product
from facepay.dining.items import COURSES_MAX
from facepay.dining.menu import MenuItem
from facepay.dining.menus import Entry
from facepay.dining.options import GROUPS_MAX, Choice, OptionGroup
from facepay.kernel.schemas import Answer, Line, Request

Course = Annotated[int, Field(ge=1, le=COURSES_MAX, strict=True)]


def _different(courses: list[int]) -> list[int]:
    if len(set(courses)) != len(courses):
        raise ValueError("each course once")
    return courses


class NewDish(Request):
    section: Annotated[Line, StringConstraints(max_length=80), Field(examples=["Noodles"])]
    position: Annotated[int, Field(ge=0, le=9999, strict=True, description="In its section.")] = 0
    courses: Annotated[list[Course], AfterValidator(_different)] = Field(
        default=[1],
        min_length=1,
        max_length=COURSES_MAX,
        description="In which it is served, its usual one first.",
    )
    options: list[OptionGroup] = Field(default=[], max_length=GROUPS_MAX)
    schedule_id: Annotated[UUID | None, Field(description="When it is to be had; null: always.")] = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if len({group.name for group in self.options}) != len(self.options):
            raise ValueError("no two groups of options have one name")
        return self


class DishAnswer(Answer):
    sku: str
    name: str
    section: str
    position: int
    courses: list[int]
    options: list[OptionGroup]
    schedule_id: UUID | None

    @classmethod
    def of(cls, item: MenuItem, product: Product) -> DishAnswer:
        return cls(
            sku=product.sku,
            name=product.name,
            section=item.section,
            position=item.position,
            courses=item.courses,
            options=item.groups,
            schedule_id=item.schedule_id,
        )


class ChoiceShown(Choice):
    fits: Annotated[bool, Field(description="Whether whoever sits there may have it with this.")]


class GroupShown(Answer):
    name: str
    least: int
    most: int
    choices: list[ChoiceShown]


class DishShown(Answer):
    sku: str
    name: str
    section: str
    price: Annotated[int, Field(description="In minor units.")]
    courses: list[int]
    options: list[GroupShown]
    allergens: Annotated[list[Allergen] | None, Field(description="All that are in it; null: undeclared.")]
    fits: Annotated[
        bool, Field(description="False where it isn't for whoever sits there, or nobody can say: the guest knows why.")
    ]
    sold_out: bool
    age_min: Annotated[int | None, Field(description="Nobody younger may have it.")]
    suggested: Annotated[str | None, Field(description="Why it is recommended, where it is.")]

    @classmethod
    def of(cls, entry: Entry) -> DishShown:
        item, product = entry.offered.item, entry.offered.product
        return cls(
            sku=product.sku,
            name=product.name,
            section=item.section,
            price=product.price,
            courses=item.courses,
            options=[_shown(group, entry) for group in item.groups],
            allergens=product.allergens,
            fits=entry.fits,
            sold_out=entry.offered.sold_out,
            age_min=product.age_min,
            suggested=entry.suggested,
        )


class MenuAnswer(Answer):
    currency: str
    dishes: list[DishShown]


def _shown(group: OptionGroup, entry: Entry) -> GroupShown:
    choices = [
        ChoiceShown(**choice.model_dump(), fits=(group.name, choice.name) not in entry.unfit)
        for choice in group.choices
    ]
    return GroupShown(name=group.name, least=group.least, most=group.most, choices=choices)
