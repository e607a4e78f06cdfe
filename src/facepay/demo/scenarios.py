"""What the demo can play, by name: all that the command line has to know before it loads anything."""

from __future__ import annotations

from enum import StrEnum


class Scenario(StrEnum):
    DAY = "day"
    LANE = "lane"
    SHELVES = "shelves"
    COUNTER = "counter"
    SMILE = "smile"
    ONLINE = "online"
    BOX = "box"
    WAREHOUSE = "warehouse"
    DRIVE = "drive"
    RESTAURANT = "restaurant"
    FITTING = "fitting"
