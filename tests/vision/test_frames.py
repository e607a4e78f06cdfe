from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from PIL import Image as PillowImage

from facepay.vision.frames import (
    CorruptImage,
    EmptyFrame,
    FrameLimits,
    FrameTooLarge,
    Image,
    UnsupportedImageType,
    decode_frame,
    sniff,
)
from tests.photos import people

LIMITS = FrameLimits()


def decode(data: bytes) -> Image:
    return decode_frame(data, limits=LIMITS)


def photo() -> PillowImage.Image:
    """A portrait, small enough to compare pixel by pixel."""
    return PillowImage.open(io.BytesIO(people()[0])).convert("RGB")


def saved(picture: PillowImage.Image, image_type: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, image_type, **options)
    return buffer.getvalue()


def bgr(picture: PillowImage.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"))[..., ::-1]


def difference(image: Image, expected: np.ndarray) -> float:
    """Mean distance in grey levels."""
    assert image.shape == expected.shape
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    return float(np.abs(image.astype(int) - expected.astype(int)).mean())


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("image_type", ["JPEG", "PNG", "WEBP"])
def test_a_photograph_is_read_in_each_format(image_type: str) -> None:
    assert difference(decode(saved(photo(), image_type, quality=95)), bgr(photo())) < 3


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(EmptyFrame) as refusal:
        decode(b"")
    assert (refusal.value.status, refusal.value.code) == (400, "empty_frame")


@pytest.mark.parametrize(
    "content",
    [b"hello", b"GIF89a" + bytes(64), b"BM" + bytes(64), b"%PDF-1.7", b"RIFF\x00\x00\x00\x00WAVEfmt ", bytes(64)],
)
def test_what_is_no_jpeg_png_or_webp_is_refused_by_its_content(content: bytes) -> None:
    with pytest.raises(UnsupportedImageType) as refusal:
        decode(content)
    assert (refusal.value.status, refusal.value.code) == (415, "unsupported_image_type")


@pytest.mark.parametrize("image_type", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.6, 0.97])
def test_a_frame_cut_short_is_refused_wherever_it_ends(image_type: str, share: float) -> None:
    whole = saved(photo(), image_type)
    cut = whole[: max(12, int(len(whole) * share))]
    with pytest.raises(CorruptImage) as refusal:
        decode(cut)
    assert (refusal.value.status, refusal.value.code) == (422, "corrupt_image")


@pytest.mark.parametrize("image_type", ["JPEG", "PNG", "WEBP"])
def test_damaged_bytes_never_raise_anything_but_a_problem(image_type: str) -> None:
    whole = saved(photo().resize((64, 80)), image_type)
    random = np.random.default_rng(7)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), size=int(random.integers(1, 12))):
            damaged[place] = int(random.integers(0, 256))
        try:
            image = decode(bytes(damaged))
        except (CorruptImage, FrameTooLarge, UnsupportedImageType):
            continue
        assert image.ndim == 3
        assert image.shape[2] == 3


def test_a_frame_with_too_many_bytes_is_refused_with_its_size() -> None:
    frame = people()[0]
    with pytest.raises(FrameTooLarge) as refusal:
        decode_frame(frame, limits=FrameLimits(bytes_max=len(frame) - 1))
    assert refusal.value.status == 413
    assert refusal.value.measured == {"bytes": len(frame), "limit": len(frame) - 1}


@pytest.mark.parametrize("image_type", ["JPEG", "PNG", "WEBP"])
def test_a_frame_of_too_many_megapixels_is_refused_with_them(image_type: str) -> None:
    frame = saved(PillowImage.new("L", (600, 500)), image_type)
    with pytest.raises(FrameTooLarge) as refusal:
        decode_frame(frame, limits=FrameLimits(megapixels_max=0.16))
    assert refusal.value.measured == {"megapixels": 0.3, "limit": 0.16}


def test_sixteen_megapixels_are_the_limit() -> None:
    with pytest.raises(FrameTooLarge) as refusal:
        decode(saved(PillowImage.new("L", (6000, 5000)), "JPEG"))
    assert refusal.value.measured == {"megapixels": 30.0, "limit": 16.0}


@pytest.mark.parametrize(
    "bomb",
    [
        png(65_535, 65_535, png_chunk(b"IDAT", zlib.compress(bytes(1 << 20)))),
        b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes(4) + b"\xff\x3f\x00\xff\x3f\x00" + bytes(32),
        b"RIFF\x00\x00\x00\x00WEBPVP8L\x20\x00\x00\x00\x2f\xff\xff\xff\x0f" + bytes(32),
        b"RIFF\x00\x00\x00\x00WEBPVP8 \x20\x00\x00\x00\x30\x01\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(32),
    ],
    ids=["png", "webp-extended", "webp-lossless", "webp-lossy"],
)
def test_a_decompression_bomb_is_refused_by_its_header(bomb: bytes) -> None:
    with pytest.raises(FrameTooLarge):
        decode(bomb)


