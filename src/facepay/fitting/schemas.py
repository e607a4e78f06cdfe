"""What is said, advised and priced before a mirror."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from facepay.catalog.schemas import Colour
from facepay.checkout.benefits import Wish
from facepay.checkout.schemas import COUPONS_MAX, LINES_MAX, BasketLine, DiscountAnswer
from facepay.fitting.baskets import Quote
from facepay.fitting.garment_schemas import Size
from facepay.fitting.outfits import Candidate, Kind, Outfit
from facepay.fitting.wardrobe import Wardrobe
from facepay.kernel.schemas import AMOUNT_MAX, Answer, Code, Request
from facepay.recommender.verdicts import Verdict
from facepay.rewards.schemas import CouponCode

Score = Annotated[float, AfterValidator(lambda value: round(value, 4)), Field(description="0 to 1.")]


class Sizes(Request):
    """What somebody says they wear. A kind that is left out is taken from what they bought last, if anything."""

    sizes: Annotated[dict[Kind, Size], Field(examples=[{"top": "M", "shoes": "42"}])]


class PieceAnswer(Answer):
    sku: str
    name: str
    style: str
    kind: Kind
    size: str | None
    colour: str
    price: Annotated[int, Field(description="In minor units, nothing taken off.")]

    @classmethod
    def of(cls, piece: Candidate, wardrobe: Wardrobe) -> Self:
        garment = wardrobe.garments[piece.product_id]
        return cls(
            sku=garment.sku,
            name=piece.name,
            style=piece.style,
            kind=piece.kind,
            size=garment.size,
            colour=garment.colour or "",
            price=piece.price,
        )


class OutfitAnswer(Answer):
    number: Annotated[int, Field(description="Its card is at `…/outfits/{number}.png`.")]
    pieces: list[PieceAnswer]
    score: Score
    harmony: Annotated[str, Field(description="The rule by which the colours go together.")]
    reasons: list[str]
    total: Annotated[int, Field(description="In minor units, at list prices.")]
    your_price: Annotated[int, Field(description="With the tier's discount of the member, or whoever pays for them.")]

    @classmethod
    def of(cls, outfit: Outfit, number: int, wardrobe: Wardrobe) -> Self:
        return cls(
            number=number,
            pieces=[PieceAnswer.of(piece, wardrobe) for piece in outfit.pieces],
            score=outfit.score,
            harmony=outfit.harmony.rule,
            reasons=list(outfit.reasons),
            total=outfit.total,
            your_price=wardrobe.price(outfit),
        )


class OutfitsAnswer(Answer):
    """The best first; none where the garments don't make any."""

    outfits: list[OutfitAnswer]
    currency: str
    tier: str | None
    sizes: Annotated[dict[Kind, str], Field(description="Those that were asked for; of other kinds any may come.")]
    occasions: Annotated[list[str], Field(description="Those that there are garments for here.")]
    profiled: bool


class PieceWanted(Request):
    """A sku, or a style with what is wanted of it."""

    sku: Code | None = None
    style: Code | None = None
    size: Annotated[Size | None, Field(examples=["M"])] = None
    colour: Colour | None = None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if (self.sku is None) == (self.style is None):
            raise PydanticCustomError("sku_or_style", "send either a sku or a style")
        if self.sku is not None and (self.size or self.colour):
            raise PydanticCustomError("sku_says_all", "a sku has one size and one colour")
        return self


class Said(Request):
    """Of one garment, in its colour, or of an outfit by its number."""

    sku: Code | None = None
    outfit: Annotated[int | None, Field(ge=1, le=10**6, strict=True)] = None
    verdict: Verdict

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if (self.sku is None) == (self.outfit is None):
            raise PydanticCustomError("sku_or_outfit", "send either a sku or an outfit's number")
        return self


class SaidAnswer(Answer):
    learnt: Annotated[bool, Field(description="Whether it is kept beyond this session: of who agreed to profiling.")]


class BasketWanted(Request):
    """Without lines, what was brought in this session."""

    lines: Annotated[list[BasketLine], Field(max_length=LINES_MAX)] = Field(default=[])
    coupons: list[CouponCode] = Field(default=[], max_length=COUPONS_MAX)
    redeem_points: Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True)] = 0

    def quantities(self) -> dict[str, int]:
        total = Counter[str]()
        for line in self.lines:
            total[line.sku] += line.quantity
        return dict(total)

    def wish(self) -> Wish:
        return Wish(tuple(dict.fromkeys(self.coupons)), self.redeem_points)


class QuotedLine(Answer):
    sku: str
    name: str
    quantity: int
    unit_price: int
    total: int


class BasketAnswer(Answer):
    """What it would cost now; paying is the kiosk's."""

    code: Annotated[str, Field(description="`offered`, or why it can't be bought so: `insufficient_points`, …")]
    lines: list[QuotedLine]
    discounts: list[DiscountAnswer]
    total: Annotated[int, Field(description="In minor units, discounts off.")]
    points: Annotated[int, Field(description="How many points pay for part of it.")]
    points_value: int
    gift: int
    wallet: int
    points_earned: int
    currency: str

    @classmethod
    def of(cls, quote: Quote) -> Self:
        basket, offer = quote.basket, quote.offer
        tender = offer.tender if offer else None
        return cls(
            code=quote.refused.code if quote.refused else "offered",
            lines=[
                QuotedLine(
                    sku=line.sku, name=line.name, quantity=line.quantity, unit_price=line.unit_price, total=line.total
                )
                for line in basket.lines
            ],
            discounts=[
                DiscountAnswer(reason=discount.reason, label=discount.label, amount=amount)
                for discount, amount in basket.discounts
            ],
            total=basket.total,
            points=tender.points if tender else 0,
            points_value=tender.points_value if tender else 0,
            gift=tender.gift if tender else 0,
            wallet=tender.wallet if tender else 0,
            points_earned=offer.points_earned if offer else 0,
            currency=basket.currency,
        )
