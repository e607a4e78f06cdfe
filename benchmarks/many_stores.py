"""Ten thousand stores with their devices, members, wallets, visits and orders: rows for statements to get lost in."""

from __future__ import annotations

import psycopg

DEVICES, ORDERS, VISITS = 5, 20, 20  # of each store

TABLES = "member consent device visit gate_attempt shop_order order_line checkout ledger.accounts ledger.balances"
# Spread over a year, in the order of time.
FILL = (
    "create temp table shop as select row_number() over () as number, gen_random_uuid() as id"
    " from generate_series(1, %(stores)s)",
    "create temp table person as select row_number() over () as number, gen_random_uuid() as id"
    " from generate_series(1, %(members)s)",
    "create temp table machine as select gen_random_uuid() as id, id as store_id, place,"
    " case when place <= 2 then 'gate' else 'kiosk' end as role"
    " from shop cross join generate_series(1, %(devices)s) place",
    "create index on person (number)",
    "create index on machine (store_id, place)",
    "analyze",
    "insert into store (id, name, code, timezone, currency, created_at)"
    " select id, 'Store ' || number, 'S' || number, 'Asia/Shanghai', 'CNY', now() from shop",
    "insert into device (id, store_id, role, name, token_hash, created_at)"
    " select id, store_id, role, role || ' ' || place, sha256(uuid_send(id)), now() from machine",
    "insert into member (id, display_name, status, pin_failures, created_at, updated_at)"
    " select id, 'Member ' || number, 'active', 0, now(), now() from person",
    "insert into consent (id, member_id, policy_version, accepted_at)"
    " select gen_random_uuid(), id, '2026-01', now() from person",
    "insert into ledger.accounts select gen_random_uuid(), 'wallet', id, 'CNY', 'credit', false, now() from person",
    "insert into ledger.balances (account_id, unit, floor) select a.id, a.unit, 0 from ledger.accounts a"
    " join person p on p.id = a.owner_id where a.kind = 'wallet'",
    "create temp table came as select s.id as store_id, m.id as gate_id, p.id as member_id,"
    " now() - random() * interval '365 days' as at from shop s cross join generate_series(1, %(visits)s) n"
    " join machine m on m.store_id = s.id and m.place = 1 + n %% 2"
    " join person p on p.number = 1 + abs(hashint8extended(s.number, n)) %% %(members)s",
    "insert into visit (id, store_id, member_id, entered_at, entry_gate_id, left_at, basket_unpaid)"
    " select gen_random_uuid(), store_id, member_id, at, gate_id, at + interval '20 minutes', false"
    " from (select distinct on (member_id) * from came) c order by at",
    "insert into gate_attempt (id, gate_id, direction, decision, code, member_id, created_at, decided_at)"
    " select gen_random_uuid(), gate_id, 'entry', 'open', 'welcome', member_id, at, at from came order by at",
    "create temp table sold as select gen_random_uuid() as id, s.id as store_id, m.id as kiosk_id, p.id as member_id,"
    " now() - random() * interval '365 days' as at from shop s cross join generate_series(1, %(orders)s) n"
    " join machine m on m.store_id = s.id and m.place = 3 + n %% 3"
    " join person p on p.number = 1 + abs(hashint8extended(s.number, -n)) %% %(members)s",
    "insert into shop_order (id, store_id, device_id, member_id, currency, total, tax, refunded, created_at)"
    " select id, store_id, kiosk_id, member_id, 'CNY', 1000, 115, 0, at from sold order by at",
    "insert into order_line (order_id, position, product_id, sku, name, quantity, unit_price, tax_rate_basis_points,"
    " total, tax) select s.id, n, p.id, p.sku, p.name, 1, 500, 1300, 500, 57"
    " from sold s cross join generate_series(1, 2) n cross join (select * from product limit 1) p",
    "insert into checkout (id, kiosk_id, store_id, member_id, order_id, basket, total, currency, decision, code,"
    " created_at, decided_at) select gen_random_uuid(), kiosk_id, store_id, member_id, id, '[]', 1000, 'CNY', 'paid',"
    " 'paid', at, at from sold order by at",
)


def fill(url: str, *, stores: int, members: int) -> dict[str, int]:
    """As the tables' owner; answers the bytes a row that each table takes, indexes in it."""
    values = {"stores": stores, "members": members, "devices": DEVICES, "visits": VISITS, "orders": ORDERS}
    with psycopg.connect(url) as owner:
        for statement in FILL:
            owner.execute(statement.encode(), values)
        sizes = {}
        for name in TABLES.split():
            size = f"select pg_total_relation_size('{name}') / count(*) from {name}"
            row = owner.execute(size.encode()).fetchone()
            assert row
            sizes[name] = int(row[0])
    return sizes
