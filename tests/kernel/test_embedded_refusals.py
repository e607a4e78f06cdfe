"""The embedded server says why it can't start, and changes nothing then."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from facepay.kernel import embedded_host
from facepay.kernel.embedded import EmbeddedPostgres
from facepay.kernel.embedded_host import BinariesMissing, DataFolderUnusable, DiskFull, OtherMajorVersion
from tests.kernel.servers import as_root, servers_of


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
