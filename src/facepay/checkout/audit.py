"""Orders against payments, for `facepay ledger verify`: what the shop says it sold, and what the books say was paid."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from facepay.kernel.proofs import FIRST, Check, Finding, pages_of
from facepay.rewards.audit import BALANCES, LOTS, WINS

# What a transfer brought a store: its sales and the tax in them. Whatever it was paid with, this is the order's total.
_BROUGHT = """
    select t.id, t.kind, t.cause, t.cause_id, t.target_id,
           coalesce(sum(e.amount), 0) as total, coalesce(sum(e.amount) filter (where a.kind = 'tax'), 0) as tax,
           bool_and(a.owner_id = page.store_id and e.unit = page.currency) as here
      from ledger.transfers t
      left join ledger.entries e on e.transfer_id = t.id
       and exists (select from ledger.accounts x where x.id = e.account_id and x.kind in ('sales', 'tax'))
      left join ledger.accounts a on a.id = e.account_id
     where t.id = page.transfer_id group by t.id
"""

# What a transfer brought a store's staff, where it's of this cause.
_TIPPED = """
    select e.amount from ledger.transfers t
      join ledger.entries e on e.transfer_id = t.id
      join ledger.accounts a on a.id = e.account_id and a.kind = 'tips'
     where t.id = page.tip_transfer_id and (a.owner_id, a.unit) = (page.store_id, page.currency)
       and (t.cause, t.cause_id) = ('{cause}', page.id)
       and not exists (select from ledger.entries x join ledger.accounts w on w.id = x.account_id
            where x.transfer_id = t.id and w.kind <> 'tips' and (w.kind, w.owner_id) <> ('wallet', page.member_id))
"""

_ORDERS = f"""
with page as materialized (
    select * from shop_order where id > cast(:after as uuid) order by id limit 1000
), judged as (
    select page.id, case
        when page.transfer_id is null and page.total > 0 then 'was never paid'
        when page.transfer_id is not null and paid.id is null then 'was paid by a transfer that does not exist'
        when (paid.cause, paid.cause_id) <> ('order', page.id) then 'was paid by a transfer for something else'
        when (paid.total, paid.tax) <> (page.total, page.tax) then 'was paid another amount than its total and tax'
        when not paid.here then 'was paid to another store, or in another currency'
        when exists (select from ledger.transfers t join ledger.entries e on e.transfer_id = t.id
              join ledger.accounts a on a.id = e.account_id and a.kind = 'wallet'
             where t.id = page.transfer_id and a.owner_id <> page.member_id) then 'was paid from another wallet'
        when (page.refunded, page.tax_refunded) <> (back.amount, back.tax)
            then 'was refunded another amount than its refunds sum up to'
        when page.cancelled_at is not null and (page.refunded <> page.total or not back.cancelled)
            then 'was cancelled, and not all of it was given back'
        when page.tip <> coalesce(tipped.amount, 0) then 'was tipped another amount than it says'
        when page.tip_refunded <> back.tip then 'gave back another tip than its refunds say'
        when exists (select from order_line l where l.order_id = page.id group by l.sku having sum(l.returned) <> (
              select coalesce(sum((r.goods ->> l.sku)::bigint), 0) from refund r where r.order_id = page.id))
            then 'had other goods returned than its refunds say'
        when exists (select from order_line l where l.order_id = page.id
            having (sum(l.total), sum(l.tax)) <> (page.total, page.tax))
            then 'has lines that sum up to another amount than its total and tax'
        when exists (select from order_line l where l.order_id = page.id and l.weighings <> '[]'
              and (l.quantity, l.total + l.discount) <> (
              select sum((w ->> 'net_grams')::bigint), sum((w ->> 'amount')::bigint)
                from jsonb_array_elements(l.weighings) w))
            then 'has another weight or price than its scale showed'
        when page.advance <> coalesce(lent.amount, 0) then 'was advanced another amount than it says'
        when page.supplements_id is not null and not exists (select from shop_order o
              where o.id = page.supplements_id and o.supplements_id is null
                and (o.member_id, o.store_id, o.currency) = (page.member_id, page.store_id, page.currency)
                and o.buyer_id is not distinct from page.buyer_id)
            then 'supplements no order of the same member and store'
        end as problem
      from page
      left join lateral ({_BROUGHT}) paid on true
      cross join lateral (
        select coalesce(sum(r.amount), 0) as amount, coalesce(sum(r.tax), 0) as tax,
               coalesce(sum(r.tip), 0) as tip, coalesce(bool_or(r.kind = 'cancellation'), false) as cancelled
          from refund r where r.order_id = page.id) back
      left join lateral ({_TIPPED.format(cause="tip")}) tipped on true
      left join lateral (
        select -e.amount as amount from ledger.transfers t join ledger.entries e on e.transfer_id = t.id
          join ledger.accounts a on a.id = e.account_id and a.kind = 'debt'
         where t.id = page.advance_transfer_id and (t.cause, t.cause_id) = ('advance', page.id)
           and (a.owner_id, a.unit) = (page.member_id, page.currency)) lent on true
), wrong as (
    select * from judged where problem is not null order by id limit 1
)
select (select count(*) from page) as rows, (select max(id::text) from page) as last,
       'order ' || wrong.id as row, wrong.problem
  from (select 1) one left join wrong on true
