"""Face templates at rest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from facepay.cli.running import console, on_database
from facepay.settings import Settings

LISTED_MAX = 50
templates_app = typer.Typer(no_args_is_help=True, help="Face templates at rest.")


@templates_app.command("rekey")
def rekey_templates(
    new_key: Annotated[
        bool, typer.Option("--new-key", help="First make a new key, and put it in force in master.key.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Then remove the keys before from master.key; first restart every server.")
    ] = False,
) -> None:
    """Move every face template and ban, and every webhook endpoint's secret, to the master key in force, while the shop
    is open and without a new photo.

    FACEPAY_MASTER_KEY names the keys, apart by commas: the first is in force, the others open what they sealed.
    Restart every replica with `old,new`, then with `new,old`; rekey; and restart with `new` once nothing is left.
    A rekeying that was stopped goes on where it was.
    """
    from rich.progress import Progress

    from facepay.bootstrap import MASTER_KEY_FILE, master_key
    from facepay.kernel.database import Database
    from facepay.kernel.secrets import MasterKey
    from facepay.templates.protection import Protection
    from facepay.templates.rekeying import Rekeyed, left_under_others, rekey
    from facepay.watchlist.gallery import protection_of
    from facepay.watchlist.rekeying import bans_under_others, rekey_bans
    from facepay.webhooks.endpoints import reseal

    settings = Settings()
    key_file = None if settings.master_key else settings.data_dir / MASTER_KEY_FILE
    if key_file is None and (new_key or forget):
        raise typer.BadParameter("FACEPAY_MASTER_KEY is set, so change the keys there.")
    if key_file and new_key:
        MasterKey.succeed_in_file(key_file)
    key = master_key(settings)
    protection, of_bans = Protection(key), protection_of(key)

    async def move(database: Database) -> tuple[Rekeyed, int, dict[str, int], dict[str, int]]:
        with Progress(console=console) as progress:
            task = progress.add_task("rekeying", total=None)
            done = await rekey(
                database,
                protection=protection,
                progress=lambda seen, total: progress.update(task, completed=seen, total=total),
            )
        async with database.begin() as session:
            await reseal(session, key=key)
            bans = await rekey_bans(session, protection=of_bans)
            bans_left = await bans_under_others(session, protection=of_bans)
            return done, bans, await left_under_others(session, protection=protection), bans_left

    done, bans, left, bans_left = on_database(move)
    console.print(f"{done.moved} members moved to the key {protection.key_id}, and {bans} bans to {of_bans.key_id}.")
    for member_id in done.unreadable:
        console.print(f"[red]The templates of member {member_id} can't be read: withdraw that face, enrol it again.[/]")
    for key_id, count in bans_left.items():
        console.print(
            f"[yellow]{count} bans are left under the watchlist's key {key_id}: lift those, or give the key.[/]"
        )
    if bans_left:
        raise typer.Exit(code=1)
    _say_what_is_left(left, protection.known_key_ids, key_file, forget=forget)


def _say_what_is_left(left: dict[str, int], known: frozenset[str], key_file: Path | None, *, forget: bool) -> None:
    from facepay.kernel.secrets import MasterKey

    for key_id, count in left.items():
        lost = "" if key_id in known else ", which is not among the keys given"
        console.print(f"[yellow]{count} members are left under the key {key_id}{lost}.[/]")
    if left:
        raise typer.Exit(code=1)
    if key_file and forget:
        MasterKey.forget_others_in_file(key_file)
    console.print("Nothing is left under another key. Backups made before still need theirs.")


@templates_app.command("unlearn")
def drop_adapted_templates(
    member: Annotated[UUID | None, typer.Option("--member", help="Of one member; else of everybody.")] = None,
) -> None:
    """Forget what templates have learned from matches. Those that were enrolled stay as they are."""
    from facepay.kernel.database import Database
    from facepay.templates.adaptation import drop_adapted

    async def drop(database: Database) -> int:
        async with database.begin() as session:
            return await drop_adapted(session, member_id=member)

    console.print(f"{on_database(drop)} learned templates dropped.")


@templates_app.command("rebuild")
def rebuild_templates(
    drop_others: Annotated[
        bool, typer.Option("--drop-others", help="Then delete the templates of all other packs.")
    ] = False,
) -> None:
    """Make templates of FACEPAY_MODEL_PACK from the photos that were kept, and those of bans, while the shop is open
    under another pack.

    Then restart every replica with the new pack, and call this once more for who enrolled meanwhile. A rebuilding that
    was stopped goes on where it was.
    """
    from rich.progress import Progress

    from facepay.bootstrap import master_key
    from facepay.kernel.clock import utc_now
    from facepay.kernel.database import Database
    from facepay.templates.protection import Floats, Protection
    from facepay.templates.rebuilding import Rebuilt, drop_other_packs, must_enrol_again, rebuild
    from facepay.vision.engine import load_engine
    from facepay.vision.evidence import FaceQuality
    from facepay.vision.quality import ENROLMENT, assess
    from facepay.watchlist import rebuilding as of_bans
    from facepay.watchlist.gallery import protection_of

    settings = Settings()
    key = master_key(settings)
    engine = load_engine(settings.model_pack, provider=settings.execution_provider)

    async def look(photo: bytes) -> tuple[Floats, FaceQuality] | None:
        evidence = await asyncio.to_thread(engine.analyse, photo, points=True)
        face = evidence.faces[0] if evidence.faces else None
        if face is None or face.embedding is None or assess(face, policy=ENROLMENT):
            return None
        return face.embedding, face.quality

    async def make(database: Database) -> tuple[Rebuilt, int, Sequence[UUID], int]:
        with Progress(console=console) as progress:
            task = progress.add_task("rebuilding", total=None)
            done = await rebuild(
                database,
                protection=Protection(key),
                pack=engine.pack,
                look=look,
                now=utc_now(),
                progress=lambda seen, total: progress.update(task, completed=seen, total=total),
            )
        bans, unseen = await of_bans.rebuild_bans(database, protection=protection_of(key), pack=engine.pack, look=look)
        console.print(f"{bans} bans have templates of {engine.pack} now.")
        for ban_id in unseen:
            console.print(f"[yellow]No photo of the ban {ban_id} does: lift it, and propose it again.[/]")
        async with database.begin() as session:
            if drop_others:
                await of_bans.drop_other_packs(session, pack=engine.pack)
            left, first = await must_enrol_again(session, pack=engine.pack, most=LISTED_MAX)
            return done, left, first, await drop_other_packs(session, pack=engine.pack) if drop_others else 0

    done, left, first, dropped = on_database(make)
    console.print(f"{done.members} members have templates of {engine.pack} now.")
    if left:
        listed = "\n  ".join(map(str, first)) + ("\n  …" if left > len(first) else "")
        why = f"no photo of theirs was kept, or none does ({len(done.refused)})"
        console.print(f"[yellow]{left} members have to enrol again: {why}.[/]\n  {listed}")
    if drop_others:
        console.print(f"{dropped} templates of other packs deleted.")
