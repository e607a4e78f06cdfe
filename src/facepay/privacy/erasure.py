"""Erasing a face, or a member with it: one transaction, in every table that holdings.py lists, and a receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import CursorResult, Table, delete, func, null, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.presence import is_inside
from facepay.access_log.retention import unlink_member
from facepay.families.changes import leave
from facepay.identity.enrolment import withdraw
from facepay.identity.lookalikes import hold_pairs
from facepay.kernel.database import Base
from facepay.kernel.errors import Conflict
from facepay.kernel.ids import new_id
from facepay.members.biometric_uses import Use, record_use
from facepay.members.consents import Consent
from facepay.members.members import get_member, strip_personal_data
from facepay.online.intents import cancel_open
from facepay.privacy.holdings import Fate, held_rows, holding_of
from facepay.privacy.receipts import ErasureReceipt, Reason, Signer
from facepay.privacy.wallets import close_wallets
from facepay.recommender.consents import withdraw_agreement
from facepay.shelves.baskets import is_unsettled
from facepay.templates.templates import Template, TemplateKey
from facepay.test_drives.drives import has_drive

# The answers stay: without one, a retry would act again. They name the member by id wherever they name them at all, but
# for what came of a dispute, of a decision or of a test drive, which has words about them, and payments on the web,
# which have a shop's. Where one names several, as a
# table's does, each name is beside its id (`RecognisedMember`).
_UNNAME_ANSWERS = text(
    r"""
    update idempotency_record set answer = replace(regexp_replace(
        (case when answer #>> '{member,id}' = :member_id then jsonb_set(answer, '{member,display_name}', '""')
              when answer ->> 'dispute_id' is not null then answer || '{"reason": "", "note": ""}'
              when answer ? 'disputed_why'
                  then answer || '{"claim_why": null, "disputed_why": null, "ended_why": null}'
              when answer ->> 'object' = 'payment_intent'
                  then answer || '{"description": null, "return_url": null, "metadata": {}}'
              else answer end)::text,
        '("id": "' || :member_id || '", "display_name": )"([^"\\]|\\.)*"', '\1""', 'g'),
        :member_id, '00000000-0000-0000-0000-000000000000')::jsonb
     where answer::text like '%' || :member_id || '%'
        or answer ->> 'dispute_id' in (select id::text from dispute where member_id = cast(:member_id as uuid))
    """
)


class BasketUnsettled(Conflict):
    """What the member took from shelves isn't settled yet: some minutes after they have left, it is."""

    code = "basket_unsettled"
    title = "Basket unsettled"


class StillInside(Conflict):
    """The member is in a zone, as far as its doors know: in a fire they would be on nobody's list."""

    code = "still_inside"
    title = "Still inside"


class DriveUnfinished(Conflict):
    """A car is reserved for the member, with them, or back and not settled yet."""

    code = "drive_unfinished"
    title = "Drive unfinished"


async def erase_face(
    session: AsyncSession, *, member_id: UUID, reason: Reason, signer: Signer, actor: str, now: datetime
) -> ErasureReceipt:
    """End the consent, and erase all that was made from the face. Raises MemberNotFound."""
    await get_member(session, member_id, lock=True)
    await hold_pairs(session, member_id=member_id)
    record_use(session, member_id=member_id, use=Use.WITHDRAWN, actor=actor, now=now)
    erased = await _erase_rows(session, member_id, _holders(with_face_only=True))
    erased += await _remove_face(session, member_id, now)
    receipt = signer.sign(scope="face", reason=reason, erased=erased, given_up={}, erased_by=actor, now=now)
    session.add(receipt)
    await session.flush()
    return receipt


