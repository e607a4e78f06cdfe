"""The checks of `verify` that SQL can make."""

from __future__ import annotations

from facepay.kernel.proofs import FIRST, Paged

_TRANSFERS = """
with bounds as (
    select cast(:after as bigint) as low, cast(:after as bigint) + 5000 as high,
           chain.last_position('ledger') as top,
           (select sealed from chain.logs where name = 'ledger') as sealed
), page as materialized (
    select t.* from ledger.transfers t, bounds where t.position > bounds.low and t.position <= bounds.high
), judged as (
    select t.id, t.position, case
        when not exists (select from ledger.entries e where e.transfer_id = t.id) then 'has no entries'
        when exists (select from ledger.entries e where e.transfer_id = t.id group by e.unit having sum(e.amount) <> 0)
            then 'does not sum to zero'
        when (t.target_id is null) <> (t.kind in ('transfer', 'hold')) then 'lacks its target, or has one too many'
        when t.target_id is not null and not exists (select from ledger.transfers x where x.id = t.target_id)
            then 'has a target that does not exist'
        when t.kind in ('capture', 'void', 'expiry')
            and not exists (select from ledger.holds h where h.transfer_id = t.target_id) then 'draws on no hold'
        when t.kind = 'hold' and not exists (select from ledger.holds h where h.transfer_id = t.id)
            then 'is a hold without its row'
        when t.position <= bounds.sealed and not exists (select from chain.links l where l.record_id = t.id)
            then 'is missing from the chain'
        end as problem
      from page t, bounds
), wrong as (
    select * from judged where problem is not null order by position limit 1
)
select (select count(*) from page) as rows, case when bounds.high < bounds.top then bounds.high end as last,
       'transfer ' || wrong.id as row, wrong.problem
  from bounds left join wrong on true
"""

_ACCOUNTS = """
with page as materialized (
    select a.*, b.account_id as strict_id, b.floor, b.ceiling, b.posted, b.held, b.version
      from ledger.accounts a left join ledger.balances b on b.account_id = a.id
     where a.id > cast(:after as uuid) order by a.id limit 100
), walked as (
    select e.*, p.hot, p.floor, p.unit as account_unit, p.closed_at,
           row_number() over earlier as version, sum(e.amount) over earlier as posted,
           sum(e.held) over earlier as on_hold,
           exists (select from ledger.transfers t
                    where t.id = e.transfer_id and (not p.hot or t.position = e.position)) as caused
      from page p join ledger.entries e on e.account_id = p.id
    window earlier as (partition by e.account_id order by e.position)
), wrong_entry as (
    select w.account_id, w.position, case
        when not w.caused then 'belongs to no transfer'
        when w.unit <> w.account_unit then 'is in another unit than its account'
        when w.hot and (w.posted_after is not null or w.held <> 0) then 'is not what a hot account has'
        when not w.hot and w.position <> w.version then 'follows a version that is missing'
        when not w.hot and (w.posted_after, w.held_after) is distinct from (w.posted, w.on_hold)
            then 'says another balance than its entries sum up to'
        -- Closing an account takes its floor up to 0, whatever it may have owed before.
        when w.closed_at is null and w.posted_after - w.held_after < w.floor
            then 'went below what the account may hold'
        end as problem from walked w
), summed as (
    select p.id, p.hot, p.strict_id, p.posted, p.held, p.version, p.closed_at,
           count(w.*) as entries, coalesce(sum(w.amount), 0) as entries_posted,
           coalesce(sum(w.held), 0) as entries_held,
           (select coalesce(sum(h.amount - h.captured - h.released), 0) from ledger.holds h
             where h.account_id = p.id and h.captured + h.released < h.amount) as open_holds
      from page p left join walked w on w.account_id = p.id
     group by p.id, p.hot, p.strict_id, p.posted, p.held, p.version, p.closed_at
), wrong_fold as (
    select f.account_id, f.position from (
        select f.*, f.posted - lag(f.posted, 1, 0::bigint) over earlier as amount,
               lag(f.position, 1, 0::bigint) over earlier as since
          from ledger.folds f join page p on p.id = f.account_id
        window earlier as (partition by f.account_id order by f.position)
    ) f where f.amount <> (select coalesce(sum(w.amount), 0) from walked w
        where w.account_id = f.account_id and w.position > f.since and w.position <= f.position)
), wrong as (
    select * from (
        select id as account_id, null::bigint as position, case
            when hot = (strict_id is not null) then 'account lacks its balance, or has one too many'
            when not hot and (posted, held) is distinct from (entries_posted, entries_held)
                then 'account has another balance than its entries sum up to'
            when not hot and version <> entries then 'account has another version than entries'
            when not hot and held <> open_holds then 'account holds another amount than its open holds'
            when closed_at is not null and entries_posted <> 0 then 'account is closed and not empty'
            end as problem from summed
        union all select account_id, position, 'entry ' || problem from wrong_entry
        union all select account_id, position, 'fold is not the sum of its entries' from wrong_fold
    ) x where problem is not null order by account_id, position nulls last limit 1
)
select (select coalesce(sum(entries), 0)::bigint from summed) as rows, (select max(id::text) from page) as last,
       'account ' || wrong.account_id || coalesce(' position ' || wrong.position, '') as row, wrong.problem
  from (select 1) one left join wrong on true
"""

