"""Which of the tags that a portal reads are in this passage: pure judgement, the same in whatever order reads come.

A reader reports a tag as often as the air allows, so reads aren't counted: tenths of a second in which the tag
answered are (epochs, as in SMURF: Jeffery, Garofalakis, Franklin, VLDB 2006), each with its strongest signal. Taking
the stronger of two is idempotent and commutative, so that a part that comes late, twice, or cut another way changes
nothing. All times are by the lane's own clock: passages compare tags by strength, never by two devices' times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from facepay.catalog.epc import EpcUnreadable, Sgtin, decode_sgtin96

EPOCH = timedelta(milliseconds=100)
LEAD = timedelta(seconds=5)  # before the passage opened: the most that a policy's slack may be
EPOCHS_MAX = 1200  # two minutes: no passage lasts longer
UNSEEN, LEVEL_ZERO_DBM = 0, -129


@dataclass(frozen=True, slots=True)
class TagRead:
    """One read; `rssi_dbm` is the peak that the reader reports, a signed byte in LLRP's PeakRSSI."""

    epc: str
    rssi_dbm: float
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Signal:
    """How well one tag was seen in one passage: a byte for each epoch, from LEAD before the passage opened.

    0 is unseen, 1 to 255 are -128 to 126 dBm; later epochs that saw nothing are left off. A tag that was read at
    other times only has no bytes.
    """

    levels: bytes = b""

    def __or__(self, other: Signal) -> Signal:
        """Both reports as one."""
        return Signal(bytes(max(pair) for pair in zip_longest(self.levels, other.levels, fillvalue=UNSEEN)))

    @property
    def epochs_seen(self) -> int:
        return len(self.levels) - self.levels.count(UNSEEN)

    def strength_dbm(self, epochs: int) -> float:
        """What it was as strong as in that many epochs: fewer flukes than that don't count. -inf if never seen so."""
        if self.epochs_seen < epochs:
            return float("-inf")
        return sorted(self.levels)[-epochs] + LEVEL_ZERO_DBM


@dataclass(frozen=True, slots=True)
class Window:
    """When a passage was, by its lane's clock; `finished_at` is None while it goes on."""

    opened_at: datetime
    finished_at: datetime | None = None

    def epoch_of(self, moment: datetime, slack: timedelta = timedelta()) -> int:
        return (moment - self.opened_at + LEAD + slack) // EPOCH

    def cut(self, signal: Signal, slack: timedelta) -> Signal:
        """Without what was seen outside the window by more than the slack."""
        first = max(0, self.epoch_of(self.opened_at, -slack))
        last = EPOCHS_MAX if self.finished_at is None else self.epoch_of(self.finished_at, slack)
        return Signal(signal.levels[first : max(first, last + 1)])


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """What it takes for a tag to be in a passage; each lane's walls and antennas ask for their own.

    `epochs_min`: a walk through a portal of 2 m takes over a second, twenty epochs; three leave room for a hand in
    front of the tag, and a reflection seldom lasts that long.
    `rssi_min_dbm`: by the radar equation (4 W EIRP at 920 MHz, 6 dBi, dipole tag) a tag answers with -25 dBm from
    1 m and -61 from 8 m; a body in between takes 10 to 20 dB.
    `rssi_margin_db`: backscatter falls with the fourth power of distance, so 6 dB are 1.4 times as far.
    `ratio_min`: with the same strength, whoever saw it so many times as long.
    """

    epochs_min: int = 3
    rssi_min_dbm: float = -65.0
    rssi_margin_db: float = 6.0
    ratio_min: float = 2.0
    slack: timedelta = timedelta(seconds=1)

    def doubt(self, signal: Signal) -> str | None:
        """Why a tag seen so isn't in the passage, or None."""
        if signal.epochs_seen == 0:
            return "outside_window"
        if signal.epochs_seen < self.epochs_min:
            return "too_few_reads"
        if self.strength_dbm(signal) < self.rssi_min_dbm:
            return "too_weak"
        return None

    def strength_dbm(self, signal: Signal) -> float:
        return signal.strength_dbm(self.epochs_min)


