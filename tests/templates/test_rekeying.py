"""A new master key while the shop is open: every process recognises everybody at every point of the way."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select, update

from facepay.identity.policy import Match
from facepay.kernel.secrets import MasterKey
from facepay.templates import rekeying
from facepay.templates.photos import keep_photos, unseal_photo
from facepay.templates.protection import GalleryLocked
from facepay.templates.rekeying import left_under_others, rekey
from facepay.templates.templates import EnrolmentPhoto, MemberKey, Template, TemplateKey
from tests.processes import NOW, OpenProcess, Process, Seen

pytestmark = pytest.mark.anyio
OLD, NEW = bytes(32), bytes([7] * 32)
# Moves one member, says so, and waits: to be killed there.
KILLED = """
import asyncio, sys
from facepay.kernel.database import Database
from facepay.kernel.secrets import MasterKey
from facepay.templates import rekeying
from facepay.templates.protection import Protection

def wait(*_):
    print("moved one", flush=True)
    sys.stdin.read()

rekeying.PORTION = 1
protection = Protection(MasterKey(bytes([7] * 32), [MasterKey(bytes(32))]))
asyncio.run(rekeying.rekey(Database(sys.argv[1]), protection=protection, progress=wait))
"""


async def sealed(process: Process) -> dict[str, bytes]:
    async with process.database.begin() as session:
        return {str(row.id): row.sealed for row in await session.scalars(select(Template))}


async def left(process: Process) -> list[int]:
    async with process.database.begin() as session:
        return list((await left_under_others(session, protection=process.keeper.protection)).values())


async def knows(process: Process, members: Sequence[UUID], frame: Seen) -> bool:
    """Whether each of the first people is recognised as their member, as surely as on the day they enrolled."""
    decisions = [await process.decide(frame(number)) for number in range(len(members))]
    return [decision.member_id for decision in decisions if isinstance(decision, Match)] == list(members)


async def test_processes_of_either_key_know_everybody_while_members_move_one_by_one(
    process: Process, open_process: OpenProcess, photo: Seen, frame: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekeying, "PORTION", 1)
    members = [await process.add_enrolled(photo(number), photo(number)) for number in range(3)]
    await process.withdraw(await process.add_enrolled(photo(3)))
    before, new = await sealed(process), open_process(master_key=NEW, others=[OLD])

    def stop(*_: int) -> None:
        raise InterruptedError

    for moved in range(4):
        assert await left(new) == ([3 - moved] if moved < 3 else [])
        restarted = [open_process(master_key=OLD, others=[NEW]), open_process(master_key=NEW, others=[OLD])]
        assert all([await knows(each, members, frame) for each in (process, new, *restarted)])
        if moved < 3:
            with pytest.raises(InterruptedError):
                await rekey(new.database, protection=new.keeper.protection, progress=stop)
    after = await sealed(process)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    assert await knows(open_process(master_key=NEW), members, frame), "nothing needs the old key any more"
    with pytest.raises(GalleryLocked):
        await open_process(master_key=OLD).decide(frame(0))


async def test_a_rekeying_that_is_killed_goes_on_where_it_was(
    process: Process, open_process: OpenProcess, photo: Seen, frame: Seen
) -> None:
    members = [await process.add_enrolled(photo(number)) for number in range(3)]
    new, steps = open_process(master_key=NEW, others=[OLD]), list[tuple[int, int]]()
    url = process.database.engine.url.render_as_string(hide_password=False)
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, url, stdin=PIPE, stdout=PIPE)
    assert killed.stdout is not None
    assert await killed.stdout.readline() == b"moved one\n"
    killed.kill()
    await killed.wait()
    assert await left(new) == [2]
    assert await knows(new, members, frame)
    done = await rekey(
        new.database, protection=new.keeper.protection, progress=lambda seen, total: steps.append((seen, total))
    )
    assert (done.moved, done.unreadable, steps) == (2, (), [(2, 2)])
    assert await knows(open_process(master_key=NEW), members, frame)


async def test_who_enrols_anew_while_their_portion_is_on_its_way_keeps_the_new_face(
    process: Process, open_process: OpenProcess, photo: Seen, frame: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    member_id = await process.add_enrolled(photo(0))
    new, write = open_process(master_key=NEW, others=[OLD]), rekeying._write

    async def enrol_first(session: object, members: object) -> int:
        await process.enrol(member_id, photo(1))
        return await write(session, members)  # type: ignore[arg-type]

    monkeypatch.setattr(rekeying, "_write", enrol_first)
    assert (await rekey(new.database, protection=new.keeper.protection)).moved == 0
    decision = await new.decide(frame(1))
    assert isinstance(decision, Match)
    assert await left(new) == [1]


async def test_a_tampered_template_is_named_and_holds_nobody_else_up(
    process: Process, open_process: OpenProcess, photo: Seen, frame: Seen
) -> None:
    first, second = [await process.add_enrolled(photo(number)) for number in range(2)]
    async with process.database.begin() as session:
        tampered = Template.sealed.concat(b"\x00")
        await session.execute(update(Template).where(Template.member_id == second).values(sealed=tampered))
    new = open_process(master_key=NEW, others=[OLD])
    done = await rekey(new.database, protection=new.keeper.protection)
    assert (done.moved, done.unreadable) == (1, (second,))
    assert await knows(new, [first], frame)


async def test_a_kept_photo_moves_with_its_member(process: Process, open_process: OpenProcess, photo: Seen) -> None:
    member_id, new = await process.add_enrolled(photo(0)), open_process(master_key=NEW, others=[OLD])
    protection = new.keeper.protection
    async with process.database.begin() as session:
        await keep_photos(
            session, protection=process.keeper.protection, member_id=member_id, photos=[b"a photo"], now=NOW
        )
    await rekey(new.database, protection=protection)
    async with process.database.begin() as session:
        row, kept = await session.get_one(TemplateKey, member_id), await session.scalars(select(EnrolmentPhoto))
        key = MemberKey(member_id, row.key_id or "", row.wrapped_key or b"")
        (only,) = kept
    assert unseal_photo(only.sealed, key=key, photo_id=only.id, protection=protection) == b"a photo"


async def test_templates_before_and_after_cannot_be_linked(
    process: Process, open_process: OpenProcess, photo: Seen
) -> None:
    face = photo(0).faces[0].embedding
    assert face is not None
    before, after = (each.keeper.protection.rotate(face) for each in (process, open_process(master_key=NEW)))
    assert abs(float(np.dot(before, after))) < 0.2


def test_a_successor_in_the_key_file_opens_what_its_predecessor_made(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    old = MasterKey.from_file(file)
    MasterKey.succeed_in_file(file)
    new = MasterKey.from_file(file)
    assert new.derive_each("a purpose")[1:] == old.derive_each("a purpose")
    assert new.derive("a purpose") != old.derive("a purpose")
    MasterKey.forget_others_in_file(file)
    assert MasterKey.from_file(file).derive_each("a purpose") == (new.derive("a purpose"),)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["master.key"]
