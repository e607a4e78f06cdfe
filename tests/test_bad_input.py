"""Whatever is sent, the answer is a problem with a stable code, and nothing is lost or half done."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from tests.answers import verdict
from tests.photos import camera_frame, people
from tests.shop import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def portrait(mode: str) -> Image.Image:
    return Image.open(io.BytesIO(people()[0])).convert(mode)


def bomb() -> bytes:
    """A PNG of a few kilobytes that says it holds 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


def sixteen_bit() -> bytes:
    grey = np.asarray(portrait("L")).astype(np.uint16) * 257
    return encoded(Image.fromarray(grey), "PNG")


REFUSED: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "empty": (lambda: b"", 400, "empty_frame"),
    "truncated": (lambda: people()[0][:2000], 422, "corrupt_image"),
    "text that calls itself an image": (lambda: b"GIF89a" + bytes(100), 415, "unsupported_image_type"),
    "thirty megapixels": (lambda: encoded(Image.new("RGB", (6000, 5000)), "JPEG"), 413, "frame_too_large"),
    "a decompression bomb": (bomb, 413, "frame_too_large"),
    "nine megabytes": (lambda: people()[0] + bytes(9 * 1024 * 1024), 413, "frame_too_large"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("where", ["gate", "kiosk"])
async def test_a_bad_frame_is_refused_by_its_content(shop: Shop, what: str, where: str) -> None:
    make, status, code = REFUSED[what]
    response = await (shop.at_gate(make()) if where == "gate" else shop.at_kiosk(make(), {"TEA-001": 1}))
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


def rotated_by_exif() -> bytes:
    image = portrait("RGB").rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image, "JPEG", exif=exif.tobytes())


TAKEN: dict[str, Callable[[], bytes]] = {
    "grayscale": lambda: encoded(portrait("L"), "JPEG"),
    "CMYK": lambda: encoded(portrait("CMYK"), "JPEG"),
    "with alpha": lambda: encoded(portrait("RGBA"), "PNG"),
    "16 bits": sixteen_bit,
    "WebP": lambda: encoded(portrait("RGB"), "WEBP"),
    "lying on its side, says EXIF": rotated_by_exif,
}


@pytest.mark.parametrize("what", TAKEN)
async def test_an_unusual_photograph_of_a_member_still_opens_the_gate(shop: Shop, what: str) -> None:
    await shop.add_member(0)
    assert (await shop.at_gate(TAKEN[what]())).json()["code"] == "welcome"


async def test_frames_come_as_multipart_too_and_as_nothing_else(shop: Shop) -> None:
    await shop.add_member(0)
    path = f"/v1/gates/{shop.gate_id}/entries"
    part = await shop.client.post(path, files={"frame": ("f.jpg", people()[0], "image/jpeg")}, headers=shop.gate)
    assert part.json()["code"] == "welcome"
    other = await shop.client.post(path, files={"photo": ("f.jpg", people()[0])}, headers=shop.gate)
    assert (other.status_code, other.json()["code"]) == (400, "frame_missing")
    text = await shop.client.post(path, json={"frame": "…"}, headers=shop.gate)
    assert (text.status_code, text.json()["code"]) == (415, "unsupported_media_type")


async def test_a_face_too_small_says_so(shop: Shop) -> None:
    tiny = camera_frame([people()[2]], fill=0.22, width=640, height=360)
    answer = (await shop.at_gate(tiny)).json()
    assert (answer["code"], answer["feedback"][0]["code"]) == ("low_quality", "come_closer")


@pytest.mark.parametrize(
    "basket",
    [
        "",
        "not json",
        '{"lines":[]}',
        '{"lines":[{"sku":"TEA-001","quantity":0}]}',
        '{"lines":[{"sku":"TEA-001","quantity":-1}]}',
        '{"lines":[{"sku":"TEA-001","quantity":99999999999999999999}]}',
        '{"lines":[{"sku":"TEA-001","quantity":1.5}]}',
        '{"lines":[{"sku":"TEA\\u0000","quantity":1}]}',
        '{"lines":[{"sku":"TEA-001","quantity":1}],"free":true}',
    ],
)
async def test_a_basket_that_makes_no_sense_charges_nothing(shop: Shop, basket: str) -> None:
    response = await shop.client.post(
        f"/v1/kiosks/{shop.kiosk_id}/checkouts",
        files={"frame": ("f.jpg", people()[0], "image/jpeg")},
        data={"basket": basket},
        headers=shop.kiosk | {"Idempotency-Key": uuid4().hex},
    )
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert (await shop.do("GET", "/v1/orders"))["items"] == []


