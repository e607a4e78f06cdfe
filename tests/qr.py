"""A scanner."""

from __future__ import annotations

import re

import cv2
import numpy as np


def read_qr(svg: str) -> str:
    """What a scanner reads from the document: its dark strokes, drawn as pixels."""
    modules, x, y = np.full((64, 64), 255, np.uint8), 0.0, 0.0
    strokes = re.search(r'stroke="#000" d="([^"]+)"', svg)
    assert strokes
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", strokes[1]):
        values = [float(each) for each in re.findall(r"-?[\d.]+", numbers)]
        if command == "h":
            modules[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
        elif command == "M":
            x, y = values
        else:
            x, y = x + values[0], y + values[1]
    text, _, _ = cv2.QRCodeDetectorAruco().detectAndDecode(np.kron(modules, np.full((8, 8), 1, np.uint8)))
    return text
