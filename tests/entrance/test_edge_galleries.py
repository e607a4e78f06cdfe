"""A gate that holds its store's gallery: it recognises by itself and says so, signed."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select

from facepay.calibration.calibration import load_calibration
from facepay.calibration.versions import add_version
from facepay.edge_device import EdgeGallery, GalleryNotValid, applied, compared, read_delta, signed_match
from facepay.entrance import edge_galleries
from facepay.identity.edge import AUDIENCE
from facepay.identity.edge_matches import HELD_FOR, Comparison, GallerySync
from facepay.identity.own_gallery import measure
from facepay.kernel.database import Database
from facepay.vision.evidence import FaceEvidence, Floats
from tests.calibration.test_own_gallery import PEOPLE, faces
from tests.conftest import Clock
from tests.photos import people
from tests.processes import GATE, STRANGER, Seen
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


@dataclass
class Edge:
    """A device with an engine, its two keys, and its copy of the gallery."""

    shop: Shop
    frame: Seen
    clock: Clock
    id: str
    headers: dict[str, str]
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    exchange_key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    gallery: EdgeGallery = field(default_factory=EdgeGallery)

    async def register(self, **changes: Any) -> None:
        keys = {
            "public_key": b64encode(self.key.public_key().public_bytes_raw()).decode(),
            "exchange_key": b64encode(self.exchange_key.public_key().public_bytes_raw()).decode(),
        }
        await self.shop.do("PATCH", f"/v1/devices/{self.id}", json=keys | {"edge_matching": True} | changes)

    async def ask(self) -> httpx.Response:
        held = {"after": self.gallery.version} | (
            {"generation": self.gallery.generation} if self.gallery.generation else {}
        )
        path = f"/v1/stores/{self.shop.store_id}/gallery"
        return await self.shop.client.get(path, params=held, headers=self.headers)

    async def sync(self) -> dict[str, Any]:
        response = await self.ask()
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        self.gallery = applied(self.gallery, *read_delta(answer, self.exchange_key))
        return answer

    def face(self, number: int) -> FaceEvidence:
        return self.frame(number).faces[0]

    def compare(self, number: int) -> Comparison:
        found = compared(self.gallery, embedding_of(self.face(number)), now=self.clock())
        assert found is not None
        return found

    def sign(self, number: int, found: Comparison | None = None, **changes: Any) -> str:
        claim: dict[str, Any] = {
            "quality": self.face(number).quality,
            "pack": self.gallery.pack,
            "device_id": UUID(self.id),
            "key": self.key,
            "captured_at": self.clock(),
            "nonce": uuid4().hex,
        }
        return signed_match(found or self.compare(number), **(claim | changes))

    async def send(self, signed: str, way: str = "entries") -> tuple[int, str]:
        response = await self.shop.client.post(
            f"/v1/gates/{self.id}/{way}", files={"signed_face": (None, signed)}, headers=self.headers
        )
        return response.status_code, response.json()["code"]


def embedding_of(face: FaceEvidence) -> Floats:
    assert face.embedding is not None
    return face.embedding


def signed_face(edge: Edge, embedding: str) -> str:
    """The other variant: the embedding itself."""
    claims = {"aud": AUDIENCE, "iss": edge.id, "iat": edge.clock().timestamp(), "jti": uuid4().hex}
    face = {"pack": edge.gallery.pack, "quality": asdict(edge.face(0).quality), "embedding": embedding}
    return jwt.encode(claims | face, edge.key, "EdDSA")


@pytest.fixture
async def edge(shop: Shop, frame: Seen, clock: Clock) -> Edge:
    edge = Edge(shop, frame, clock, shop.gate_id, shop.gate)
    await edge.register()
    return edge


async def move(shop: Shop, member_id: str, region: str | None) -> None:
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"home_region": region})


async def test_a_device_recognises_by_its_own_gallery_and_the_gate_opens(
    edge: Edge, shop: Shop, database: Database
) -> None:
    anna, ben = await shop.add_member(0), await shop.add_member(1)
    for _ in range(3):
        await edge.sync()
    async with database.read() as session:
        (row,) = (await session.scalars(select(GallerySync))).all()
    # What a device was given is counted, and names nobody.
    assert (str(row.device_id), row.version, row.references_sent) == (edge.id, edge.gallery.version, 2)
    assert set(edge.gallery.members) == {UUID(anna), UUID(ben)}
    assert edge.compare(0).member_id == UUID(anna)
    assert await edge.send(edge.sign(0)) == (200, "welcome")
    assert await edge.send(edge.sign(STRANGER)) == (200, "unknown_face")
    assert await edge.send(edge.sign(0), "exits") == (200, "goodbye")
    embedded = signed_face(edge, b64encode(embedding_of(edge.face(0)).astype("<f4").tobytes()).decode())
    assert await edge.send(embedded) == (200, "welcome")
    by_server, by_device, *_ = (await shop.do("GET", f"/v1/stores/{shop.store_id}/gate-attempts"))["items"]
    assert by_server["member_id"] == by_device["member_id"] == anna
    for found in (by_server, by_device):
        assert found["similarity"] == pytest.approx(edge.compare(0).similarity, abs=1e-4)


async def test_the_gallery_goes_to_devices_that_may_match_and_have_keys(edge: Edge, shop: Shop) -> None:
    await edge.register(edge_matching=False)
    assert (await edge.ask()).json()["code"] == "insufficient_scope"
    await edge.register(exchange_key=None)
    assert (await edge.ask()).json()["code"] == "device_keys_missing"
    await edge.register(public_key=None)
    assert (await edge.ask()).json()["code"] == "device_keys_missing"
    await edge.register()
    other = await shop.do("POST", "/v1/stores", json={"name": "Other", "code": "OTHER"})
    response = await shop.client.get(f"/v1/stores/{other['id']}/gallery", headers=edge.headers)
    assert response.json()["code"] == "device_of_other_store"

    await shop.add_member(0)
    await edge.sync()
    for check, refusal in (("depth", "depth_required"), ("passive", "liveness_unmeasured")):
        await edge.register(presentation_checks=[check])
        assert await edge.send(edge.sign(0)) == (200, refusal), "it has to see a person"
    await edge.register(presentation_checks=[], edge_matching=False)
    assert await edge.send(edge.sign(0)) == (403, "edge_matching_not_allowed")


async def test_no_old_copy_of_a_face_opens_once_it_is_new_or_gone_or_the_device_was_cut_off(
    edge: Edge, shop: Shop, clock: Clock
) -> None:
    member_id, _ = await shop.add_member(0), await shop.add_member(1)
    await edge.sync()
    before = edge.sign(0)
    files = [("frames", ("face.jpg", people()[0], "image/jpeg"))]
    await shop.do("PUT", f"/v1/members/{member_id}/face", files=files)
    assert await edge.send(before) == (200, "gallery_stale")
    await edge.sync()
    assert await edge.send(edge.sign(0)) == (200, "welcome")

    found = edge.compare(0)
    clock.ahead = HELD_FOR + timedelta(seconds=1)
    with pytest.raises(GalleryNotValid):
        edge.compare(0)
    assert await edge.send(edge.sign(0, found), "exits") == (200, "gallery_stale")
    await edge.sync()
    assert await edge.send(edge.sign(0), "exits") == (200, "goodbye")

    before = edge.sign(0)
    await shop.do("DELETE", f"/v1/members/{member_id}/face")
    assert await edge.send(before) == (200, "gallery_stale")
    await edge.sync()
    assert UUID(member_id) not in edge.gallery.members
    assert edge.compare(0).member_id != UUID(member_id)
    assert await edge.send(edge.sign(0)) == (200, "unknown_face")


async def test_a_claim_counts_once_for_the_device_that_signed_it_and_well_formed(edge: Edge, shop: Shop) -> None:
    await shop.add_member(0)
    await edge.sync()
    signed = edge.sign(0)
    assert await edge.send(signed) == (200, "welcome")
    assert await edge.send(signed) == (200, "signed_face_reused")
    other_id, other = await shop.add_device("gate")
    assert await edge.send(edge.sign(0, device_id=UUID(other_id))) == (403, "signature_invalid")
    assert await edge.send(edge.sign(0, key=Ed25519PrivateKey.generate())) == (403, "signature_invalid")
    thief = replace(edge, id=other_id, headers=other)
    assert await thief.send(edge.sign(0)) == (403, "signature_invalid")
    claims = jwt.decode(edge.sign(0), options={"verify_signature": False})
    for changes in ({"similarity": 1.5}, {"searched": 0}, {"runner_up_similarity": 0.2}, {"member_id": "nobody"}):
        malformed = jwt.encode(claims | changes, edge.key, "EdDSA")
        assert await edge.send(malformed) == (422, "signed_face_invalid"), changes


async def test_what_was_stolen_from_one_device_is_of_no_use_in_another_or_after_a_new_exchange_key(
    edge: Edge, shop: Shop
) -> None:
    member_id = UUID(await shop.add_member(0))
    answer = await edge.sync()
    other_id, headers = await shop.add_device("gate")
    other = Edge(shop, edge.frame, edge.clock, other_id, headers)
    await other.register()
    with pytest.raises(InvalidTag):
        read_delta(answer, other.exchange_key)
    with pytest.raises(InvalidTag):
        read_delta(answer | {"valid_until": "2099-01-01T00:00:00Z"}, edge.exchange_key)
    await other.sync()
    mine, theirs = (each.gallery.members[member_id].vector for each in (edge, other))
    assert abs(float(mine @ theirs)) < 0.2
    other.gallery = replace(edge.gallery, rotation_seed=other.gallery.rotation_seed)
    assert other.compare(0).similarity < 0.2

    stolen = edge.sign(0)
    edge.exchange_key = X25519PrivateKey.generate()
    await edge.register()
    assert (await edge.sync())["after"] == 0
    assert abs(float(mine @ edge.gallery.members[member_id].vector)) < 0.2, "the rotation is another"
    assert await edge.send(stolen) == (200, "gallery_stale")
    assert await edge.send(edge.sign(0)) == (200, "welcome")


async def test_the_gallery_holds_who_is_at_home_here_or_inside(edge: Edge, shop: Shop) -> None:
    anna, ben = await shop.add_member(0), await shop.add_member(1)
    await edge.sync()
    await move(shop, ben, "BJ")
    assert (await edge.sync())["after"] > 0
    assert (set(edge.gallery.members), set(edge.gallery.guests)) == ({UUID(anna)}, set())
    assert (await shop.at_gate(1)).json()["code"] == "welcome"
    await edge.sync()
    assert set(edge.gallery.guests) == {UUID(ben)}
    out = edge.sign(1)
    assert await edge.send(out, "exits") == (200, "goodbye")
    # Whoever has left, the device may not name any more.
    assert await edge.send(edge.sign(1)) == (200, "unknown_face")
    await edge.sync()
    assert not edge.gallery.guests
    await move(shop, ben, None)
    await edge.sync()
    assert set(edge.gallery.members) == {UUID(anna), UUID(ben)}
    # Another region of the store fills the device anew.
    await move(shop, ben, "BJ")
    await shop.do("PATCH", f"/v1/stores/{shop.store_id}", json={"region": "BJ"})
    assert (await edge.sync())["after"] == 0
    assert set(edge.gallery.members) == {UUID(ben)}


async def test_a_gallery_comes_in_pages_and_counts_from_the_last_one_on(
    edge: Edge, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_galleries, "CHANGES_MAX", 2)
    for number in range(3):
        await shop.add_member(number)
    assert (await edge.sync())["has_more"]
    with pytest.raises(GalleryNotValid):
        edge.compare(0)
    assert not (await edge.sync())["has_more"]
    assert len(edge.gallery.members) == 3
    assert await edge.send(edge.sign(2)) == (200, "welcome")


async def test_the_servers_policy_decides_and_not_the_device(edge: Edge, shop: Shop) -> None:
    await shop.add_member(0, phone="+8613800000001")
    await shop.add_member(1, phone="+8613800000002")
    await edge.sync()
    found = edge.compare(0)
    assert found.runner_up_similarity is not None
    threshold = GATE.threshold(load_calibration(edge.gallery.pack), found.searched)
    unsure = found.model_copy(update={"similarity": threshold - 0.01, "runner_up_similarity": 0.0})
    alike = found.model_copy(update={"runner_up_similarity": found.similarity - 0.01})
    assert await edge.send(edge.sign(0, unsure)) == (200, "uncertain_face")
    assert await edge.send(edge.sign(0, alike)) == (200, "ambiguous_face")
    crowd = unsure.model_copy(update={"searched": 10**7})
    assert await edge.send(edge.sign(0, crowd)) == (200, "unknown_face")
    poor = replace(edge.face(0).quality, embedding_norm=9.0)
    assert await edge.send(edge.sign(0, quality=poor)) == (200, "low_quality")


async def test_both_variants_follow_the_calibration_in_use(edge: Edge, shop: Shop, database: Database) -> None:
    await shop.add_member(0)
    await edge.sync()
    shipped = load_calibration(edge.gallery.pack)
    fitted = measure(list(map(list, faces(PEOPLE))), in_use=shipped, source="made up").fit
    async with database.begin() as session:
        await add_version(session, fitted=fitted, shipped=shipped, active=True, now=edge.clock())
    embedding = embedding_of(edge.face(0)).astype("<f4").tobytes()
    assert await edge.send(edge.sign(0)) == (200, "welcome")
    assert await edge.send(signed_face(edge, b64encode(embedding).decode()), "exits") == (200, "goodbye")
    attempts = (await shop.do("GET", f"/v1/stores/{shop.store_id}/gate-attempts"))["items"]
    assert [each["basis"].split("@")[0] for each in attempts] == ["gate:0.001 1", "gate:0.001 1"]


async def test_a_face_recognised_by_the_kiosk_itself_pays(edge: Edge, shop: Shop) -> None:
    member_id = await shop.add_member(0, balance=1_000)
    await shop.at_gate(0)
    kiosk = Edge(shop, edge.frame, edge.clock, shop.kiosk_id, shop.kiosk)
    await kiosk.register()
    await kiosk.sync()
    parts = {"signed_face": (None, kiosk.sign(0)), "basket": (None, '{"lines":[{"sku":"TEA-001","quantity":2}]}')}
    headers = shop.kiosk | {"Idempotency-Key": uuid4().hex}
    path = f"/v1/kiosks/{shop.kiosk_id}/checkouts"
    paid, again = [await shop.client.post(path, files=parts, headers=headers) for _ in range(2)]
    assert (paid.json()["decision"], paid.json()["code"]) == ("paid", "paid")
    assert again.json()["order"] == paid.json()["order"]
    assert await shop.balance(member_id) == 100