async def test_ten_megabytes_of_json_are_not_read(shop: Shop) -> None:
    body = b'{"display_name":"' + b"x" * (10 * 1024 * 1024) + b'"}'
    headers = shop.staff | {"Content-Type": "application/json"}
    response = await shop.client.post("/v1/members", content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")

    async def chunks() -> Any:
        for _ in range(20):
            yield bytes(1024 * 1024)

    response = await shop.client.post("/v1/members", content=chunks(), headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("amount", [-1, 0, 10**13 + 1, 10**30, 1.5, "12", None])
async def test_an_amount_is_a_positive_integer_within_bounds(shop: Shop, amount: object) -> None:
    member_id = await shop.add_member(0, enrol=False)
    response = await shop.client.post(
        f"/v1/members/{member_id}/wallet/top-ups",
        json={"amount": amount, "currency": "CNY"},
        headers=shop.staff | {"Idempotency-Key": uuid4().hex},
    )
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert await shop.balance(member_id) == 0


async def test_unknown_ids_are_not_found(shop: Shop) -> None:
    for path, code in {
        f"/v1/members/{uuid4()}": "member_not_found",
        f"/v1/orders/{uuid4()}": "order_not_found",
        f"/v1/members/{uuid4()}/wallet": "member_not_found",
        "/v1/nothing": "not_found",
    }.items():
        response = await shop.client.get(path, headers=shop.staff)
        assert (response.status_code, response.json()["code"]) == (404, code), path


async def test_nul_bytes_and_unknown_fields_are_refused(shop: Shop) -> None:
    for body in ({"display_name": "a\0b"}, {"display_name": "Lin", "vip": True}, {"display_name": ""}, ["Lin"]):
        response = await shop.client.post("/v1/members", json=body, headers=shop.staff)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request"), body
    response = await shop.client.get("/v1/members", params={"search": "a\0"}, headers=shop.staff)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_a_refusal_names_the_request_and_not_what_was_sent(shop: Shop) -> None:
    headers = shop.staff | {"X-Request-ID": "till-7-0001"}
    response = await shop.client.post("/v1/members", json={"display_name": ["secret"]}, headers=headers)
    assert response.headers["x-request-id"] == response.json()["request_id"] == "till-7-0001"
    assert "secret" not in response.text


async def test_only_a_route_that_takes_files_reads_more_than_a_mebibyte(shop: Shop) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield bytes(64 * 1024)

    for kind in ("image/jpeg", "multipart/form-data; boundary=x", "text/csv"):
        response = await shop.client.post("/v1/stores", content=chunks(), headers={"Content-Type": kind})
        assert verdict(response) == (413, "body_too_large"), kind


async def test_a_body_that_stops_coming_is_given_up_with_its_place_at_the_models(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facepay.kernel.http.BODY_SECONDS", 0.2)
    frame = people()[0]
    entries, headers = f"/v1/gates/{shop.gate_id}/entries", shop.gate | {"Content-Type": "image/jpeg"}

    async def lost() -> AsyncIterator[bytes]:
        yield frame[:1000]
        await asyncio.Event().wait()

    inference = shop.app.state.inference
    places = range(inference.workers + inference.queue_max)
    answers = await asyncio.gather(*(shop.client.post(entries, content=lost(), headers=headers) for _ in places))
    assert {verdict(answer) for answer in answers} == {(408, "body_too_slow")}

    async def slow() -> AsyncIterator[bytes]:
        for start in range(0, len(frame), 4096):
            await asyncio.sleep(0.06)
            yield frame[start : start + 4096]

    assert (await shop.client.post(entries, content=slow(), headers=headers)).status_code == 200