"""  # noqa: S608 (nothing in it comes from outside)

_REFUNDS = f"""
with page as materialized (
    select r.*, o.store_id, o.member_id, o.transfer_id as payment_id
      from refund r join shop_order o on o.id = r.order_id
     where r.id > cast(:after as uuid) order by r.id limit 1000
), judged as (
    select page.id, case
        when -page.tip <> coalesce(tipped.amount, 0) then 'gave back another tip than it says'
        when page.transfer_id is null then null -- it moved nothing, which the table sees to
        when given.id is null then 'was given back by a transfer that does not exist'
        when (given.kind, given.cause, given.cause_id) <> ('refund', 'refund', page.id)
            then 'was given back by a transfer for something else'
        when given.target_id is distinct from page.payment_id then 'gives back another payment than its order''s'
        when (-given.total, -given.tax) <> (page.amount, page.tax) then 'was given back another amount than it says'
        when not given.here then 'was given back by another store, or in another currency'
        end as problem
      from page left join lateral ({_BROUGHT}) given on true
      left join lateral ({_TIPPED.format(cause="tip_refund")}) tipped on true
), wrong as (
    select * from judged where problem is not null order by id limit 1
)
select (select count(*) from page) as rows, (select max(id::text) from page) as last,
       'refund ' || wrong.id as row, wrong.problem
  from (select 1) one left join wrong on true
"""  # noqa: S608

# The other way round: whatever brought a store something, or took it back, is the payment of an order or its refund.
_SALES = """
with bounds as (
    select cast(:after as bigint) as low, cast(:after as bigint) + 5000 as high, chain.last_position('ledger') as top
), page as materialized (
    select t.* from ledger.transfers t, bounds
     where t.position > bounds.low and t.position <= bounds.high and t.kind in ('transfer', 'capture', 'refund')
       and exists (select from ledger.entries e join ledger.accounts a on a.id = e.account_id
                    where e.transfer_id = t.id and a.kind in ('sales', 'tax', 'tips'))
), wrong as (
    select id, kind from page t
     where not exists (select from shop_order o where o.id = t.cause_id
              and (t.cause, t.id) in (('order', o.transfer_id), ('tip', o.tip_transfer_id)))
       and not exists (select from refund r where r.id = t.cause_id
              and (t.cause, t.id) in (('refund', r.transfer_id), ('tip_refund', r.tip_transfer_id)))
     order by position limit 1
)
select (select count(*) from page) as rows, case when bounds.high < bounds.top then bounds.high end as last,
       'transfer ' || wrong.id as row,
       case wrong.kind when 'refund' then 'gives back, and there is no such refund'
            else 'pays a store, and is no order''s payment' end as problem
  from bounds left join wrong on true
"""


# A debt is what orders advanced, less what was collected from its member's own wallet, and what was written off.
_DEBTS = """
with page as materialized (
    select a.id, a.owner_id, a.unit, b.posted from ledger.accounts a join ledger.balances b on b.account_id = a.id
     where a.kind = 'debt' and a.id > cast(:after as uuid) order by a.id limit 1000
), wrong as (
    select page.id from page
     where -posted <> (
        select coalesce(sum(o.advance), 0) from shop_order o
         where (o.member_id, o.currency) = (page.owner_id, page.unit)
    ) - (
        select coalesce(sum(-paid.amount), 0) from ledger.entries e
          join ledger.transfers t on t.id = e.transfer_id and t.cause = 'collection'
          join ledger.entries paid on paid.transfer_id = t.id
          join ledger.accounts a on a.id = paid.account_id and a.kind = 'wallet' and a.owner_id = page.owner_id
         where e.account_id = page.id
    ) - (
        select coalesce(sum(w.amount), 0) from debt_write_off w
         where (w.member_id, w.currency) = (page.owner_id, page.unit)
    ) order by page.id limit 1
)
select (select count(*) from page) as rows, (select max(id::text) from page) as last,
       'account ' || wrong.id as row,
       'owes another amount than was advanced, less what was collected and written off' as problem
  from (select 1) one left join wrong on true
"""


# Who pays for a dependant is written twice: in their family, and in their own row, by which they are charged.
_FAMILIES = """
with page as materialized (
    select id, payer_id from member where id > cast(:after as uuid) order by id limit 5000
), wrong as (
    select page.id from page
      left join family_member theirs on theirs.member_id = page.id
      left join family on family.id = theirs.family_id
     where page.payer_id is distinct from family.payer_id order by page.id limit 1
)
select (select count(*) from page) as rows, (select max(id::text) from page) as last,
       'member ' || wrong.id as row, 'is paid for by somebody else than their family''s payer' as problem
  from (select 1) one left join wrong on true
"""


def paged_check(name: str, page: str, start: int | str) -> tuple[str, Check]:
    """A query that is given where its page starts (`after`), and answers rows, last, row and problem."""

    async def walk(connection: AsyncConnection) -> tuple[int, Finding | None]:
        rows = 0
        async for found in pages_of(connection, page, start):
            rows += found.rows
            if found.row is not None:
                return rows, Finding(name, found.row, found.problem)
        return rows, None

    return name, walk


CHECKS = (
    paged_check("orders", _ORDERS, FIRST),
    paged_check("order refunds", _REFUNDS, FIRST),
    paged_check("sales", _SALES, 0),
    paged_check("debts", _DEBTS, FIRST),
    paged_check("families", _FAMILIES, FIRST),
    paged_check("points and gifts", BALANCES, FIRST),
    paged_check("lots", LOTS, FIRST),
    paged_check("wins", WINS, FIRST),
)
