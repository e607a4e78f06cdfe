"""Proof of the access log, on one snapshot, live or on a copy: no door waits for it."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from facepay.access_log.log import LOG
from facepay.kernel.chain import Head, Link
from facepay.kernel.database import Database
from facepay.kernel.proofs import FIRST, Finding, Paged, Progress, Report, snapshot, turn_pages

_EVENTS = """
with page as materialized (
    select e.id, e.position from access_event e where e.position > cast(:after as bigint)
     order by e.position limit 5000
), judged as (
    select page.id, page.position, case
        when page.position not between 1 and chain.last_position('access') then 'has a position that nobody drew'
        when page.position <= (select sealed from chain.logs where name = 'access')
            and not exists (select from chain.links l where l.record_id = page.id) then 'is missing from the chain'
        end as problem
      from page
), wrong as (
    select * from judged where problem is not null order by position limit 1
)
select (select count(*) from page) as rows, (select max(position) from page) as last,
       'event ' || wrong.id as row, wrong.problem
  from (select 1) one left join wrong on true
"""

_PERSONS = """
with page as materialized (
    select e.id, e.position, e.person_digests from access_event e where e.position > cast(:after as bigint)
     order by e.position limit 5000
), judged as (
    select page.id, page.position, d.place, case
        when p.event_id is null then 'is gone'
        when p.unlinked_by is null and d.digest <> sha256(p.salt || convert_to(
            access_log.person_text(p.member_id, p.holder_id, p.details), 'UTF8')) then 'is not who was written down'
        when p.unlinked_by is not null and not exists (
            select from access_event x where x.id = p.unlinked_by and x.kind = 'erasure')
            then 'was emptied, and no erasure says so'
        end as problem
      from page cross join lateral unnest(page.person_digests) with ordinality d (digest, place)
      left join access_event_person p on (p.event_id, p.place) = (page.id, d.place)
    union all
    select page.id, page.position, p.place, 'was slipped in'
      from page join access_event_person p on p.event_id = page.id
     where p.place not between 1 and cardinality(page.person_digests)
), wrong as (
    select * from judged where problem is not null order by position, place limit 1
)
select (select count(*) from judged) as rows, (select max(position) from page) as last,
       'event ' || wrong.id || ' person ' || wrong.place as row, wrong.problem
  from (select 1) one left join wrong on true
"""

# The rows that an erasure emptied lead, one from the other, to the digest that it sealed. Retention takes the oldest:
# then those that are left begin later, and end at the same digest.
_ERASURES = """
with page as materialized (
    select e.id, e.position, decode(e.details ->> 'digest', 'hex') as digest from access_event e
     where e.kind = 'erasure' and e.position > cast(:after as bigint) order by e.position limit 100
), steps as (
    select page.position as erasure, p.event_id, p.place, e.position,
           sha256(p.unlinked_after || uuid_send(p.event_id) || int2send(p.place)) as link,
           lead(p.unlinked_after, 1, page.digest) over (partition by page.id order by e.position, p.place) as next
      from page join access_event_person p on p.unlinked_by = page.id join access_event e on e.id = p.event_id
), wrong as (
    select * from steps where link is distinct from next order by erasure, position, place limit 1
)
select (select count(*) from steps) as rows, (select max(position) from page) as last,
       'event ' || wrong.event_id || ' person ' || wrong.place as row,
       case when wrong.event_id is not null then 'was emptied, and not by the erasure that it names' end as problem
  from (select 1) one left join wrong on true
"""

_STRAYS = """
select 0 as rows, null as last, 'event ' || wrong.event_id || ' person ' || wrong.place as row,
       case when wrong.event_id is not null then 'belongs to no event' end as problem
  from (select 1) one left join lateral (
    select p.event_id, p.place from access_event_person p
     where p.event_id > cast(:after as uuid) and not exists (select from access_event e where e.id = p.event_id)
     limit 1) wrong on true
"""

_BEFORE_ALL = -(2**63)
CHECKS = {
    "events": Paged(
        "select reltuples::bigint from pg_class where oid = 'access_event'::regclass", _EVENTS, _BEFORE_ALL
    ),
    "persons": Paged(
        "select reltuples::bigint from pg_class where oid = 'access_event_person'::regclass", _PERSONS, _BEFORE_ALL
    ),
    "erasures": Paged("select 0", _ERASURES, _BEFORE_ALL),
    "strays": Paged("select 0", _STRAYS, FIRST),
}

# The newest record of retention, whether it is what was sealed, and the first link that is left.
_CUT = text("""
    select e.id, e.event_at, l.number as link, (e.details ->> 'number')::bigint as number,
           (e.details ->> 'position')::bigint as position, decode(e.details ->> 'hash', 'hex') as hash,
           l.hash = sha256(coalesce(b.hash, decode(e.details ->> 'hash', 'hex'))
               || convert_to(access_log.sealed_text(e.id), 'UTF8')) as intact, first.number as first
      from (select min(number) as number from chain.links where log = 'access') first
      left join (access_event e join chain.links l on l.record_id = e.id
        left join chain.links b on b.log = l.log and b.number = l.number - 1) on e.kind = 'retention'
     order by l.number desc nulls last limit 1
""")


async def verify(
    database: Database,
    *,
    expected_head: Head | None = None,
    progress: Progress = lambda check, done, total: None,
) -> Report:
    """Recompute the chain, and who took part in each event; the chain must still hold `expected_head`.

    A log that retention has cut is in order where the record of it, which is sealed in the log, says just that.
    """
    report = Report()
    async with snapshot(database) as connection:
        for name, paged in CHECKS.items():
            await turn_pages(connection, report, name, paged, progress)
        since = await _beginning(connection, report)
        if since is not None:
            await LOG.walk(connection, report, since=since, expected_head=expected_head, progress=progress)
    return report


async def _beginning(connection: AsyncConnection, report: Report) -> Link | None:
    """Behind which link the chain begins; None where it was cut, and nothing in the log says so."""
    cut = (await connection.execute(_CUT)).one()
    if cut.first in (None, 1):
        return Link()
    if cut.id is None or cut.first > cut.number + 1 or cut.link <= cut.number:
        report.findings.append(Finding("chain", f"link {cut.first - 1}", "is gone, and no retention says so"))
        return None
    if not cut.intact:
        report.findings.append(Finding("chain", f"event {cut.id}", "is not what was sealed"))
        return None
    report.notes.append(f"The log begins behind link {cut.number}: event {cut.id} of {cut.event_at:%Y-%m-%d} cut it.")
    return Link(cut.number, cut.position, bytes(cut.hash))
