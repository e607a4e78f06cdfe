"""Payment intents against orders, for `facepay ledger verify`: what shops on the web were told, and what was paid."""

from __future__ import annotations

from facepay.checkout import audit as checkout
from facepay.checkout.audit import paged_check
from facepay.kernel.proofs import FIRST

# That each order was paid, and how, is a check of the orders.
_INTENTS = """
with page as materialized (
    select * from payment_intent where id > cast(:after as uuid) order by id limit 1000
), judged as (
    select page.id, case
        when page.status = 'succeeded'
         and (o.total, o.tax, o.currency, o.store_id, o.device_id)
             <> (page.amount, page.tax, page.currency, page.store_id, page.device_id)
            then 'was paid by an order for something else'
        when page.member_id <> o.member_id then 'was paid by another member'
        when page.order_id is not null and o.payment_intent_id is distinct from page.id
            then 'was paid by an order that says otherwise'
        end as problem
      from page left join shop_order o on o.id = page.order_id
), wrong as (
    select * from judged where problem is not null order by id limit 1
)
select (select count(*) from page) as rows, (select max(id::text) from page) as last,
       'payment intent ' || wrong.id as row, wrong.problem
  from (select 1) one left join wrong on true
"""

# The other way round: no order was made in a shop on the web but for a payment intent.
_ORDERS = """
with page as materialized (
    select o.id, o.total from shop_order o join device d on d.id = o.device_id and d.role = 'webshop'
     where o.id > cast(:after as uuid) and o.supplements_id is null order by o.id limit 1000
), wrong as (
    select id from page where not exists (select from payment_intent i where i.order_id = page.id) order by id limit 1
)
select (select count(*) from page) as rows, (select max(id::text) from page) as last,
       'order ' || wrong.id as row, 'was paid in a shop on the web that had not asked for it' as problem
  from (select 1) one left join wrong on true
"""

# All there are, this being the last room through which money comes.
CHECKS = (
    *checkout.CHECKS,
    paged_check("payment intents", _INTENTS, FIRST),
    paged_check("orders on the web", _ORDERS, FIRST),
)
