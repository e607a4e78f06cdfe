"""How a dish may be had: groups of choices, so many of each, some at a price. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from facepay.catalog.products import Allergen
from facepay.kernel.errors import Problem
from facepay.kernel.schemas import AMOUNT_MAX, Line, Request

GROUPS_MAX, CHOICES_MAX = 10, 30
Label = Annotated[Line, StringConstraints(max_length=40)]


class OptionsInvalid(Problem):
    """The dish doesn't come like that: `group` says where, or another course was asked for than it is served in."""

    status = 422
    code = "options_invalid"
    title = "Not to be had like that"


class Choice(Request):
    """`allergens` come on top of the dish's own."""

    name: Annotated[Label, Field(examples=["Peanut sauce"])]
    price: Annotated[
        int, Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX, strict=True, description="On top of the dish's, in minor units.")
    ] = 0
    allergens: list[Allergen] = Field(default=[], max_length=len(Allergen))
    ingredients: list[Label] = Field(default=[], max_length=20)


class OptionGroup(Request):
    name: Annotated[Label, Field(examples=["Sauce"])]
    least: Annotated[int, Field(ge=0, le=CHOICES_MAX, strict=True)] = 0
    most: Annotated[int, Field(ge=1, le=CHOICES_MAX, strict=True)] = 1
    choices: Annotated[list[Choice], Field(min_length=1, max_length=CHOICES_MAX)]

    @model_validator(mode="after")
    def _can_be_chosen(self) -> Self:
        if len({choice.name for choice in self.choices}) != len(self.choices):
            raise ValueError("no two choices of a group have one name")
        if not self.least <= self.most <= len(self.choices):
            raise ValueError("least is at most most, and most at most as many as there are choices")
        return self


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen, in the menu's order, and what it adds to the dish."""

    options: tuple[tuple[str, Choice], ...] = ()

    @property
    def price(self) -> int:
        return sum(choice.price for _, choice in self.options)

    @property
    def allergens(self) -> set[Allergen]:
        return {allergen for _, choice in self.options for allergen in choice.allergens}

    @property
    def ingredients(self) -> list[str]:
        return [each for _, choice in self.options for each in choice.ingredients]

    @property
    def words(self) -> tuple[str, ...]:
        """For the kitchen."""
        return tuple(f"{group}: {choice.name}" for group, choice in self.options)

    def kept(self) -> list[dict[str, str | int]]:
        return [{"group": group, "choice": choice.name, "price": choice.price} for group, choice in self.options]


def choose(groups: Sequence[OptionGroup], wanted: Mapping[str, Sequence[str]]) -> Chosen:
    """`wanted` are choices by group, each at most once. Raises OptionsInvalid."""
    if unknown := sorted(wanted.keys() - {group.name for group in groups}):
        raise OptionsInvalid("The dish has no such options.", group=unknown[0])
    chosen: list[tuple[str, Choice]] = []
    for group in groups:
        names = wanted.get(group.name, ())
        found = [choice for choice in group.choices if choice.name in names]
        if len(found) != len(names) or not group.least <= len(found) <= group.most:
            raise OptionsInvalid(
                "Choose as many as there are to choose, each once.",
                group=group.name,
                least=group.least,
                most=group.most,
            )
        chosen += [(group.name, choice) for choice in found]
    return Chosen(tuple(chosen))
