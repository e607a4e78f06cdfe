"""The ledger as a child would keep it: dictionaries, one posting after another."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from facepay.wallet.ledger import Posting


@dataclass
class Hold:
    account: UUID
    unit: str
    amount: int
    expires_at: datetime | None
    captured: int = 0
    released: int = 0

    @property
    def remaining(self) -> int:
        return self.amount - self.captured - self.released


@dataclass
class Model:
    """`floors` and `ceilings` have the strict accounts; every other one is hot."""

    units: dict[UUID, str]
    floors: dict[UUID, int]
    ceilings: dict[UUID, int]
    posted: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    holds: dict[UUID, Hold] = field(default_factory=dict)
    made: dict[UUID, Posting] = field(default_factory=dict)
    entries: dict[UUID, list[tuple[UUID, str, int]]] = field(default_factory=dict)
    refunded: dict[tuple[UUID, str], int] = field(default_factory=lambda: defaultdict(int))
    keys: dict[str, UUID] = field(default_factory=dict)

    def post(self, batch: list[Posting]) -> list[str]:
        codes: list[str] = []
        known = set(self.made)  # a target must have been posted by an earlier call
        chain: list[int] = []
        before: Model | None = None
        broken = False
        for number, posting in enumerate(batch):
            if posting.linked and not chain:
                before = self._copy()
            code = self._one(posting, known, broken)
            codes.append(code)
            chain.append(number)
            if before and not broken and code not in ("ok", "replayed"):
                broken = True
                self.__dict__.update(before.__dict__)
                for earlier in chain[:-1]:
                    if codes[earlier] == "ok":
                        codes[earlier] = "linked_failed"
            if not posting.linked:
                chain, before, broken = [], None, False
        return codes

    def _copy(self) -> Model:
        other = copy(self)
        for name in ("posted", "held", "made", "entries", "refunded", "keys"):
            setattr(other, name, copy(getattr(self, name)))
        other.holds = {hold_id: copy(hold) for hold_id, hold in self.holds.items()}
        return other

    def _one(self, posting: Posting, known: set[UUID], broken: bool) -> str:
        if posting.key in self.keys:
            earlier = self.keys[posting.key]
            return "replayed" if earlier in known and self._same(self.made[earlier], posting) else "key_reused"
        if broken:
            return "linked_failed"
        attempt = self._copy()
        code = attempt._try(posting, known)
        if code == "ok":
            self.__dict__.update(attempt.__dict__)
        return code

    def _same(self, made: Posting, again: Posting) -> bool:
        said = (made.kind, made.cause, made.target_id) == (again.kind, again.cause, again.target_id)
        return said and set(made.entries) == set(again.entries)

    def _try(self, posting: Posting, known: set[UUID]) -> str:
        entries = [(entry.account_id, entry.unit, entry.amount) for entry in posting.entries]
        holder, freed = None, 0
        if posting.target_id is not None:
            if posting.target_id not in known:
                return "target_not_found"
            if posting.kind == "reversal":
                entries = [(a, unit, -amount) for a, unit, amount in self.entries[posting.target_id] if amount]
            refused, holder, freed = self._draw(posting, entries)
            if refused:
                return refused
        if posting.kind in ("void", "expiry"):
            assert holder
            entries = [(holder, self.units[holder], 0)]
        if posting.kind == "hold":
            ((account, unit, amount),) = entries
            holder, freed = account, amount
            self.holds[posting.id] = Hold(account, unit, -amount, posting.expires_at)
            entries = [(account, unit, 0)]
        refused = self._move(entries, holder, freed)
        if refused:
            return refused
        self.made[posting.id], self.entries[posting.id], self.keys[posting.key] = posting, entries, posting.id
        return "ok"

    def _move(self, entries: list[tuple[UUID, str, int]], holder: UUID | None, freed: int) -> str | None:
        sums: dict[str, int] = defaultdict(int)
        for account, unit, amount in entries:
            if self.units[account] != unit:
                return "unit_mismatch"
            before = self.posted[account] - self.held[account]
            self.posted[account] += amount
            self.held[account] -= freed if account == holder else 0
            after = self.posted[account] - self.held[account]
            if account in self.floors and after < before and after < self.floors[account]:
                return "insufficient_funds"
            if account in self.ceilings and amount > 0 and self.posted[account] > self.ceilings[account]:
                return "ceiling_exceeded"
            sums[unit] += amount
        return "unbalanced" if any(sums.values()) else None

    def _draw(self, posting: Posting, entries: list[tuple[UUID, str, int]]) -> tuple[str | None, UUID | None, int]:
        assert posting.target_id is not None
        target = self.made[posting.target_id]
        if posting.kind in ("refund", "reversal"):
            if target.kind not in ("transfer", "capture") and (posting.kind, target.kind) != ("reversal", "refund"):
                return "not_refundable", None, 0
            for unit in {unit for _, unit, _ in self.entries[target.id]}:
                moved = sum(amount for _, u, amount in self.entries[target.id] if u == unit and amount > 0)
                given = sum(amount for _, u, amount in entries if u == unit and amount > 0)
                already = self.refunded[target.id, unit]
                if (posting.kind == "reversal" and already) or already + given > moved:
                    return "over_refund", None, 0
                self.refunded[target.id, unit] += given
            return None, None, 0
        hold = self.holds.get(target.id)
        if hold is None:
            return "target_not_found", None, 0
        taken = -sum(amount for account, _, amount in entries if account == hold.account)
        if hold.remaining == 0:
            return "hold_not_open", None, 0
        if posting.kind == "expiry" and not (hold.expires_at and hold.expires_at <= posting.event_at):
            return "hold_not_expired", None, 0
        if posting.kind == "capture" and hold.expires_at and hold.expires_at <= posting.event_at:
            return "hold_expired", None, 0
        if taken > hold.remaining:
            return "over_capture", None, 0
        freed = taken if posting.keep_open else hold.remaining
        hold.captured += taken
        hold.released += freed - taken
        return None, hold.account, freed
