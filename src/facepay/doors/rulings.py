"""What comes of what people give at a door. No database and no clock: the same in, the same out.

Nobody is told which of their factors was wrong: one that proves nothing counts as given, so that whoever found a badge
is asked for its PIN as its holder would be, and refused at the same point as for a wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args
from uuid import UUID

from facepay.access.policies import Factor

FactorSet = frozenset[Factor]
FACTORS: tuple[Factor, ...] = get_args(Factor)
# Says who somebody is, and of another than the factors before it: that is somebody else's badge, whatever comes after.
OTHER_HOLDER = "other_holder"


@dataclass(frozen=True, slots=True)
class Given:
    """One factor as it was given; `fault` is why it proves nothing."""

    factor: Factor
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Claimant:
    """Somebody who wants to pass, what they gave, and which sets of factors the rule for them takes, any of these.

    `holder_id` is None until something that is proven says who they are.
    """

    holder_id: UUID | None
    given: tuple[Given, ...]
    sets: tuple[FactorSet, ...]
    persons: int = 1  # that the rule for them wants to be there

    @property
    def missing(self) -> tuple[FactorSet, ...]:
        """What is still to be given, any of these; nothing where a whole set was given, proven or not."""
        given = {each.factor for each in self.given}
        rest = {each - given for each in self.sets}
        if frozenset() in rest:
            return ()
        least = {each for each in rest if not any(other < each for other in rest)}
        return tuple(sorted(least, key=lambda each: (len(each), sorted(map(FACTORS.index, each)))))

    @property
    def is_complete(self) -> bool:
        return not self.missing

    @property
    def fault(self) -> str | None:
        """Why they are not proven to be who they say, where they aren't; the same in whatever order they gave it."""
        if any(each.fault == OTHER_HOLDER for each in self.given):
            return OTHER_HOLDER
        proven = {each.factor for each in self.given if each.fault is None}
        if self.holder_id is not None and any(each <= proven for each in self.sets):
            return None
        faults = sorted((FACTORS.index(each.factor), each.fault) for each in self.given if each.fault)
        return faults[0][1] if faults else "nobody_named"  # a PIN alone


@dataclass(frozen=True, slots=True)
class More:
    """`missing` of the person who is giving factors now, and how many persons still have to, them included."""

    missing: tuple[FactorSet, ...]
    persons_left: int


@dataclass(frozen=True, slots=True)
class Denied:
    code: str


@dataclass(frozen=True, slots=True)
class Granted:
    pass


Ruling = More | Denied | Granted


def rule_on(
    claimants: Sequence[Claimant], *, newcomer: Sequence[FactorSet], persons: int = 1, barriers: Sequence[str] = ()
) -> Ruling:
    """`newcomer` is what is asked of somebody nothing is known of, and `persons` how many have to come if nobody is
    there yet.

    `barriers` are reasons, other than their factors, why these people may not pass here and now: the first is the
    code. Until everybody has given all they have to, neither those nor wrong factors come to light.
    """
    needed = max((each.persons for each in claimants), default=persons)
    complete = sum(each.is_complete for each in claimants)
    if complete < max(needed, len(claimants)):
        last = claimants[-1] if claimants and not claimants[-1].is_complete else None
        return More(last.missing if last else tuple(newcomer), max(needed, len(claimants)) - complete)
    if faults := [fault for each in claimants if (fault := each.fault)]:
        return Denied(faults[0])
    if len({each.holder_id for each in claimants}) < len(claimants):
        return Denied("same_holder")
    return Denied(barriers[0]) if barriers else Granted()