class Owner(StrEnum):
    MINE = "mine"
    NEIGHBOURS = "neighbours"
    DISPUTED = "disputed"


class Standing(StrEnum):
    TAKEN = "taken"  # it is in this passage
    STRAY = "stray"  # it is elsewhere: reason says how that shows
    DISPUTED = "disputed"  # it is here or in the neighbouring lane
    UNREADABLE = "unreadable"  # it is here, and no product's


@dataclass(frozen=True, slots=True)
class JudgedTag:
    """`reason`: too_few_reads, too_weak, outside_window or neighbours of a stray, EpcUnreadable's of an unreadable."""

    epc: str
    standing: Standing
    sgtin: Sgtin | None = None
    reason: str | None = None


def signals_of(reads: Iterable[TagRead], window: Window) -> dict[str, Signal]:
    """What one report says of each tag, by EPC in upper case; to be merged with what earlier ones said."""
    strips: dict[str, bytearray] = {}
    for read in reads:
        strip = strips.setdefault(read.epc.upper(), bytearray())
        epoch = window.epoch_of(read.read_at)
        if 0 <= epoch < EPOCHS_MAX:
            strip.extend(bytes(max(0, epoch + 1 - len(strip))))
            strip[epoch] = max(strip[epoch], _level(read.rssi_dbm))
    return {epc: Signal(bytes(strip)) for epc, strip in strips.items()}


def owner(mine: Signal, theirs: Signal, policy: ReadPolicy) -> Owner:
    """Whose tag it is that two lanes saw: the one that saw it clearly stronger, or as strong and far longer.

    Asked the other way round, the answer is the other way round: both lanes find the same.
    """
    if policy.doubt(theirs):
        return Owner.MINE
    if policy.doubt(mine):
        return Owner.NEIGHBOURS
    lead_db = policy.strength_dbm(mine) - policy.strength_dbm(theirs)
    if abs(lead_db) >= policy.rssi_margin_db:
        return Owner.MINE if lead_db > 0 else Owner.NEIGHBOURS
    if mine.epochs_seen >= policy.ratio_min * theirs.epochs_seen:
        return Owner.MINE
    if theirs.epochs_seen >= policy.ratio_min * mine.epochs_seen:
        return Owner.NEIGHBOURS
    return Owner.DISPUTED


def judge_tags(
    signals: Mapping[str, Signal],
    *,
    window: Window,
    policy: ReadPolicy,
    neighbours: Mapping[str, Sequence[Signal]] | None = None,
) -> list[JudgedTag]:
    """What each tag that was read is to this passage, by EPC.

    `neighbours` are what passages of other lanes at the same time saw of the same tags, each cut to its own window.
    """
    elsewhere = neighbours or {}
    return [
        _judge(epc, window.cut(signal, policy.slack), policy, elsewhere.get(epc, ()))
        for epc, signal in sorted(signals.items())
    ]


def _judge(epc: str, signal: Signal, policy: ReadPolicy, elsewhere: Sequence[Signal]) -> JudgedTag:
    if doubt := policy.doubt(signal):
        return JudgedTag(epc, Standing.STRAY, reason=doubt)
    owners = {owner(signal, theirs, policy) for theirs in elsewhere}
    if Owner.NEIGHBOURS in owners:
        return JudgedTag(epc, Standing.STRAY, reason="neighbours")
    try:
        sgtin = decode_sgtin96(epc)
    except EpcUnreadable as unreadable:
        return JudgedTag(epc, Standing.UNREADABLE, reason=unreadable.reason)
    return JudgedTag(epc, Standing.DISPUTED if Owner.DISPUTED in owners else Standing.TAKEN, sgtin=sgtin)


def _level(rssi_dbm: float) -> int:
    return min(255, max(1, round(rssi_dbm) - LEVEL_ZERO_DBM))
