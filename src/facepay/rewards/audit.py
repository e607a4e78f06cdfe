"""Lots and wins against the books, for `facepay ledger verify`: a balance is what its lots have left, undrawn, and what
was won is on hold in its campaign's budget, until it was used for what its order says.
"""

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

WINS = """
with page as materialized (
    select * from coupon where campaign_id is not null and id > cast(:after as uuid) order by id limit 1000
), judged as (
    select page.id, case
        when h.transfer_id is null then 'has nothing on hold'
        when (a.kind, a.owner_id, a.unit) <> ('campaign_budget', page.campaign_id, page.currency)
            then 'has a hold of another budget than its campaign''s'
        when h.amount <> page.budget then 'has another amount on hold than was put aside for it'
        when h.captured <> coalesce(used.amount, 0) then 'cost another amount than was taken off for it'
        when used.amount is not null and not exists (select from ledger.transfers t
              where t.id = used.transfer_id and t.target_id = page.hold_id) then 'was paid for by another hold'
        when used.amount is not null and not exists (select from order_discount d
              where (d.order_id, d.coupon_id, d.amount, d.reason) = (used.order_id, page.id, used.amount, 'smile'))
            then 'took off another amount than its order says'
        end as problem
      from page
      left join ledger.holds h on h.transfer_id = page.hold_id
      left join ledger.accounts a on a.id = h.account_id
      left join coupon_use used on used.coupon_id = page.id
), wrong as (
    select * from judged where problem is not null order by id limit 1
)
select (select count(*) from page) as rows, (select max(id::text) from page) as last,
       'coupon ' || wrong.id as row, wrong.problem
  from (select 1) one left join wrong on true
"""
