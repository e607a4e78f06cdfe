"""The gallery in memory keeps the contract, and leaves nothing of a face behind."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from facepay.templates.gallery import MemoryGallery
from tests.templates.gallery_contract import MEMBERS, GalleryContract, OpenGallery, Twin, face, unrotated


class TestMemoryGallery(GalleryContract):
    @pytest.fixture
    def open_gallery(self) -> OpenGallery:
        return lambda rotate: nullcontext(MemoryGallery(rotate))


def test_a_removed_face_leaves_no_trace_in_memory() -> None:
    gallery = MemoryGallery(unrotated)
    twin = Twin(gallery)
    twin.change(*((number, [number]) for number in range(5)))
    matrix = gallery._snapshot.matrix
    twin.change((2, []))
    for kept in (matrix, gallery._snapshot.matrix):
        assert not np.isclose(kept @ face(2), 1, atol=1e-3).any()
    assert gallery.references(MEMBERS).keys() == {MEMBERS[number] for number in (0, 1, 3, 4)}
