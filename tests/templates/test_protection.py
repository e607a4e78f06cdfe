"""A stolen table says nothing, and an altered one nothing either."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepay.kernel.ids import new_id
from facepay.kernel.secrets import MasterKey
from facepay.templates.protection import Floats, Protection, TemplateUnreadable

OURS, THEIRS = Protection(MasterKey(bytes(32))), Protection(MasterKey(bytes([1] * 32)))


def embeddings(count: int, *, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).standard_normal((count, 512))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_rotation_changes_no_cosine() -> None:
    plain = embeddings(20)
    rotated = OURS.rotate(plain)
    assert np.allclose(rotated @ rotated.T, plain @ plain.T, atol=1e-5)
    assert np.allclose(OURS.rotate_back(rotated), plain, atol=1e-5)


def test_two_keys_templates_of_one_face_are_strangers() -> None:
    plain = embeddings(20)
    ours, theirs = OURS.rotate(plain), THEIRS.rotate(plain)
    for other in (plain, theirs):
        assert np.abs((ours * other).sum(axis=1)).max() < 0.25


def test_one_key_gives_one_rotation_for_all_time() -> None:
    # Written down: a process that computed another rotation would recognise nobody it has enrolled.
    corner = OURS.rotate(np.eye(512, dtype=np.float32))[:2, :2]
    assert np.allclose(corner, [[-0.019174, -0.119968], [-0.042387, 0.031451]], atol=1e-5)


def test_a_sealed_template_opens_for_its_member_only() -> None:
    member_id, other_id, template_id = new_id(), new_id(), new_id()
    key, template = OURS.new_key(member_id), embeddings(1)[0]
    sealed = OURS.seal_template(template, wrapped_key=key, owner_id=member_id, template_id=template_id)
    opened = OURS.unseal_template(sealed, wrapped_key=key, owner_id=member_id, template_id=template_id)
    assert np.array_equal(opened, template)
    for protection, owner, place in (
        (THEIRS, member_id, template_id),
        (OURS, other_id, template_id),
        (OURS, member_id, new_id()),
    ):
        with pytest.raises(TemplateUnreadable):
            protection.unseal_template(sealed, wrapped_key=key, owner_id=owner, template_id=place)


@given(st.integers(0, 12 + 4 * 512 + 16 - 1), st.integers(1, 255))
def test_no_byte_of_a_sealed_template_can_be_altered(position: int, flip: int) -> None:
    member_id, template_id = new_id(), new_id()
    key = OURS.new_key(member_id)
    sealed = bytearray(
        OURS.seal_template(embeddings(1)[0], wrapped_key=key, owner_id=member_id, template_id=template_id)
    )
    sealed[position] ^= flip
    with pytest.raises(TemplateUnreadable):
        OURS.unseal_template(bytes(sealed), wrapped_key=key, owner_id=member_id, template_id=template_id)
