"""The gallery on Milvus: the contract of all galleries on Milvus Lite, and what only a shared index can get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, ClassVar
from uuid import UUID, uuid4

import numpy as np
import pytest
import stamina

from facepay.templates.gallery import Floats, Gallery, Ranking
from facepay.templates.milvus import GalleryUnavailable, MilvusAddress, MilvusCollection
from facepay.templates.milvus_gallery import MilvusGallery, collection_of
from tests.shop import Shop
from tests.templates.gallery_contract import DIMENSIONS, MEMBERS, GalleryContract, OpenGallery, face, unrotated

pymilvus = pytest.importorskip("pymilvus", reason="facepay[milvus] isn't installed")
lite_server = pytest.importorskip("milvus_lite.adapter.grpc.server", reason="facepay[milvus] isn't installed")
WAIT_SECONDS = 30
Worker = Callable[[type[MilvusCollection]], MilvusGallery]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> MilvusAddress:
    return MilvusAddress.parse(f"milvus://{tmp_path_factory.mktemp('milvus') / 'gallery.db'}")


class TestMilvusGallery(GalleryContract):
    examples = 3

    @pytest.fixture
    def open_gallery(self, file: MilvusAddress) -> OpenGallery:
        @contextmanager
        def opened(rotate: Callable[[Floats], Floats]) -> Iterator[Gallery]:
            yield MilvusGallery(MilvusCollection(file, f"g_{uuid4().hex}", dimensions=DIMENSIONS), rotate)

        return opened


@pytest.fixture
def worker(file: MilvusAddress) -> Worker:
    """Opens the same collection as another process would."""
    name = f"g_{uuid4().hex}"
    return lambda kind: MilvusGallery(kind(file, name, dimensions=DIMENSIONS), unrotated)


class Slow(MilvusCollection):
    """Is overtaken by others before its first write."""

    reached: ClassVar[Event]
    released: ClassVar[Event]

    def put(self, *rows: Any, **more: Any) -> None:
        self.reached.set()
        assert self.released.wait(WAIT_SECONDS)
        super().put(*rows, **more)


class Killed(Slow):
    """And ends after it."""

    def put(self, *rows: Any, **more: Any) -> None:
        super().put(*rows, **more)
        raise SystemExit


@pytest.mark.parametrize("kind", [Slow, Killed])
def test_an_older_write_that_arrives_late_brings_nobody_back(worker: Worker, kind: type[Slow]) -> None:
    kind.reached, kind.released = Event(), Event()
    late, prompt = worker(kind), worker(MilvusCollection)
    with ThreadPoolExecutor(1) as threads:
        enrolling = threads.submit(late.replace, {MEMBERS[0]: [face(0)]}, version=1)
        assert kind.reached.wait(WAIT_SECONDS)
        prompt.replace({MEMBERS[0]: [], MEMBERS[1]: [face(1)]}, version=2)
        kind.released.set()
        enrolling.exception(WAIT_SECONDS)
    for gallery in (prompt, worker(MilvusCollection)):
        gallery.replace({}, version=3)
        best = gallery.search(face(0)).best
        assert best is not None
        assert best.member_id == MEMBERS[1]
        assert gallery.references([MEMBERS[0]]) == {}
        assert gallery.search(face(0), among=[MEMBERS[0]]) == Ranking((), 0)


class Interrupted(MilvusCollection):
    """Something happens between the first question of a search and the next."""

    meanwhile: ClassVar[list[Callable[[], None]]] = []

    def most_alike(self, *asked: Any) -> Any:
        return self.interrupt(super().most_alike(*asked))

    def select(self, *asked: Any) -> Any:
        return self.interrupt(super().select(*asked))

    def interrupt(self, answer: Any) -> Any:
        while self.meanwhile:
            self.meanwhile.pop()()
        return answer


@pytest.mark.parametrize(
    "best_of",
    [
        lambda gallery: gallery.search(face(0)).best.member_id,
        lambda gallery: gallery.search(face(0), among=MEMBERS[:3], top=1).best.member_id,
        lambda gallery: max(gallery.references(MEMBERS[:3]).items(), key=lambda each: each[1].vector @ face(0))[0],
    ],
    ids=["everybody", "among", "references"],
)
def test_who_is_enrolled_anew_during_a_search_is_found(worker: Worker, best_of: Callable[[Gallery], UUID]) -> None:
    searching, writing = worker(Interrupted), worker(MilvusCollection)
    writing.replace({member: [face(number)] for number, member in enumerate(MEMBERS[:12])}, version=1)
    searching.open()
    enrolled_anew: dict[UUID, list[Floats]] = {MEMBERS[0]: [face(0), np.float32(0.1) * face(50)]}
    Interrupted.meanwhile = [lambda: writing.replace(enrolled_anew, version=2)]
    assert best_of(searching) == MEMBERS[0]
    assert not Interrupted.meanwhile
    assert best_of(searching) == MEMBERS[0]


def test_who_is_enrolled_anew_during_a_search_ranks_by_their_new_photos(worker: Worker) -> None:
    searching, writing = worker(Interrupted), worker(MilvusCollection)
    writing.replace({member: [face(number)] for number, member in enumerate(MEMBERS[:12])}, version=1)
    searching.open()
    Interrupted.meanwhile = [lambda: writing.replace({MEMBERS[0]: [-face(0)]}, version=2)]
    candidates = searching.search(face(0)).candidates
    assert len(candidates) == 2
    assert MEMBERS[0] not in {candidate.member_id for candidate in candidates}


def test_what_a_killed_writer_left_undone_is_done_by_the_next(worker: Worker) -> None:
    Killed.reached, Killed.released = Event(), Event()
    Killed.released.set()
    killed, next_one = worker(Killed), worker(MilvusCollection)
    with pytest.raises(SystemExit):
        killed.replace({MEMBERS[0]: [face(0)], MEMBERS[1]: []}, version=1)
    next_one.open()
    assert next_one.version == 0
    next_one.replace({MEMBERS[0]: [face(0)], MEMBERS[1]: []}, version=1)
    assert (next_one.version, next_one.size, next_one.search(face(0)).searched) == (1, 1, 1)


def test_a_worker_that_starts_loads_nothing_that_others_have_loaded(worker: Worker) -> None:
    worker(MilvusCollection).replace({MEMBERS[0]: [face(0), face(1)]}, version=7)
    started = worker(MilvusCollection)
    started.open()
    assert (started.version, started.size) == (7, 2)


def test_a_collection_that_was_dropped_doesnt_make_strangers_of_members(file: MilvusAddress) -> None:
    name = f"g_{uuid4().hex}"
    gallery = MilvusGallery(MilvusCollection(file, name, dimensions=DIMENSIONS), unrotated)
    gallery.replace({MEMBERS[0]: [face(0)]}, version=3)
    client = pymilvus.MilvusClient(file.uri)
    client.drop_collection(name)
    MilvusGallery(MilvusCollection(file, name, dimensions=DIMENSIONS), unrotated).open()  # as another worker would
    with pytest.raises(GalleryUnavailable):
        gallery.search(face(0), among=[MEMBERS[0]])
    assert gallery.version == 0, "so that everybody is loaded anew"
    gallery.replace({MEMBERS[0]: [face(0)]}, version=3)
    assert gallery.search(face(0)).searched == 1


def test_while_milvus_is_away_a_search_finds_not_nobody_but_nothing_out(tmp_path: Path) -> None:
    server, database, port = lite_server.start_server_in_thread(str(tmp_path / "server"))
    address = MilvusAddress.parse(f"milvus://127.0.0.1:{port}")
    gallery = MilvusGallery(MilvusCollection(address, "g", dimensions=DIMENSIONS, timeout_seconds=0.2), unrotated)
    gallery.replace({MEMBERS[0]: [face(0)]}, version=1)
    server.stop(grace=None).wait()
    database.close()
    for ask in (
        lambda: gallery.search(face(0)),
        lambda: gallery.search(face(0), among=[MEMBERS[0]]),
        lambda: gallery.references([MEMBERS[0]]),
        lambda: gallery.replace({MEMBERS[0]: []}, version=2),
    ):
        with pytest.raises(GalleryUnavailable):
            ask()
    assert gallery.version == 1
    server, database, _ = lite_server.start_server_in_thread(str(tmp_path / "server"), port=port)
    for attempt in stamina.retry_context(on=GalleryUnavailable, attempts=None, timeout=WAIT_SECONDS, wait_max=0.2):
        with attempt:
            gallery.replace({MEMBERS[0]: []}, version=2)
    assert gallery.search(face(0)) == Ranking((), 0)
    gallery.close()
    server.stop(grace=None).wait()
    database.close()


def test_addresses_are_hosts_or_files() -> None:
    uris = {
        "milvus://milvus": "http://milvus:19530",
        "milvus://milvus:19531/": "http://milvus:19531",
        "milvuss://milvus.example.com": "https://milvus.example.com:19530",
        "milvus:///var/lib/facepay/gallery.db": "/var/lib/facepay/gallery.db",
    }
    assert {address: MilvusAddress.parse(address).uri for address in uris} == uris
    for wrong in ("milvus://", "http://milvus", "milvus://root:secret@milvus"):
        with pytest.raises(ValueError, match="address"):
            MilvusAddress.parse(wrong)


def test_packs_and_keys_have_collections_of_their_own() -> None:
    names = {collection_of(pack, key_id) for pack in ("buffalo_sc@1", "yunet_sface@1") for key_id in ("0a", "0b")}
    assert len(names) == 4
    assert all(name.isidentifier() for name in names)


@pytest.mark.anyio
async def test_a_shop_on_milvus_recognises_forgets_and_says_when_it_is_away(open_shop: Any, tmp_path: Path) -> None:
    from milvus_lite.server_manager import server_manager_instance

    path = tmp_path / "gallery.db"
    shop: Shop = await open_shop(gallery=f"milvus://{path}", gallery_timeout_seconds=0.3)
    first, _ = await shop.add_member(0), await shop.add_member(1)
    assert (await shop.at_gate(0)).json()["code"] == "welcome"
    await shop.do("DELETE", f"/v1/members/{first}?forfeit=true")
    assert (await shop.at_gate(0)).json()["code"] == "unknown_face"
    server_manager_instance.release_server(str(path))
    away = await shop.at_gate(1)
    assert (away.status_code, away.json()["code"]) == (503, "gallery_unavailable")
