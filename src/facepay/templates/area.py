"""The piece of memory that a gallery lies in: one for all workers of a server, or a process's own.

It has no name on any disk (`memfd_create`), since templates are never at rest unsealed, and is gone with the last
process that looks at it, however that ends. Its address space is far larger than what is used; a page takes memory
once it is written to. The supervisor makes it, and workers find it among its open files.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
import numpy.typing as npt
import structlog

log = structlog.get_logger()

MEMORY_BYTES = 1 << 34
NO_FILE = -1
NAME = "facepay gallery"
WORKERS_AREA = "FACEPAY_GALLERY_AREA"  # where workers find it; no setting, the supervisor says it
# Locks on a byte each, which the system lets go of however a process ends; an open file's, not its process's.
WRITING, FILLING = range(2)


class Header(ctypes.Structure):
    """What stands at the beginning, 64 bits each."""

    holds: int  # a digest of whose templates these are: of which model pack, under which key
    changes: int  # counts up when a change begins and when it ends: odd while things are half done
    version: int
    dimensions: int  # 0 before the first template
    rows: int  # in use, those that are free again among them
    members: int
    templates: int
    slots: int  # of the table of owners, a power of two
    slots_used: int

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "holds",
            "changes",
            "version",
            "dimensions",
            "rows",
            "members",
            "templates",
            "slots",
            "slots_used",
        )
    ]


class Area:
    """Memory behind an open file: this process's own, or that of another at `path`.

    Not for a child that was forked later: it has its parent's locks.
    """

    def __init__(self, path: str | None = None) -> None:
        """Raises OSError where there is no such file, or no right to open it."""
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC) if path else _unnamed_file()
        self._memory = mmap.mmap(NO_FILE if self._file is None else self._file, MEMORY_BYTES)
        if self._file is not None:
            finalize(self, os.close, self._file)
        if hasattr(mmap, "MADV_DONTDUMP"):
            self._memory.madvise(mmap.MADV_DONTDUMP)  # no face in a core file
        self.header = Header.from_buffer(self._memory)
        self._locks = {each: Lock() for each in (WRITING, FILLING)}

    def array(self, start: int, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """An array that lies `start` bytes behind the header's page."""
        return np.ndarray(shape, dtype, self._memory, mmap.PAGESIZE + start)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Whoever writes is the only one, of all threads of all processes."""
        with self._locks[WRITING], self._of_processes(WRITING, wait=True):
            yield

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether it is this caller's turn to fill the area; until the end it is nobody else's, then."""
        if not self._locks[FILLING].acquire(blocking=False):
            yield False
            return
        try:
            with self._of_processes(FILLING, wait=False) as ours:
                yield ours
        finally:
            self._locks[FILLING].release()

    @contextmanager
    def _of_processes(self, lock: int, *, wait: bool) -> Iterator[bool]:
        if self._file is None:
            yield True
            return
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, _byte(fcntl.F_WRLCK, lock))
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, _byte(fcntl.F_UNLCK, lock))


def _byte(kind: int, place: int) -> bytes:
    """Linux's `struct flock` for one byte of the file."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, place, 1, 0)


def _unnamed_file() -> int | None:
    """One that is in memory only, and grows as it is written to. None where the system has no such thing."""
    if not hasattr(os, "memfd_create"):
        return None
    file = os.memfd_create(NAME, os.MFD_CLOEXEC)
    os.ftruncate(file, MEMORY_BYTES)
    return file


def area_of(holds: str) -> Area:
    """The workers' area where there is one and it holds the same: this pack's templates, under this key.

    Where a worker was started again with other settings, it holds something else.
    """
    if path := os.environ.get(WORKERS_AREA):
        try:
            if not os.readlink(path).startswith(f"/memfd:{NAME} "):
                raise FileNotFoundError("the supervisor is gone, and its number is another's")
            area = Area(path)
        except OSError as error:
            log.warning("gallery_not_shared", error=type(error).__name__)
            return Area()
        digest = int.from_bytes(blake2b(holds.encode(), digest_size=8).digest(), "little")
        with area.locked():
            area.header.holds = area.header.holds or digest
        if area.header.holds == digest:
            return area
        log.warning("gallery_not_shared", error="it holds other templates")
    return Area()


@contextmanager
def area_for_workers() -> Iterator[None]:
    """One that processes started meanwhile find by `area_of`. Nothing where the system can't share one."""
    if (file := _unnamed_file()) is None:
        yield
        return
    os.environ[WORKERS_AREA] = f"/proc/{os.getpid()}/fd/{file}"
    try:
        yield
    finally:
        del os.environ[WORKERS_AREA]
        os.close(file)
