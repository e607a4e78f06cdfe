"""What of a member's card each kind of device may show, and why: in one table, by who else may read the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Literal

from facepay.stores.devices import DeviceRole

Onlooker = DeviceRole | Literal["staff"]


class Part(Enum):
    FIRST_NAME = auto()  # in the place of the whole name
    NAME = auto()
    BIRTHDAY = auto()  # that it is today or near: never which one
    TIER = auto()
    POINTS = auto()
    GIFT = auto()
    FAMILY = auto()  # that a family pays: never who
    COUPONS = auto()  # and with them the birthday's
    USUAL = auto()
    RECOMMENDED = auto()


@dataclass(frozen=True, slots=True)
class Showing:
    why: str
    parts: frozenset[Part] = frozenset()


EVERYTHING = frozenset(Part) - {Part.FIRST_NAME}
NOTHING = Showing("it serves nobody whom it recognises by name")

SHOWN: Mapping[Onlooker, Showing] = MappingProxyType(
    {
        "staff": Showing("whoever may read members and rewards finds all of it elsewhere too", EVERYTHING),
        DeviceRole.KIOSK: Showing("one person stands before it, close, and is about to pay", EVERYTHING),
        DeviceRole.TABLE: Showing("it lies before those who sit there together", EVERYTHING),
        DeviceRole.MIRROR: Showing("it hangs in a cabin, where one person is", EVERYTHING),
        DeviceRole.LANE: Showing(
            "others queue behind, and it stands still for seconds",
            frozenset({Part.FIRST_NAME, Part.TIER, Part.POINTS, Part.FAMILY}),
        ),
        DeviceRole.GATE: Showing(
            "it greets whoever walks through, in front of everybody", frozenset({Part.FIRST_NAME, Part.BIRTHDAY})
        ),
        DeviceRole.DISPLAY: Showing("everybody in the shop can read it", frozenset({Part.FIRST_NAME})),
        DeviceRole.VENDING: Showing(
            "it hands out a car in the street, for which no tier or coupon counts", frozenset({Part.FIRST_NAME})
        ),
        DeviceRole.SHELF: NOTHING,
        DeviceRole.KITCHEN: NOTHING,
        DeviceRole.WEBSHOP: NOTHING,
        DeviceRole.DOOR: NOTHING,
        DeviceRole.READER: NOTHING,
        DeviceRole.CAMERA: NOTHING,
        DeviceRole.MONITOR: NOTHING,
    }
)


def first_name(display_name: str) -> str:
    """What of a name others may read: its first word. One without spaces keeps its family name to itself where it is
    written in Han characters, as payment apps show it.
    """
    word, *rest = display_name.split()
    is_han = all("\u4e00" <= each <= "\u9fff" for each in word)
    return f"*{word[1:]}" if is_han and not rest and len(word) > 1 else word
