"""Lots against the books, for `facepay ledger verify`: a balance is what its lots have left, undrawn."""

from __future__ import annotations

BALANCES = """
with page as materialized (
    select a.id, b.posted from ledger.accounts a join ledger.balances b on b.account_id = a.id
     where a.kind in ('points', 'gift') and a.id > cast(:after as uuid) order by a.id limit 1000
), wrong as (
    select page.id from page
     where posted <> (select coalesce(sum(l.remaining), 0) from value_lot l
                       where l.account_id = page.id and l.remaining > 0)
     order by page.id limit 1
)
select (select count(*) from page) as rows, (select max(id::text) from page) as last,
       'account ' || wrong.id as row, 'holds another amount than its lots have left' as problem
  from (select 1) one left join wrong on true
"""

LOTS = """
with page as materialized (
    select * from value_lot where id > cast(:after as uuid) order by id limit 1000
), wrong as (
    select page.id from page
     where amount - remaining <> (select coalesce(sum(d.amount), 0) from lot_draw d where d.lot_id = page.id)
     order by page.id limit 1
)
select (select count(*) from page) as rows, (select max(id::text) from page) as last,
       'lot ' || wrong.id as row, 'has another amount left than was not drawn' as problem
  from (select 1) one left join wrong on true
"""
