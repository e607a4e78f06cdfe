-- The ledger: what may move, what can never change, and how it is proved. One sitting's reading, top to bottom.
--
-- An amount is a change of a balance in minor units: negative takes, positive gives; the amounts of a transfer sum
-- to zero in every unit. A wallet is what the shop owes its member, so its balance is what the member may spend; a
-- debit-side account (what the provider holds for us) carries its balance with a minus.
--
-- A strict account has a row in `balances`, which a transfer locks and updates; each of its entries carries the
-- next version and the balance after it. A hot account (a store's sales) has none: nothing is ever locked for it,
-- its entries are its balance, and ledger.fold() writes down their sum now and then, so that few are left to add.
--
-- The app's role may read everything and execute the functions, which run as their owner where they write; it has
-- no right to write a row itself (facepay/migrate.py grants).

create schema ledger;

create type ledger.side as enum ('credit', 'debit');
create type ledger.kind as enum ('transfer', 'hold', 'capture', 'void', 'expiry', 'refund', 'reversal');

create table ledger.accounts (
    id uuid primary key,
    kind text not null check (kind ~ '^[a-z_]{1,40}$'),
    owner_id uuid,
    unit text not null check (unit ~ '^[A-Z]{3,12}$'),
    normal_side ledger.side not null,
    hot boolean not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    unique nulls not distinct (kind, owner_id, unit),
    unique (id, unit)
);
create index accounts_hot on ledger.accounts (id) where hot;

-- The limits are one constraint, because Postgres reads each CHECK anew for every statement.
create table ledger.balances (
    account_id uuid primary key,
    unit text not null,
    floor bigint,
    ceiling bigint,
    posted bigint not null default 0,
    held bigint not null default 0,
    version bigint not null default 0,
    foreign key (account_id, unit) references ledger.accounts (id, unit),
    constraint within_limits check (held >= 0 and posted - held >= floor and posted <= ceiling)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);

create sequence ledger.transfer_position;

create table ledger.transfers (
    id uuid primary key,
    position bigint not null,
    key text not null unique,
    kind ledger.kind not null,
    target_id uuid,
    cause text not null,
    cause_id uuid not null,
    actor text not null,
    event_at timestamptz not null,
    created_at timestamptz not null
) with (autovacuum_vacuum_insert_scale_factor = 0.05);
create index transfers_position on ledger.transfers using brin (position) with (pages_per_range = 16, autosummarize);
create index transfers_target on ledger.transfers (target_id) where target_id is not null;

-- `position` is the version of a strict account, the transfer's position on a hot one. There is no foreign key to the
-- account: its check would lock the row of a hot account for every payment. post() checks instead, under its locks.
create table ledger.entries (
    account_id uuid not null,
    position bigint not null,
    transfer_id uuid not null,
    unit text not null,
    amount bigint not null,
    held bigint not null,
    posted_after bigint,
    held_after bigint,
    created_at timestamptz not null,
    primary key (account_id, position)
) with (autovacuum_vacuum_insert_scale_factor = 0.05);
create index entries_transfer on ledger.entries (transfer_id);

-- What an authorised hold still allows to be captured.
create table ledger.holds (
    transfer_id uuid primary key references ledger.transfers (id),
    account_id uuid not null,
    unit text not null,
    amount bigint not null check (amount > 0),
    captured bigint not null default 0,
    released bigint not null default 0,
    expires_at timestamptz,
    foreign key (account_id, unit) references ledger.accounts (id, unit),
    constraint captured_within_hold check (captured >= 0 and released >= 0 and captured + released <= amount)
) with (fillfactor = 80);
create index holds_due on ledger.holds (expires_at) where captured + released < amount;
create index holds_open on ledger.holds (account_id) where captured + released < amount;

-- What was given back of a transfer; a row is made at its first refund or reversal.
create table ledger.refundable (
    transfer_id uuid not null references ledger.transfers (id),
    unit text not null,
    amount bigint not null check (amount > 0),
    refunded bigint not null default 0,
    primary key (transfer_id, unit),
    constraint refunded_within_captured check (refunded between 0 and amount)
) with (fillfactor = 80);

-- The entries of a hot account up to a position, summed up; together with those after it they are its balance.
create table ledger.folds (
    account_id uuid not null references ledger.accounts (id),
    position bigint not null,
    posted bigint not null,
    fenced_at timestamptz not null, -- every entry made until then is in a fold up to this position
    folded_at timestamptz not null, -- every entry in the fold was made before
    primary key (account_id, position)
);

insert into chain.logs (name, records, positions, sealed_text)
values ('ledger', 'ledger.transfers', 'ledger.transfer_position', 'ledger.sealed_text');

do $$
declare name text;
begin
    foreach name in array array['transfers', 'entries', 'folds'] loop
        execute format('create trigger append_only before update or delete or truncate on ledger.%I
            for each statement execute function chain.refuse_change()', name);
    end loop;
    foreach name in array array['accounts', 'balances', 'holds', 'refundable'] loop
        execute format('create trigger never_removed before delete or truncate on ledger.%I
            for each statement execute function chain.refuse_change()', name);
    end loop;
end $$;
create trigger never_changed before update of id, kind, owner_id, unit, normal_side, hot, opened_at on ledger.accounts
    for each statement execute function chain.refuse_change();

-- One posting as the caller words it, entry by entry in three arrays; a void, an expiry and a reversal need none, since
-- their target says them. `linked` ties a posting to the one after it: all or none.
create type ledger.posting as (
    id uuid, key text, kind ledger.kind, target_id uuid, accounts uuid[], units text[], amounts bigint[], cause text,
    cause_id uuid, actor text, event_at timestamptz, expires_at timestamptz, keep_open boolean, linked boolean
);

-- Locks the targets in one order and fills in the entries that a void, an expiry and a reversal leave unsaid.
create function ledger.spell_out(postings jsonb) returns jsonb
language plpgsql set search_path = ledger, pg_temp as $$
declare
    targets uuid[] := array(select distinct (p ->> 'target_id')::uuid from jsonb_array_elements(postings) p
                             where p ->> 'target_id' is not null order by 1);
begin
    insert into refundable (transfer_id, unit, amount)
    select t.id, e.unit, sum(e.amount) from transfers t join entries e on e.transfer_id = t.id
     where t.kind in ('transfer', 'capture', 'refund') and e.amount > 0 and t.id in (
        select (p ->> 'target_id')::uuid from jsonb_array_elements(postings) p
         where p ->> 'kind' in ('refund', 'reversal'))
     group by 1, 2 order by 1, 2 on conflict do nothing;
    perform from refundable r where r.transfer_id = any (targets) order by r.transfer_id, r.unit for no key update;
    perform from holds h where h.transfer_id = any (targets) order by h.transfer_id for no key update;
    return jsonb_agg(case
        when p ->> 'kind' in ('void', 'expiry') then p || (
            select jsonb_build_object('accounts', jsonb_agg(h.account_id), 'units', jsonb_agg(h.unit),
                'amounts', jsonb_agg(0))
              from holds h where h.transfer_id = (p ->> 'target_id')::uuid)
        when p ->> 'kind' = 'reversal' then p || (
            select jsonb_build_object('accounts', jsonb_agg(e.account_id order by e.account_id),
                'units', jsonb_agg(e.unit order by e.account_id), 'amounts', jsonb_agg(-e.amount order by e.account_id))
              from entries e where e.transfer_id = (p ->> 'target_id')::uuid and e.amount <> 0)
        else p end order by n) from jsonb_array_elements(postings) with ordinality as x (p, n);
end $$;

-- Draws a capture, release, refund or reversal from what its target still allows; `refused` says why not. `freed`
-- is what `holder` no longer has on hold.
create function ledger.draw(request ledger.posting, inout holds ledger.holds[],
    inout refundables ledger.refundable[], out refused text, out holder uuid, out freed bigint)
language plpgsql set search_path = ledger, pg_temp as $$
declare
    hold holds; remaining bigint; taken bigint; h int; found boolean := false;
begin
    if request.kind in ('refund', 'reversal') then
        for r in 1 .. coalesce(cardinality(refundables), 0) loop
            continue when refundables[r].transfer_id <> request.target_id;
            found := true;
            if request.kind = 'reversal' and refundables[r].refunded > 0 then refused := 'over_refund'; end if;
            refundables[r].refunded := refundables[r].refunded + coalesce((
                select sum(e.amount) from unnest(request.units, request.amounts) e (unit, amount)
                 where e.unit = refundables[r].unit and e.amount > 0), 0);
            if refundables[r].refunded > refundables[r].amount then refused := 'over_refund'; end if;
        end loop;
        if not found or request.kind = 'refund'
            and (select t.kind = 'refund' from transfers t where t.id = request.target_id)
        then
            refused := case when exists (select from transfers t where t.id = request.target_id)
                then 'not_refundable' else 'target_not_found' end;
        end if;
        return;
    end if;
    h := array_position(array(select x.transfer_id from unnest(holds) x), request.target_id);
    if h is null then refused := 'target_not_found'; return; end if;
    hold := holds[h];
    holder := hold.account_id;
    remaining := hold.amount - hold.captured - hold.released;
    taken := -coalesce(request.amounts[array_position(request.accounts, holder)], 0);
    refused := case
        when remaining = 0 then 'hold_not_open'
        when request.kind = 'expiry' and (hold.expires_at > request.event_at) is not false then 'hold_not_expired'
        when request.kind = 'capture' and request.event_at >= hold.expires_at then 'hold_expired'
        when request.kind = 'capture' and taken <= 0 then 'malformed'
        when taken > remaining then 'over_capture' end;
    freed := case when request.kind = 'capture' and request.keep_open then taken else remaining end;
    hold.captured := hold.captured + taken;
    hold.released := hold.released + freed - taken;
    holds[h] := hold;
end $$;

-- Whether the transfer that owns the request's key says what the request says. A hold's entry is what it reserves.
create function ledger.same_content(request ledger.posting) returns boolean
language sql stable set search_path = ledger, pg_temp as $$
    select (t.kind, t.cause, t.cause_id) = (request.kind, request.cause, request.cause_id)
       and t.target_id is not distinct from request.target_id
       and (t.kind in ('void', 'expiry', 'reversal') or not exists (
            (select e.account_id, e.unit, case t.kind when 'hold' then -e.held else e.amount end
               from entries e where e.transfer_id = t.id)
            except (select * from unnest(request.accounts, request.units, request.amounts)))
           and cardinality(request.accounts) = (select count(*) from entries e where e.transfer_id = t.id))
      from transfers t where t.key = request.key
$$;

-- Writes what post() decided. created_at comes last, under all locks, so that it grows with every account's versions.
create function ledger.write(made ledger.transfers[], written ledger.entries[], states ledger.balances[],
    begun ledger.holds[], holds ledger.holds[], refundables ledger.refundable[]) returns void
language plpgsql set search_path = ledger, pg_temp as $$
declare
    now timestamptz := clock_timestamp(); inserted int;
begin
    insert into transfers
    select m.id, m.position, m.key, m.kind, m.target_id, m.cause, m.cause_id, m.actor, m.event_at, now
      from unnest(made) m on conflict (key) do nothing;
    get diagnostics inserted = row_count;
    if inserted < cardinality(made) then
        raise exception 'one of the keys was posted for other accounts at this moment'
            using errcode = 'serialization_failure';
    end if;
    insert into entries
    select e.account_id, e.position, e.transfer_id, e.unit, e.amount, e.held, e.posted_after, e.held_after, now
      from unnest(written) e;
    update balances b set posted = s.posted, held = s.held, version = s.version
      from unnest(states) s where b.account_id = s.account_id;
    if cardinality(begun) > 0 then
        insert into holds select * from unnest(begun);
    end if;
    if cardinality(holds) > 0 then
        update holds h set captured = x.captured, released = x.released from unnest(holds) x
         where h.transfer_id = x.transfer_id;
    end if;
    if cardinality(refundables) > 0 then
        update refundable r set refunded = x.refunded from unnest(refundables) x
         where (r.transfer_id, r.unit) = (x.transfer_id, x.unit);
    end if;
end $$;

-- Posts a batch in one round trip and answers each posting with a code, in order: ok, replayed (this key was posted
-- with the same content), or why it was refused; and with what the account of its first entry has available then.
-- It locks, in this order, the targets and the strict accounts, each by id; then it decides on rows in memory, and
-- writes once. A target must have been posted by an earlier call.
create function ledger.post(postings jsonb) returns table (code text, transfer_id uuid, available bigint)
language plpgsql security definer set search_path = ledger, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
    request posting; requests posting[]; known text[]; keys text[]; ids uuid[]; refused text;
    codes text[] := '{}'; results uuid[] := '{}'; availables bigint[] := '{}';
    account uuid; unit text; parts int; units text[]; sums bigint[]; u int;
    total bigint; account_ids uuid[]; account_units text[]; accounts_closed boolean[]; a int;
    states balances[]; state_ids uuid[]; state balances; undo balances[]; b int; change bigint; held_change bigint;
    targeted boolean := postings @? '$[*].target_id ? (@ != null)'; targets uuid[]; holder uuid; freed bigint;
    holds holds[]; refundables refundable[]; drawn_holds holds[]; drawn_refundables refundable[];
    made transfers[] := '{}'; written entries[] := '{}'; begun holds[] := '{}'; new_position bigint; written_before int;
    chain_first int; chain_broken boolean := false; chain_known text[]; chain_states balances[]; chain_holds holds[];
    chain_refundables refundable[]; chain_made int; chain_written int; chain_begun int;
begin
    if targeted then postings := spell_out(postings); end if;
    select array_agg(r), array_agg(r.key) into requests, keys from jsonb_populate_recordset(null::posting, postings) r;
    ids := array(select unnest(r.accounts) from unnest(requests) r);
    select array_agg(s), array_agg(s.account_id) into states, state_ids from (
        select * from balances where account_id = any (ids)
         order by account_id for no key update) s;
    select array_agg(x.id), array_agg(x.unit), array_agg(x.closed_at is not null)
      into account_ids, account_units, accounts_closed
      from accounts x where x.id = any (ids);
    select array_agg(t.key) into known from transfers t where t.key = any (keys);
    if targeted then
        targets := array(select r.target_id from unnest(requests) r);
        holds := array(select h from holds h where h.transfer_id = any (targets));
        refundables := array(select f from refundable f where f.transfer_id = any (targets));
    end if;
    perform pg_current_xact_id(); -- before a position is drawn: the horizon rests on it

    for n in 1 .. cardinality(requests) loop
        request := requests[n]; parts := coalesce(cardinality(request.accounts), 0);
        if chain_first is null and request.linked then
            chain_first := n; chain_known := known; chain_states := states;
            chain_holds := holds; chain_refundables := refundables;
            chain_made := cardinality(made); chain_written := cardinality(written); chain_begun := cardinality(begun);
        end if;

        holder := null;
        refused := case
            when request.key = any (known) then case when same_content(request) then 'replayed' else 'key_reused' end
            when chain_broken then 'linked_failed' end;
        if refused is null and request.target_id is not null then
            select * into drawn_holds, drawn_refundables, refused, holder, freed
              from draw(request, holds, refundables);
        end if;
        refused := coalesce(refused, case
            when (request.target_id is null) <> (request.kind in ('transfer', 'hold')) then 'malformed'
            when cardinality(request.units) <> parts or cardinality(request.amounts) <> parts then 'malformed'
            when request.kind in ('hold', 'void', 'expiry') and parts <> 1 then 'malformed'
            when request.kind not in ('hold', 'void', 'expiry') and parts not between 2 and 100 then 'malformed' end);

        total := 0; units := '{}'; sums := '{}'; undo := '{}'; written_before := cardinality(written);
        new_position := nextval('transfer_position');
        for i in 1 .. parts loop
            exit when refused is not null;
            account := request.accounts[i]; unit := request.units[i]; change := request.amounts[i]; held_change := 0;
            a := array_position(account_ids, account); b := array_position(state_ids, account);
            refused := case
                when a is null then 'account_not_found'
                when accounts_closed[a] then 'account_closed'
                when account_units[a] is distinct from unit then 'unit_mismatch'
                when array_position(request.accounts, account) < i or change is null or abs(change) > 1000000000000000
                    or change = 0 and request.kind not in ('void', 'expiry')
                    or request.kind = 'hold' and (change > 0 or b is null) then 'malformed' end;
            exit when refused is not null;
            if request.kind = 'hold' then held_change := -change; change := 0;
            elsif account = holder then held_change := -freed; end if;
            if unit = request.units[1] then
                total := total + change;
            else
                u := array_position(units, unit);
                if u is null then
                    units := units || unit; sums := sums || change;
                else
                    sums[u] := sums[u] + change;
                end if;
            end if;
            if b is null then
                written := written || row(account, new_position, request.id, unit, change, 0,
                    null, null, null)::entries;
                continue;
            end if;
            state := states[b]; undo := undo || state;
            state.version := state.version + 1;
            state.posted := state.posted + change; state.held := state.held + held_change;
            states[b] := state;
            refused := case
                when change < held_change and state.posted - state.held < state.floor then 'insufficient_funds'
                when change > 0 and state.posted > state.ceiling then 'ceiling_exceeded' end;
            written := written || row(account, state.version, request.id, unit, change, held_change,
                state.posted, state.held, null)::entries;
        end loop;
        if refused is null and (total <> 0 or not 0 = all (sums)) then refused := 'unbalanced'; end if;

        b := array_position(state_ids, request.accounts[1]);
        if refused is null then
            made := made || row(request.id, new_position, request.key, request.kind, request.target_id, request.cause,
                request.cause_id, request.actor, request.event_at, null)::transfers;
            known := known || request.key;
            availables := availables || case when b is not null then states[b].posted - states[b].held end;
            if request.kind = 'hold' then
                begun := begun || row(request.id, account, unit, held_change, 0, 0, request.expires_at)::holds;
            elsif request.target_id is not null then
                holds := drawn_holds; refundables := drawn_refundables;
            end if;
        else
            foreach state in array undo loop
                states[array_position(state_ids, state.account_id)] := state;
            end loop;
            written := written[: written_before];
            availables := availables || null::bigint;
            if refused = 'replayed' then
                select t.id into request.id from transfers t where t.key = request.key;
            end if;
        end if;
        codes := codes || coalesce(refused, 'ok');
        results := results || request.id;

        if chain_first is not null then
            if not chain_broken and refused <> 'replayed' then
                chain_broken := true; known := chain_known; states := chain_states;
                holds := chain_holds; refundables := chain_refundables;
                made := made[: chain_made]; written := written[: chain_written]; begun := begun[: chain_begun];
                for i in chain_first .. n - 1 loop
                    if codes[i] = 'ok' then codes[i] := 'linked_failed'; end if;
                end loop;
            end if;
            if request.linked is not true then chain_first := null; chain_broken := false; end if;
        end if;
    end loop;

    if cardinality(made) > 0 then
        perform write(made, written, states, begun, holds, refundables);
    end if;
    return query select * from unnest(codes, results, availables);
end $$;

-- The commonest posting, a single transfer of one strict account, named first, with hot ones: three statements where
-- all is as it should be; where anything isn't, nothing has been written, and post() says what it was. Closed accounts
-- have limits of zero, so only the hot ones have to be looked up.
create function ledger.post_one(id uuid, key text, accounts uuid[], units text[], amounts bigint[], cause text,
    cause_id uuid, actor text, event_at timestamptz, out code text, out transfer_id uuid, out available bigint)
language plpgsql security definer set search_path = ledger, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_variable
declare
    payer uuid := accounts[1]; change bigint := amounts[1]; unit text := units[1]; parts int := cardinality(accounts);
    total bigint := 0; state balances; now timestamptz; new_position bigint;
begin
    if parts between 2 and 100 and parts = cardinality(units) and parts = cardinality(amounts) and unit = all (units)
        and 0 <> all (amounts) and 1000000000000000 >= all (amounts) and -1000000000000000 <= all (amounts)
    then
        foreach available in array amounts loop total := total + available; end loop;
        update balances b set posted = b.posted + change, version = b.version + 1
         where b.account_id = payer and b.unit = unit and total = 0
           and (change > 0 or b.posted + change - b.held >= b.floor is not false)
           and (change < 0 or b.posted + change <= b.ceiling is not false)
           and parts - 1 = (select count(*) from ledger.accounts a where a.id = any (accounts[2:])
                               and a.hot and a.unit = unit and a.closed_at is null)
        returning b.* into state;
    end if;
    if state.account_id is not null then
        new_position := nextval('transfer_position');
        now := clock_timestamp();
        insert into transfers values (id, new_position, key, 'transfer', null, cause, cause_id, actor, event_at, now)
            on conflict do nothing;
        if found then
            insert into entries
            select e.account_id, case when e.account_id = payer then state.version else new_position end, id, unit,
                   e.amount, 0, case when e.account_id = payer then state.posted end,
                   case when e.account_id = payer then state.held end, now
              from unnest(accounts, amounts) e (account_id, amount);
            code := 'ok'; transfer_id := id; available := state.posted - state.held;
            return;
        end if;
        -- The key was posted before: put back what was taken.
        update balances b set posted = b.posted - change, version = b.version - 1 where b.account_id = payer;
    end if;
    select * into code, transfer_id, available from post(jsonb_build_array(jsonb_build_object('id', id, 'key', key,
        'kind', 'transfer', 'accounts', accounts, 'units', units, 'amounts', amounts, 'cause', cause,
        'cause_id', cause_id, 'actor', actor, 'event_at', event_at)));
end $$;

-- A batch of plain transfers in one unit, whose entries say the number of theirs: written as a set where no balance
-- ever leaves its limits, in the order of the batch. Where anything isn't as it should be, all is undone, and post()
-- says what it was. Balances are locked by id: without bitmaps, every way to join them keeps that order.
create function ledger.post_many(ids uuid[], keys text[], causes text[], cause_ids uuid[], actors text[],
    event_ats timestamptz[], unit text, numbers int[], accounts uuid[], amounts bigint[])
returns table (code text, transfer_id uuid, available bigint)
language plpgsql security definer set search_path = ledger, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off as $$
#variable_conflict use_variable
declare
    positions bigint[]; written entries[]; others uuid[]; now timestamptz;
begin
    perform pg_current_xact_id(); -- before a position is drawn: the horizon rests on it
    positions := array(select nextval('transfer_position') from generate_series(1, cardinality(ids)));
    with entry as (
        select e.*, (sum(e.amount) over earlier)::bigint as change, row_number() over earlier as version
          from unnest(numbers, accounts, amounts) with ordinality e (number, account, amount, place)
        window earlier as (partition by e.account order by e.place)
    ), state as (
        update balances b set posted = b.posted + c.change, version = b.version + c.entries
          from (select e.account, sum(e.amount)::bigint as change, count(*) as entries,
                       min(e.change) as lowest, max(e.change) as highest
                  from entry e group by e.account order by e.account) c
         where b.account_id = c.account and b.unit = unit
           and (b.posted + c.lowest - b.held >= b.floor) is not false and (b.posted + c.highest <= b.ceiling) is not false
        returning b.account_id, b.posted - c.change as posted, b.held, b.version - c.entries as version
    )
    select array_agg(row(e.account, coalesce(s.version + e.version, positions[e.number]), ids[e.number], unit,
               e.amount, 0, s.posted + e.change, s.held, null)::entries order by e.place),
           array_agg(e.account) filter (where e.version = 1 and s.version is null)
      into written, others
      from entry e left join state s on s.account_id = e.account;
    if not (0 <> all (amounts) and 1000000000000000 >= all (amounts) and -1000000000000000 <= all (amounts)
        and coalesce(cardinality(others), 0) = (select count(*) from ledger.accounts a
              where a.id = any (others) and a.hot and a.unit = unit and a.closed_at is null)
        and cardinality(ids) = (select count(*) from (
            select from unnest(numbers, accounts, amounts) e (number, account, amount) group by e.number
            having count(*) between 2 and 100 and count(distinct e.account) = count(*) and sum(e.amount) = 0) x))
    then
        raise no_data_found;
    end if;
    now := clock_timestamp();
    insert into transfers
    select t.id, t.position, t.key, 'transfer', null, t.cause, t.cause_id, t.actor, t.event_at, now
      from unnest(ids, positions, keys, causes, cause_ids, actors, event_ats)
        t (id, position, key, cause, cause_id, actor, event_at);
    insert into entries
    select e.account_id, e.position, e.transfer_id, e.unit, e.amount, e.held, e.posted_after, e.held_after, now
      from unnest(written) e;
    return query select 'ok', t.id, e.posted_after - e.held_after
      from unnest(ids) with ordinality t (id, number),
           lateral (select (written[array_position(numbers, t.number::int)]).*) e;
exception when no_data_found or unique_violation or numeric_value_out_of_range then
    return query select p.* from post((
        select jsonb_agg(jsonb_build_object('id', t.id, 'key', t.key, 'kind', 'transfer', 'cause', t.cause,
            'cause_id', t.cause_id, 'actor', t.actor, 'event_at', t.event_at, 'accounts', e.accounts,
            'units', e.units, 'amounts', e.amounts) order by t.number)
          from unnest(ids, keys, causes, cause_ids, actors, event_ats)
            with ordinality t (id, key, cause, cause_id, actor, event_at, number)
          left join (
            select x.number, array_agg(x.account order by x.place) as accounts, array_agg(unit) as units,
                   array_agg(x.amount order by x.place) as amounts
              from unnest(numbers, accounts, amounts) with ordinality x (number, account, amount, place)
             group by x.number) e on e.number = t.number)) p;
end $$;

-- Opens an account, or answers the one of this kind, owner and unit that is there already.
create function ledger.open_account(id uuid, kind text, owner_id uuid, unit text, normal_side ledger.side, hot boolean,
    floor bigint, ceiling bigint, opened_at timestamptz) returns uuid
language plpgsql security definer set search_path = ledger, pg_temp as $$
#variable_conflict use_variable
begin
    insert into accounts values (id, kind, owner_id, unit, normal_side, hot, opened_at) on conflict do nothing;
    if not found then
        return (select a.id from accounts a
                 where (a.kind, a.unit) = (kind, unit) and a.owner_id is not distinct from owner_id);
    end if;
    if not hot then
        insert into balances (account_id, unit, floor, ceiling) values (id, unit, floor, ceiling);
    end if;
    return id;
end $$;

-- Closes an empty account for good: its limits then keep it at zero. Nothing locks a hot account, so closing one waits
-- for the postings under way; every posting asks whether its accounts are closed after it has touched `balances`.
create function ledger.close_account(account uuid, at timestamptz) returns text
language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
    if exists (select from accounts a where a.id = account and a.hot) then
        lock table balances in exclusive mode;
    end if;
    perform from balances b where b.account_id = account for update;
    perform from accounts a where a.id = account for update;
    if not found then return 'account_not_found'; end if;
    if exists (select from balance(account) b where b.posted <> 0 or b.held <> 0) then
        return 'account_not_empty';
    end if;
    update accounts a set closed_at = at where a.id = account and a.closed_at is null;
    update balances b set floor = 0, ceiling = 0 where b.account_id = account;
    return 'ok';
end $$;

-- The exact balance, in one statement; of a hot account the last fold and what came after it.
create function ledger.balance(account uuid) returns table (posted bigint, held bigint)
language sql stable set search_path = ledger, pg_temp as $$
    select b.posted, b.held from balances b where b.account_id = account
    union all
    select coalesce(f.posted, 0) + coalesce((
        select sum(e.amount) from entries e
         where e.account_id = account and e.position > coalesce(f.position, 0)), 0)::bigint, 0
      from accounts a left join lateral (
        select * from folds where account_id = a.id order by position desc limit 1) f on true
     where a.id = account and a.hot
$$;

-- The balance at an instant. A strict account's versions are dense and in time, so they can be halved; of a hot one
-- it's the last fold made before, and the entries after it that were made until then.
create function ledger.balance_at(account uuid, instant timestamptz) returns table (posted bigint, held bigint)
language plpgsql stable set search_path = ledger, pg_temp as $$
declare
    low bigint := 0; high bigint; middle bigint; base folds;
begin
    if exists (select from accounts a where a.id = account and a.hot) then
        select * into base from folds f
         where f.account_id = account and f.folded_at <= instant order by f.position desc limit 1;
        return query select coalesce(base.posted, 0) + coalesce(sum(e.amount), 0)::bigint, 0::bigint from entries e
          where e.account_id = account and e.position > coalesce(base.position, 0) and e.created_at <= instant
            and e.position <= coalesce((select min(f.position) from folds f
                where f.account_id = account and f.fenced_at >= instant), 9223372036854775807);
        return;
    end if;
    select b.version into high from balances b where b.account_id = account;
    while low < high loop
        middle := (low + high + 1) / 2;
        if (select e.created_at <= instant from entries e where e.account_id = account and e.position = middle) then
            low := middle;
        else
            high := middle - 1;
        end if;
    end loop;
    return query select e.posted_after, e.held_after from entries e where e.account_id = account and e.position = low;
    if not found then return query select 0::bigint, 0::bigint; end if;
end $$;

-- Folds the settled entries of every hot account, and answers how many accounts had new ones.
create function ledger.fold() returns bigint
language plpgsql security definer set search_path = ledger, pg_temp as $$
declare
    upto bigint := chain.settle('ledger'); folded bigint;
    since timestamptz := (select l.settled_at from chain.logs l where l.name = 'ledger');
begin
    insert into folds
    select a.id, upto, coalesce(f.posted, 0) + n.amount, since, clock_timestamp()
      from accounts a
      left join lateral (select * from folds where account_id = a.id order by position desc limit 1) f on true
      cross join lateral (select sum(e.amount)::bigint as amount from entries e
        where e.account_id = a.id and e.position > coalesce(f.position, 0) and e.position <= upto) n
     where a.hot and n.amount is not null;
    get diagnostics folded = row_count;
    return folded;
end $$;

-- What the chain proves of a transfer: every column of it and of its entries, as JSON, times in microseconds.
create function ledger.sealed_text(transfer uuid) returns text
language sql stable set search_path = ledger, pg_temp as $$
    select jsonb_build_array(t.id, t.position, t.key, t.kind, t.target_id, t.cause, t.cause_id, t.actor,
        (extract(epoch from t.event_at) * 1000000)::bigint, (extract(epoch from t.created_at) * 1000000)::bigint, (
            select jsonb_agg(jsonb_build_array(e.account_id, e.position, e.unit, e.amount, e.held, e.posted_after,
                e.held_after) order by e.account_id)
              from entries e where e.transfer_id = t.id))::text
      from transfers t where t.id = transfer
$$;

revoke all on schema ledger from public;
revoke execute on all functions in schema ledger from public;
