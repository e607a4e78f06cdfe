from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select, update

from facepay.identity.policy import Match
from facepay.templates.keeper import GalleryLocked
from facepay.templates.protection import TemplateUnreadable
from facepay.templates.renewal import renew
from facepay.templates.templates import Template
from tests.processes import OpenProcess, Process, Seen

pytestmark = pytest.mark.anyio
NEW_KEY = bytes([7] * 32)


async def sealed(process: Process) -> dict[str, bytes]:
    async with process.database.begin() as session:
        return {str(row.id): row.sealed for row in await session.scalars(select(Template))}


async def test_a_new_master_key_renews_every_template_without_a_photo(
    process: Process, open_process: OpenProcess, photo: Seen, frame: Seen
) -> None:
    members = [await process.add_enrolled(photo(number), frame(number)) for number in range(3)]
    await process.withdraw(await process.add_enrolled(photo(3)))
    renewed, before, steps = open_process(master_key=NEW_KEY), await sealed(process), []
    async with process.database.begin() as session:
        count = await renew(
            session,
            old=process.keeper.protection,
            new=renewed.keeper.protection,
            progress=lambda done, total: steps.append((done, total)),
        )
    assert count == 6
    assert steps == [(3, 3)]
    after = await sealed(process)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    for number, member_id in enumerate(members):
        decision = await renewed.decide(frame(number))
        assert isinstance(decision, Match)
        assert decision.member_id == member_id
        assert decision.similarity == pytest.approx(1, abs=1e-4), "the renewed template is the same face"
    with pytest.raises(GalleryLocked):
        await process.decide(frame(0))


async def test_templates_before_and_after_cannot_be_linked(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    face = photo(0).faces[0].embedding
    assert face is not None
    before, after = (each.keeper.protection.rotate(face) for each in (process, open_process(master_key=NEW_KEY)))
    assert abs(float(np.dot(before, after))) < 0.2


async def test_a_renewal_that_meets_a_tampered_template_changes_nothing(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    for number in range(2):
        await process.add_enrolled(photo(number))
    async with process.database.begin() as session:
        await session.execute(update(Template).values(sealed=Template.sealed.concat(b"\x00")))
    before, new = await sealed(process), open_process(master_key=NEW_KEY).keeper.protection
    with pytest.raises(TemplateUnreadable):
        async with process.database.begin() as session:
            await renew(session, old=process.keeper.protection, new=new)
    assert await sealed(process) == before