async def erase_member(
    session: AsyncSession,
    *,
    member_id: UUID,
    forfeit: bool,
    signer: Signer,
    actor: str,
    now: datetime,
    reason: Reason = Reason.REQUEST,
) -> ErasureReceipt:
    """Erase the face and everything that says who they were. What has to stay names nobody.

    Their family loses them, or ends where they paid for it. Whoever decides on a member holds their row until the
    answer is kept, so nothing can come after this. The gallery's lock, which holds up everybody who enrols, is taken
    last. Raises MemberNotFound, FamilyChanged, StillInside, BasketUnsettled, and wallets.py's refusals where there is
    money left.
    """
    left = await leave(session, member_id=member_id, now=now)
    member = await get_member(session, member_id, lock=True)
    if await is_inside(session, member_id=member_id):
        raise StillInside("This member is inside: say where they are if they have left.")
    if await is_unsettled(session, member_id=member_id):
        raise BasketUnsettled("What this member took from shelves isn't settled yet.")
    if await has_drive(session, member_id=member_id):
        raise DriveUnfinished("A test drive of this member's has not ended.")
    await hold_pairs(session, member_id=member_id)
    await cancel_open(session, member_id=member_id, now=now)
    receipt_id = new_id()
    given_up = await close_wallets(
        session, member_id=member_id, receipt_id=receipt_id, forfeit=forfeit, actor=actor, now=now
    )
    answers = await session.execute(_UNNAME_ANSWERS, {"member_id": str(member_id)})
    assert isinstance(answers, CursorResult)
    erased = Counter({"member": 1, "idempotency_record": answers.rowcount}) + left
    erased += await _erase_rows(session, member_id, _holders(with_face_only=False))
    erased += +Counter(access_event_person=await unlink_member(session, member_id=member_id, actor=actor, now=now))
    erased += await _remove_face(session, member_id, now)
    await strip_personal_data(session, member=member, now=now)
    receipt = signer.sign(
        receipt_id=receipt_id,
        scope="member",
        reason=reason,
        erased=erased,
        given_up=given_up,
        erased_by=actor,
        now=now,
    )
    session.add(receipt)
    await session.flush()
    return receipt


def _holders(*, with_face_only: bool) -> Iterator[Table]:
    """The tables to erase from, those that point at others first: without a foreign key before all with one."""
    tables = [*reversed(Base.metadata.sorted_tables)]
    tables.sort(key=_is_tied)
    for table in tables:
        holding = holding_of(table.name)
        erases = holding.fate in (Fate.ERASED, Fate.UNLINKED) and not holding.by_hand
        if erases and (holding.with_face or not with_face_only):
            yield table


def _is_tied(table: Table) -> bool:
    through = holding_of(table.name).through
    return through is None or through[1] in {key.column.table.name for key in table.foreign_keys}


async def _erase_rows(session: AsyncSession, member_id: UUID, tables: Iterator[Table]) -> Counter[str]:
    erased: Counter[str] = Counter()
    await session.flush()
    for table in tables:
        holding, rows = holding_of(table.name), held_rows(table, member_id)
        if holding.fate is Fate.ERASED:
            result = await session.execute(delete(table).where(rows))
        else:
            result = await session.execute(update(table).where(rows).values(dict.fromkeys(holding.cleared, null())))
        assert isinstance(result, CursorResult)
        erased[table.name] = result.rowcount
    return +erased


async def _remove_face(session: AsyncSession, member_id: UUID, now: datetime) -> Counter[str]:
    """Consent, templates and their key: from the commit on, no replica's gallery knows them. Taste came of the face, so
    the consent to it ends too.
    """
    counts = select(
        select(func.count()).where(Template.member_id == member_id).scalar_subquery(),
        select(func.count())
        .where(TemplateKey.member_id == member_id, TemplateKey.wrapped_key.is_not(None))
        .scalar_subquery(),
        select(func.count()).where(Consent.member_id == member_id, Consent.withdrawn_at.is_(None)).scalar_subquery(),
    )
    templates, keys, consents = (await session.execute(counts)).one()
    await withdraw(session, member_id=member_id, now=now)
    agreed = await withdraw_agreement(session, member_id=member_id, now=now)
    return +Counter(template=templates, template_key=keys, consent=consents, profiling_consent=int(agreed))
