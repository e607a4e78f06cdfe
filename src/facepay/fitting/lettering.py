"""Words on a picture, in a font that has all their characters: never boxes in place of a name."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

# Where systems keep fonts with Latin and East Asian characters, and a collection's face for simplified Chinese.
# Debian's fonts-noto-cjk is the first; without any of these, Pillow's own font has ASCII.
_FONTS = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/System/Library/Fonts/Hiragino Sans GB.ttc", 0),
    ("C:/Windows/Fonts/msyh.ttc", 0),
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 0),
    ("/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf", 0),
)
_BOLD = {
    "NotoSansCJK-Regular.ttc": "NotoSansCJK-Bold.ttc",
    "msyh.ttc": "msyhbd.ttc",
    "DejaVuSans.ttf": "DejaVuSans-Bold.ttf",
}
_NO_CHARACTER = "\U0010ffff"

Font = ImageFont.FreeTypeFont


@lru_cache(maxsize=1)
def installed() -> tuple[tuple[Path, int], ...]:
    """The fonts of this machine, the best first."""
    return tuple((Path(path), face) for path, face in _FONTS if Path(path).is_file())


def font_for(text: str, size: float, *, bold: bool = False) -> Font | None:
    """The first font that has all of the text's characters, or None."""
    for path, face in installed():
        if _has_all(path, face, text):
            heavy = path.with_name(_BOLD.get(path.name, path.name))
            return _loaded(heavy if bold and heavy.is_file() else path, face, size)
    return _built_in(size) if text.isascii() else None


def can_be_written(text: str) -> bool:
    return font_for(text, 16) is not None


def fitted(text: str, font: Font, width: float) -> str:
    """Cut off with an ellipsis where it is wider than this."""
    if font.getlength(text) <= width:
        return text
    end = "..."
    while text and font.getlength(text.rstrip() + end) > width:
        text = text[:-1]
    return text.rstrip() + end


def wrapped(text: str, font: Font, width: float, *, lines_max: int) -> list[str]:
    """In lines of at most this width; what is too long for `lines_max` is cut off."""
    lines, line = list[str](), ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    lines.append(line)
    if len(lines) > lines_max:
        lines = [*lines[: lines_max - 1], " ".join(lines[lines_max - 1 :])]
    return [fitted(line, font, width) for line in lines]


@lru_cache(maxsize=4096)
def _has_all(path: Path, face: int, text: str) -> bool:
    font = _loaded(path, face, 16)
    missing = _drawn(font, _NO_CHARACTER)
    return all(character.isspace() or _drawn(font, character) != missing for character in set(text))


def _drawn(font: Font, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)


@lru_cache(maxsize=128)
def _loaded(path: Path, face: int, size: float) -> Font:
    return ImageFont.truetype(path, size, index=face)


@lru_cache(maxsize=64)
def _built_in(size: float) -> Font:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels bring FreeType"
    return font