_HOLDS = """
with page as materialized (
    select * from ledger.holds where transfer_id > cast(:after as uuid) order by transfer_id limit 500
), summed as (
    select p.*, c.captured as entries_captured, c.freed,
           (select sum(e.held) from ledger.entries e where e.transfer_id = p.transfer_id) as entry_held
      from page p cross join lateral (
        select coalesce(sum(-e.amount), 0) as captured, coalesce(sum(-e.held), 0) as freed
          from ledger.transfers t join ledger.entries e on e.transfer_id = t.id and e.account_id = p.account_id
         where t.target_id = p.transfer_id and t.kind in ('capture', 'void', 'expiry')) c
), wrong as (
    select transfer_id from summed
     where amount is distinct from entry_held or captured <> entries_captured or captured + released <> freed
     order by transfer_id limit 1
)
select (select count(*) from page) as rows, (select max(transfer_id::text) from page) as last,
       'hold ' || wrong.transfer_id as row,
       case when wrong.transfer_id is not null
           then 'was captured or released by other amounts than its row says' end as problem
  from (select 1) one left join wrong on true
"""

_REFUNDS = """
with page as materialized (
    select * from ledger.refundable where transfer_id in (
        select distinct transfer_id from ledger.refundable
         where transfer_id > cast(:after as uuid) order by transfer_id limit 500)
), summed as (
    select p.*, (select coalesce(sum(e.amount), 0) from ledger.entries e
                  where e.transfer_id = p.transfer_id and e.unit = p.unit and e.amount > 0) as moved,
           (select coalesce(sum(e.amount), 0) from ledger.transfers t join ledger.entries e on e.transfer_id = t.id
             where t.target_id = p.transfer_id and t.kind in ('refund', 'reversal')
               and e.unit = p.unit and e.amount > 0) as given
      from page p
), wrong as (
    select transfer_id from summed where amount <> moved or refunded <> given order by transfer_id limit 1
)
select (select count(*) from page) as rows, (select max(transfer_id::text) from page) as last,
       'transfer ' || wrong.transfer_id as row,
       case when wrong.transfer_id is not null then 'was refunded by other amounts than its row says' end as problem
  from (select 1) one left join wrong on true
"""

# Every entry was walked with its account, every transfer by its position: what is left over belongs to none.
_STRAYS = """
select 0 as rows, null as last, wrong.row, wrong.problem
  from (select 1) one left join lateral (
    (select 'account ' || e.account_id || ' position ' || e.position as row, 'entry belongs to no account' as problem
       from ledger.entries e
      where not exists (select from ledger.accounts a where a.id = e.account_id)
        and e.account_id > cast(:after as uuid) limit 1)
    union all
    (select 'transfer ' || t.id, 'has a position that nobody drew' from ledger.transfers t
      where t.position < 1 or t.position > chain.last_position('ledger') limit 1)
    limit 1) wrong on true
"""

CHECKS = {
    "transfers": Paged("select chain.last_position('ledger')", _TRANSFERS, 0),
    "entries": Paged("select reltuples::bigint from pg_class where oid = 'ledger.entries'::regclass", _ACCOUNTS, FIRST),
    "strays": Paged("select 0", _STRAYS, FIRST),
    "holds": Paged("select count(*) from ledger.holds", _HOLDS, FIRST),
    "refunds": Paged("select count(*) from ledger.refundable", _REFUNDS, FIRST),
}