def test_a_png_with_a_second_larger_header_is_refused() -> None:
    second = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    with pytest.raises((FrameTooLarge, CorruptImage)):
        decode(png(16, 16, second, png_chunk(b"IDAT", zlib.compress(bytes(16 * 49)))))


def test_a_png_that_inflates_far_beyond_its_header_costs_only_its_header() -> None:
    frame = png(16, 16, png_chunk(b"IDAT", zlib.compress(bytes(50 << 20), 9)))
    assert decode(frame).shape == (16, 16, 3)


def test_a_jpeg_with_thousands_of_scans_is_refused() -> None:
    progressive = saved(photo(), "JPEG", progressive=True)
    assert decode(progressive).shape[2] == 3
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    with pytest.raises(FrameTooLarge) as refusal:
        decode(progressive[:-2] + scan * 500 + b"\xff\xd9")
    assert refusal.value.measured == {"limit": 64}


def test_a_photograph_with_a_film_behind_it_is_a_photograph() -> None:
    film = np.random.default_rng(3).bytes(6 << 20)
    assert film.count(b"\xff\xda") > 64
    assert np.array_equal(decode(people()[0] + film), decode(people()[0]))


def test_stray_bytes_of_a_cheap_camera_do_not_spoil_a_whole_picture() -> None:
    frame = people()[0]
    assert np.array_equal(decode(frame[:-2] + b"\x00\x01\x02" + frame[-2:]), decode(frame))


@pytest.mark.parametrize("image_type", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_taken_in_any_orientation_stands_upright(image_type: str, orientation: int) -> None:
    turn = {
        2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
        3: PillowImage.Transpose.ROTATE_180,
        4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
        5: PillowImage.Transpose.TRANSPOSE,
        6: PillowImage.Transpose.ROTATE_90,  # the camera's picture is to be turned 90 degrees clockwise
        7: PillowImage.Transpose.TRANSVERSE,
        8: PillowImage.Transpose.ROTATE_270,
    }.get(orientation)
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    taken = photo() if turn is None else photo().transpose(turn)
    assert difference(decode(saved(taken, image_type, exif=exif, quality=95)), bgr(photo())) < 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_metadata_does_not_spoil_a_picture() -> None:
    exif = b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff"
    assert difference(decode(saved(photo(), "JPEG", exif=exif, quality=95)), bgr(photo())) < 3


@pytest.mark.parametrize("image_type", ["JPEG", "PNG", "WEBP"])
def test_a_grey_photograph_becomes_bgr(image_type: str) -> None:
    grey = photo().convert("L")
    image = decode(saved(grey, image_type, quality=95))
    assert difference(image, bgr(grey)) < 3


def test_a_16_bit_grey_png_keeps_its_light() -> None:
    grey = np.asarray(photo().convert("L")).astype(np.uint16) * 257
    frame = saved(PillowImage.fromarray(grey), "PNG")
    assert difference(decode(frame), bgr(photo().convert("L"))) < 1


def test_a_16_bit_colour_png_keeps_its_colours() -> None:
    colour = np.asarray(photo()).astype(">u2") * 257
    height, width = colour.shape[:2]
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in colour)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    frame = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    assert difference(decode(frame), bgr(photo())) < 1


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    frame = saved(photo().convert("CMYK"), "JPEG", quality=95)
    assert simplejpeg.decode_jpeg_header(frame)[2] in ("CMYK", "YCCK")
    assert difference(decode(frame), bgr(photo())) < 4


@pytest.mark.parametrize("image_type", ["PNG", "WEBP"])
def test_what_is_transparent_lies_on_white(image_type: str) -> None:
    picture = photo().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 40, 40))
    image = decode(saved(picture, image_type, lossless=True))
    assert (image[:40, :40] == 255).all()
    assert difference(image[40:, 40:].copy(), bgr(photo())[40:, 40:]) < 1


@pytest.mark.parametrize("mode", ["P", "1", "LA", "PA"])
def test_a_png_of_any_mode_becomes_bgr(mode: str) -> None:
    picture = photo().convert("P" if mode == "PA" else mode)
    if mode == "PA":
        picture = picture.convert("PA").convert("RGBA")
    assert decode(saved(picture, "PNG")).shape == (320, 260, 3)


@pytest.mark.parametrize("size", [(1, 1), (4000, 1), (1, 4000)])
def test_a_sliver_is_a_frame_like_any_other(size: tuple[int, int]) -> None:
    assert decode(saved(PillowImage.new("RGB", size), "PNG")).shape == (size[1], size[0], 3)


def test_the_type_is_told_by_content() -> None:
    assert [sniff(saved(photo(), kind)) for kind in ("JPEG", "PNG", "WEBP")] == ["jpeg", "png", "webp"]
