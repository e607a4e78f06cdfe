"""A calibration from a shop's own members: their templates, unsealed in memory, each against everybody else's.

A gallery of a million makes half a trillion pairs, a day's work for one processor. Members are drawn at random
instead, and all pairs among them compared: 30,000 make 450 million, half a minute's work. The tail is fitted to what
was seen as before, so that rates down to some ten over the pairs are seen and lower ones foretold; the interval says
how sure that is. What a sample can't do is find every two members who look alike: of those pairs it sees the square
of its share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from uuid import UUID

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.calibration.calibration import Calibration
from facepay.calibration.impostors import (
    Counts,
    Floats,
    Impostors,
    Progress,
    TooFewPeople,
    compare,
    genuine_histogram,
    histogram,
    probes_of,
    references_of,
)
from facepay.calibration.tail import Fit, fit, raised
from facepay.identity.lookalikes import Pair, mark_measured, pair_of
from facepay.kernel.database import Database
from facepay.templates.keeper import unsealed
from facepay.templates.protection import Protection
from facepay.templates.templates import Change, Template, changes_after, lock_gallery

# So seldom would any pair of a whole run be as alike by chance: rather one person under two names, or twins.
SUSPICIOUS_RUNS = 0.01
PAIRS_MAX = 5_000


@dataclass(frozen=True, slots=True, repr=False)
class Sample:
    """Members drawn at random, in random order, and their rotated templates; out of so many members and templates."""

    members: Sequence[UUID]
    templates_of: Sequence[Sequence[Floats]]
    members_in_all: int
    templates_in_all: int

    @property
    def share(self) -> float:
        return len(self.members) / max(1, self.members_in_all)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Measured:
    """The fit, and all that it was made from. Pairs from `suspicious` on are hardly two strangers."""

    fit: Fit
    impostors: Impostors
    genuine: Counts
    suspicious: float


async def draw(
    database: Database,
    *,
    protection: Protection,
    pack: str,
    members_max: int,
    seed: int,
    progress: Progress | None = None,
) -> Sample:
    """About `members_max` members, all where there are no more. Raises GalleryLocked.

    `progress` counts templates read.
    """
    templates_of: dict[UUID, list[Floats]] = {}
    async with database.begin() as session:
        of_pack = select(func.count(Template.member_id.distinct()), func.count()).where(Template.pack == pack)
        members, templates = (await session.execute(of_pack)).one()
        seen, share = 0, members_max / max(1, members)
        async for changes in changes_after(session, version=0, pack=pack):
            chosen = [each for each in changes if each.sealed is not None and _place(each.owner_id, seed) < share]
            await asyncio.to_thread(_unseal_into, templates_of, chosen, protection)
            seen += sum(change.sealed is not None for change in changes)
            if progress:
                progress(seen, templates)
    found = sorted((member for member, own in templates_of.items() if own), key=lambda member: _place(member, seed))
    return Sample(found, [templates_of[member] for member in found], members, templates)


def measure(
    templates_of: Sequence[Sequence[Floats]],
    *,
    in_use: Calibration,
    source: str,
    fused: bool = True,
    leave_out_suspicious: bool = False,
    false_matches: Sequence[float] = (),
    true_matches: Sequence[float] = (),
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Measured:
    """Compare all of these people as a search would, and fit the tail. Raises TooFewPeople.

    Not `fused`, each template is a reference of its own. `false_matches` and `true_matches` are cosines of
    decisions that staff found to be wrong and right. False ones raise thresholds, or change nothing.
    """
    if len(templates_of) < 2:
        raise TooFewPeople("There are no two people to be compared.")
    probes = probes_of(templates_of)
    references = references_of(templates_of) if fused else probes
    impostors = compare(probes, references, progress=progress, stop=stop)
    suspicious = in_use.similarity_at(SUSPICIOUS_RUNS / max(1, impostors.pairs))
    leave_out_above = suspicious if leave_out_suspicious else None
    fitted = fit(impostors, pack=in_use.pack, source=source, leave_out_above=leave_out_above)
    if false_matches:
        left = impostors.without_above(leave_out_above) if leave_out_above else impostors
        fitted = raised(fitted, fit(left.with_false_matches(false_matches), pack=in_use.pack, source=source))
        impostors = impostors.with_false_matches(false_matches)
    genuine = genuine_histogram(templates_of) + histogram(np.asarray(true_matches, np.float32))
    return Measured(fitted, impostors, genuine, suspicious)


def alike(sample: Sample, impostors: Impostors, *, least: float) -> dict[Pair, float]:
    """The pairs of members who are as alike as that, the most alike first, `PAIRS_MAX` at the most."""
    found = impostors.highest.above(least)
    pairs: dict[Pair, float] = {}
    for cosine, (one, other) in zip(found.cosines.tolist(), found.pairs.tolist(), strict=True):
        if max(one, other) < len(sample.members):  # not a false match, whose people nobody knows
            pairs.setdefault(pair_of(sample.members[one], sample.members[other]), cosine)
    return dict(islice(pairs.items(), PAIRS_MAX))


async def mark_alike(session: AsyncSession, *, pairs: dict[Pair, float], now: datetime) -> int:
    """Mark pairs whose faces are both still enrolled; returns how many were not marked yet."""
    await lock_gallery(session)
    members = {member for pair in pairs for member in pair}
    enrolled = set(await session.scalars(select(Template.member_id).where(Template.member_id.in_(members)).distinct()))
    return await mark_measured(
        session, pairs={pair: cosine for pair, cosine in pairs.items() if enrolled.issuperset(pair)}, now=now
    )


def _place(member_id: UUID, seed: int) -> float:
    """A number from 0 to 1, as random as the seed, by which members are drawn and put in order."""
    digest = blake2b(member_id.bytes, digest_size=7, key=seed.to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") / 2.0**56


def _unseal_into(templates_of: dict[UUID, list[Floats]], changes: Sequence[Change], protection: Protection) -> None:
    for change in changes:
        templates_of.setdefault(change.owner_id, []).extend(unsealed(change, protection))
