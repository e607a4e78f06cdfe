"""Where things lie in a picture: figures as fractions of its width and height, and the ticks of its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
Ticks = list[tuple[float, T]]
TICKS = 4
LABELS_MAX = 8
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def upright(highest: int) -> tuple[int, Ticks[int]]:
    """Where an axis from 0 that has to reach `highest` ends, and its round ticks: 1, 2 or 5 and zeros apart."""
    least = max(1, -(-highest // TICKS))
    power: int = 10 ** (len(str(least)) - 1)
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= least)
    count = max(1, -(-highest // step))
    return step * count, [(number / count, step * number) for number in range(count + 1)]


def heights(values: Sequence[int], top: int) -> list[float]:
    return [value / top for value in values]


def along(labels: Sequence[T], labels_max: int = LABELS_MAX) -> Ticks[T]:
    """Each of these, or every so many of them, below the middle of its bar."""
    every = -(-len(labels) // labels_max) or 1
    return [((number + 0.5) / len(labels), label) for number, label in enumerate(labels) if number % every == 0]


def decade(power: int) -> str:
    return f"10{str(power).translate(SUPERSCRIPTS)}"


def falling(rate: float, lowest: int) -> float:
    """The place of a rate on an axis of powers of ten, from 10 to the `lowest` up to 1."""
    return max(0.0, 1 - math.log10(rate) / lowest)
