-- Hash chains over logs: what shows that a row was altered, removed, moved or slipped in, by whoever may write anything.
--
-- A log is a table of records, each with an `id` and a `position` drawn from the log's sequence, in a transaction that
-- has its id already (`perform pg_current_xact_id()` first). Nobody waits for the chain: records are committed in any
-- order, and linked behind the writers, in the order of their positions, once no record can still appear before them:
-- hash = SHA-256(the hash before || the record's sealed text).
--
-- The app's role may read everything and execute the functions, which run as their owner where they write; it has no
-- right to write a row itself (facepay/migrate.py grants).

create schema chain;

-- `records`, `positions` and `sealed_text` are names in SQL: of the table, the sequence, and the function from a
-- record's id to what the chain proves of it.
--
-- Up to `settled` no record can still appear, although positions are drawn before they are committed: whoever drew one
-- up to `candidate` had a transaction id below `fence`, and all of those have ended. Up to `cut_position`, the one of
-- link `cut_number`, records may be deleted.
create table chain.logs (
    name text primary key check (name ~ '^[a-z_]{1,40}$'),
    records text not null,
    positions text not null,
    sealed_text text not null,
    candidate bigint not null default 0,
    fence xid8 not null default '0',
    candidate_at timestamptz not null default now(),
    settled bigint not null default 0,
    settled_at timestamptz not null default now(),
    sealed bigint not null default 0,
    cut_number bigint not null default 0,
    cut_position bigint not null default 0
);

create table chain.links (
    log text not null,
    number bigint not null,
    position bigint not null,
    record_id uuid not null unique,
    hash bytea not null check (length(hash) = 32),
    primary key (log, number)
);

create function chain.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '%.% is append-only', tg_table_schema, tg_table_name using errcode = 'restrict_violation';
end $$;

-- What lies behind a log's cut may go, and nothing else. Its argument is the log.
create function chain.refuse_early_removal() returns trigger language plpgsql as $$
begin
    if old.position <= (select l.cut_position from chain.logs l where l.name = tg_argv[0]) then
        return old;
    end if;
    raise exception '%.% is append-only', tg_table_schema, tg_table_name using errcode = 'restrict_violation';
end $$;

create function chain.refuse_early_removal_of_link() returns trigger language plpgsql as $$
begin
    if old.number <= (select l.cut_number from chain.logs l where l.name = old.log) then
        return old;
    end if;
    raise exception '%.% is append-only', tg_table_schema, tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger never_removed before delete or truncate on chain.logs
    for each statement execute function chain.refuse_change();
create trigger never_changed before update of name, records, positions, sealed_text on chain.logs
    for each statement execute function chain.refuse_change();
create trigger append_only before update or truncate on chain.links
    for each statement execute function chain.refuse_change();
create trigger cut_only before delete on chain.links
    for each row execute function chain.refuse_early_removal_of_link();

-- The last position drawn, of a record that may be under way still.
create function chain.last_position(log text) returns bigint
language sql stable security definer set search_path = chain, pg_temp as $$
    select coalesce(pg_sequence_last_value(l.positions::regclass), 0) from logs l where l.name = log
$$;

-- Moves a log's horizon, and answers how far it is. Call it in a transaction of its own.
create function chain.settle(log text) returns bigint
language plpgsql security definer set search_path = chain, pg_temp as $$
declare
    seen_at timestamptz := clock_timestamp(); seen bigint; fence_now xid8; h logs;
begin
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'chain.settle() needs a transaction of its own' using errcode = 'active_sql_transaction';
    end if;
    seen := last_position(log);
    fence_now := pg_current_xact_id();
    select * into strict h from logs l where l.name = log for update;
    if h.fence > fence_now then -- this is a copy in a younger cluster, where nobody of then still runs
        h.fence := '0';
    end if;
    if h.fence < pg_snapshot_xmin(pg_current_snapshot()) then
        update logs l set settled = candidate, settled_at = candidate_at,
            candidate = greatest(candidate, seen), -- someone who looked later may have come first
            fence = fence_now, candidate_at = greatest(candidate_at, seen_at)
         where l.name = log
            returning * into h;
    end if;
    return h.settled;
end $$;

-- Links the next settled records of a log, and answers how far its chain is.
create function chain.seal(log text, positions_max int) returns bigint
language plpgsql security definer set search_path = chain, pg_temp set enable_seqscan = off as $$
declare
    reach bigint := settle(log); upto bigint; h logs; link links; sealable record;
begin
    select * into h from logs l where l.name = log;
    upto := least(reach, h.sealed + positions_max);
    select * into link from links l where l.log = h.name order by l.number desc limit 1;
    link.log := log;
    link.number := coalesce(link.number, 0);
    link.hash := coalesce(link.hash, decode(repeat('00', 32), 'hex'));
    for sealable in execute format(
        'select r.id, r.position, %s(r.id) as sealed from %s r where r.position > $1 and r.position <= $2
          order by r.position', h.sealed_text, h.records) using h.sealed, upto
    loop
        link.number := link.number + 1;
        link.position := sealable.position;
        link.record_id := sealable.id;
        link.hash := sha256(link.hash || convert_to(sealable.sealed, 'UTF8'));
        insert into links select link.*;
    end loop;
    update logs l set sealed = upto where l.name = log;
    return upto;
end $$;

-- Lets go of a log's oldest links, up to a number, and of the records behind them. Not for the app's role: whoever owns
-- the log decides, and leaves a record of it (access_log.forget).
create function chain.cut(log text, upto bigint) returns bigint
language plpgsql set search_path = chain, pg_temp as $$
begin
    update logs l set cut_number = k.number, cut_position = k.position
      from links k where l.name = cut.log and k.log = cut.log and k.number = upto and k.number > l.cut_number;
    delete from links k where k.log = cut.log and k.number <= upto;
    return upto;
end $$;

revoke all on schema chain from public;
revoke execute on all functions in schema chain from public;
