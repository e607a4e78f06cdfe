"""The rows of a gallery in an area of memory, one for each member, with their reference in it twice.

The signs of its components, 64 bytes of 512, are scanned for the likeliest rows by Hamming distance; from 8 bits of
each component those are then compared. A row is somebody's while it counts templates. Whose it is changes only by way
of nobody's, and what it held of them is gone by then. Which row is a member's says a table with open addressing. No
entry is ever taken out of it: it is passed over where its row is somebody else's or nobody's.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from facepay.kernel.errors import Overloaded
from facepay.templates.area import MEMORY_BYTES, Area

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Keys = npt.NDArray[np.uint64]  # (n, 2), the halves of owners' ids

KEY_BYTES = 16
CODE_MAX = 127  # of 8 bits with a sign
NOBODY = -1
NOT_COMPARED = np.float32(-2.0)  # below every cosine
SLOTS_MIN = 256
SLOTS_PER_ROW = 4  # as a table is made; it is made again when half of it is used
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 by the golden ratio: its products are spread evenly (Knuth, 6.4)


class GalleryFull(Overloaded):
    """There is no room for another member: nobody is recognised until there is."""

    code = "gallery_full"
    title = "Gallery full"


class Rows:
    """The columns of an area whose dimensions are settled. Whoever calls what changes them holds the area's lock."""

    def __init__(self, area: Area) -> None:
        self.header = area.header
        dimensions, sign_bytes = self.header.dimensions, -(-self.header.dimensions // 8)
        row_bytes = dimensions + sign_bytes + KEY_BYTES + 4 + 4 + 4 * SLOTS_PER_ROW
        self.rows_max = 1 << ((MEMORY_BYTES // row_bytes).bit_length() - 1)
        start = 0

        def column(dtype: npt.DTypeLike, width: int) -> npt.NDArray[Any]:
            nonlocal start
            values = area.array(start, dtype, (self.rows_max, width))
            start += values.nbytes
            return values

        self._codes = column(np.int8, dimensions)
        self._signs = column(np.uint8, sign_bytes)
        self._keys = column(np.uint64, 2)
        self._scales = column(np.float32, 1).reshape(-1)
        self._counts = column(np.int32, 1).reshape(-1)  # templates behind each
        self._slots = column(np.int32, SLOTS_PER_ROW).reshape(-1)  # the row, counted from 1; 0 where there is none

    def likeliest(self, probe: Floats, count: int) -> Indices:
        """The rows among which the most alike to (dim,) are, whoever's they are: all, where there are no more."""
        in_use = self.header.rows
        if in_use <= count:
            return np.arange(in_use)
        import faiss  # takes a fifth of a second, and no small shop needs it

        faiss.omp_set_num_threads(1)  # of this thread: for one probe a second one would only wait
        _, rows = faiss.knn_hamming(np.packbits(probe > 0)[None], self._signs[:in_use], count, variant="mc")
        return np.asarray(rows[0], np.int64)

    def similarities(self, probe: Floats, rows: Indices) -> Floats:
        """Cosines of (dim,) with these rows; NOT_COMPARED where they are nobody's."""
        scales = self._scales[rows]  # 0 where nobody is: each further column of scattered rows takes as long as this
        # einsum makes floats of a few rows at a time, which stay in the cache, and `take` copies rows faster than `[]`
        products = np.einsum("ij,j->i", self._codes.take(rows, axis=0), probe)
        return np.where(scales > 0, products * scales, NOT_COMPARED)

    def owners(self, rows: Indices) -> list[UUID]:
        return [UUID(bytes=key.tobytes()) for key in self._keys[rows]]

    def templates(self, rows: Indices) -> Counts:
        """How many there are behind each."""
        return self._counts[rows]

    def references(self, rows: Indices) -> Floats:
        """(n, dim) of norm 1."""
        references: Floats = self._codes[rows] * self._scales[rows, None]
        return references

    def rows_of(self, keys: Keys) -> Indices:
        """Of those of these members who are there."""
        found = self._find(keys)
        rows: Indices = found[found != NOBODY]
        return rows

    def put(self, keys: Keys, references: Floats, counts: Counts) -> None:
        """Give members these references of norm 1, (n, dim), whether they are there or not. Raises GalleryFull."""
        rows = self._find(keys)
        new = rows == NOBODY
        added, replaced = int(new.sum()), int(self._counts[rows[~new]].sum())
        rows[new] = self._free_rows(added)
        self.header.members += added
        self.header.templates += int(counts.sum()) - replaced
        self.header.rows = max(self.header.rows, int(rows.max(initial=NOBODY)) + 1)
        self._write(rows, keys, references, counts)
        self._enter(keys[new], rows[new])

    def erase(self, keys: Keys) -> None:
        """Leave nothing of these members, as far as they are there."""
        rows = self.rows_of(keys)
        self.header.members -= len(rows)
        self.header.templates -= int(self._counts[rows].sum())
        self._clear(rows)

    def repair(self) -> None:
        """After a writer who didn't come to an end: leave nothing in rows of nobody, count and enter the others."""
        in_use = self._counts[: self.header.rows]
        self._clear(np.flatnonzero(in_use == 0))
        self.header.members = int(np.count_nonzero(in_use))
        self.header.templates = int(in_use.sum())
        self._make_table(self.header.members)

    def _clear(self, rows: Indices) -> None:
        for column in (self._counts, self._codes, self._signs, self._scales, self._keys):
            column[rows] = 0

    def _find(self, keys: Keys) -> Indices:
        """(n,) rows; NOBODY for who isn't there."""
        rows = np.full(len(keys), NOBODY)
        looking, slots = np.arange(len(keys)), self._first_slots(keys)
        while len(looking):
            row = self._slots[slots].astype(np.int64) - 1
            theirs = (row >= 0) & (self._counts[row] > 0) & (self._keys[row] == keys[looking]).all(axis=1)
            rows[looking[theirs]] = row[theirs]
            on = (row >= 0) & ~theirs
            looking, slots = looking[on], self._next_slots(slots[on])
        return rows

    def _write(self, rows: Indices, keys: Keys, references: Floats, counts: Counts) -> None:
        """A row is nobody's until all of it is there."""
        self._counts[rows] = 0
        codes = np.rint(references * (CODE_MAX / np.abs(references).max(axis=1, keepdims=True)))
        self._codes[rows] = codes
        self._scales[rows] = 1 / np.linalg.norm(codes, axis=1)
        self._signs[rows] = np.packbits(references > 0, axis=1)
        self._keys[rows] = keys
        self._counts[rows] = counts

    def _free_rows(self, count: int) -> Indices:
        in_use = self.header.rows
        left = np.flatnonzero(self._counts[:in_use] == 0)[:count] if self.header.members < in_use else np.arange(0)
        missing = count - len(left)
        if in_use + missing > self.rows_max:
            raise GalleryFull("There are more members than a gallery in memory holds.")
        return np.concatenate([left, np.arange(in_use, in_use + missing)])

    def _enter(self, keys: Keys, rows: Indices) -> None:
        """Into the table, with those that are there by now."""
        if SLOTS_PER_ROW * (self.header.slots_used + len(rows)) > 2 * self.header.slots:
            self._make_table(self.header.members)
            return
        self.header.slots_used += len(rows)
        slots = self._first_slots(keys)
        while len(rows):
            free = self._slots[slots] == 0
            self._slots[slots[free]] = rows[free] + 1
            on = self._slots[slots] != rows + 1  # somebody else of these was faster
            keys, rows, slots = keys[on], rows[on], self._next_slots(slots[on])

    def _make_table(self, members: int) -> None:
        self.header.slots = max(SLOTS_MIN, 1 << (SLOTS_PER_ROW * members - 1).bit_length())
        self.header.slots_used = 0
        self._slots[: self.header.slots] = 0
        rows = np.flatnonzero(self._counts[: self.header.rows])
        self._enter(self._keys[rows], rows)

    def _first_slots(self, keys: Keys) -> Indices:
        """The highest bits, which all others have come to bear on."""
        bits = max(1, self.header.slots).bit_length() - 1
        hashes = (keys[:, 0] * GOLDEN ^ keys[:, 1]) * GOLDEN
        return (hashes >> np.uint64(32)).astype(np.int64) >> (32 - bits)

    def _next_slots(self, slots: Indices) -> Indices:
        return slots + 1 & max(1, self.header.slots) - 1


def keys_of(owners: Collection[UUID]) -> Keys:
    """(n, 2), of the same order."""
    return np.frombuffer(b"".join(owner.bytes for owner in owners), np.uint64).reshape(-1, 2)
