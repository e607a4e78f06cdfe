"""From the bytes of a photograph to pixels: bounded before decoding, upright, always BGR."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image as PillowImage
from PIL import ImageOps

from facepay.kernel.errors import Problem

Image = npt.NDArray[np.uint8]
"""Pixels as (height, width, 3), uint8, BGR."""

ImageType = Literal["jpeg", "png", "webp"]

# A progressive JPEG repeats work for every scan: honest files have about ten, a bomb of 8 MiB 200,000.
JPEG_SCANS_MAX = 64
# Any marker but those within a scan: stuffed and filling bytes, and restarts.
JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
EXIF_ORIENTATION = 0x0112

# What simplejpeg and Pillow raise, depending on where a file breaks.
UNREADABLE = (
    ValueError,
    LookupError,
    OSError,
    EOFError,
    SyntaxError,
    struct.error,
    PillowImage.DecompressionBombError,
)


class EmptyFrame(Problem):
    status = 400
    code = "empty_frame"
    title = "Empty frame"


class UnsupportedImageType(Problem):
    status = 415
    code = "unsupported_image_type"
    title = "Not a JPEG, PNG or WebP image"


class FrameTooLarge(Problem):
    status = 413
    code = "frame_too_large"
    title = "Frame too large"


class CorruptImage(Problem):
    status = 422
    code = "corrupt_image"
    title = "Image can't be read"


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What one frame may cost: its bytes as sent, and its pixels as its header declares them."""

    bytes_max: int = 8 * 1024 * 1024
    megapixels_max: float = 16.0


def decode_frame(data: bytes, *, limits: FrameLimits) -> Image:
    """Decode a JPEG, PNG or WebP photograph (told by content) to upright BGR pixels.

    EXIF orientation is applied, grey becomes BGR, 16 bits become 8, CMYK becomes BGR, and what is
    transparent lies on white. The size is checked from the header, before any pixel is decoded.

    Raises EmptyFrame, UnsupportedImageType, FrameTooLarge (`bytes` or `megapixels`, and `limit`) and
    CorruptImage.
    """
    if not data:
        raise EmptyFrame("The frame has no bytes.")
    if len(data) > limits.bytes_max:
        raise FrameTooLarge("The frame has too many bytes.", bytes=len(data), limit=limits.bytes_max)
    image_type = sniff(data)
    if image_type is None:
        raise UnsupportedImageType("Frames are JPEG, PNG or WebP; this content is none of them.")
    try:
        if image_type == "jpeg":
            return _decode_jpeg(data, limits)
        _check_size(*(_png_size(data) if image_type == "png" else _webp_size(data)), limits)
        return _decode_any(data, limits)
    except UNREADABLE as error:
        raise CorruptImage(f"The {image_type.upper()} image is damaged or cut short.") from error


def sniff(data: bytes) -> ImageType | None:
    """The image type that the first bytes tell, whatever a header or a file name claims."""
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None


def _check_size(width: int, height: int, limits: FrameLimits) -> None:
    if width < 1 or height < 1:
        raise CorruptImage("The image has no pixels.")
    megapixels = width * height / 1e6
    if megapixels > limits.megapixels_max:
        raise FrameTooLarge(
            "The image has too many pixels.", megapixels=round(megapixels, 2), limit=limits.megapixels_max
        )


def _decode_jpeg(data: bytes, limits: FrameLimits) -> Image:
    height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    _check_size(width, height, limits)
    if _has_too_many_scans(data):
        raise FrameTooLarge("The JPEG image has too many scans.", limit=JPEG_SCANS_MAX)
    if colorspace in ("CMYK", "YCCK"):
        return _decode_any(data, limits)
    try:
        image = simplejpeg.decode_jpeg(data, "BGR")
    except ValueError as error:
        # Cheap cameras leave stray bytes between markers; the picture itself is whole.
        if "extraneous bytes" not in str(error):
            raise
        image = simplejpeg.decode_jpeg(data, "BGR", strict=False)
    return _upright(image, _orientation(data))


def _decode_any(data: bytes, limits: FrameLimits) -> Image:
    """Decode what the fast path doesn't: PNG, WebP, and JPEG in CMYK."""
    with PillowImage.open(io.BytesIO(data)) as opened:
        _check_size(*opened.size, limits)  # a PNG may carry a second header
        opened.load()
        picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I"):  # 16-bit grey, which convert("RGB") would clip to white
        grey = (np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = PillowImage.new("RGBA", picture.size, "white")
        picture = PillowImage.alpha_composite(paper, picture)
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])


def _has_too_many_scans(jpeg: bytes) -> bool:
    """Walk the markers as libjpeg does: segments are skipped by their length, up to the end of the image."""
    if jpeg.count(b"\xff\xda") <= JPEG_SCANS_MAX:  # the walk costs a millisecond, this none
        return False
    scans, position = 0, 2
    while found := JPEG_MARKER.search(jpeg, position):
        marker, position = jpeg[found.end() - 1], found.end()
        if marker == 0xD9:
            return False
        scans += marker == 0xDA
        if scans > JPEG_SCANS_MAX:
            return True
        position += int.from_bytes(jpeg[position : position + 2], "big")
    return False


def _orientation(jpeg: bytes) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) when there is none or it can't be read."""
    if b"Exif\x00\x00" not in jpeg[: 1 << 17]:
        return 1
    try:
        with PillowImage.open(io.BytesIO(jpeg)) as opened:
            return int(opened.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # broken metadata around a good picture
        return 1


def _upright(image: Image, orientation: int) -> Image:
    """Undo an EXIF orientation (5 to 8 swap the axes)."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _png_size(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError("the first chunk is not IHDR")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP file (RFC 9649): Pillow allocates the canvas as soon as it opens one."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L" and data[20:21] == b"\x2f":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("unknown WebP chunk")
