-- The access log: rows that are written, never changed, and chained (chain.sql). The tables are in public, made by
-- Alembic; here is what may be done with them.
--
-- A record holds nothing of a person but digests, SHA-256(salt || person_text): a person's row can lose what it says of
-- them, and the chain stays whole; without its salt, nobody can guess what it was.

create schema access_log;

create sequence access_log.event_position;

insert into chain.logs (name, records, positions, sealed_text)
values ('access', 'public.access_event', 'access_log.event_position', 'access_log.sealed_text');

-- What the chain proves of a record: every column of it, as JSON, times in microseconds.
create function access_log.sealed_text(event uuid) returns text
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_array(e.id, e.position, (extract(epoch from e.event_at) * 1000000)::bigint,
        (extract(epoch from e.created_at) * 1000000)::bigint, e.kind, e.store_id, e.code, e.actor, e.decision,
        e.access_point_id, e.device_id, e.zone_id, e.policy, e.factors, e.details, (
            select jsonb_agg(encode(d.digest, 'hex') order by d.place)
              from unnest(e.person_digests) with ordinality d (digest, place)))::text
      from access_event e where e.id = event
$$;

create function access_log.person_text(member_id uuid, holder_id uuid, details jsonb) returns text
language sql stable as $$
    select jsonb_build_array(member_id, holder_id, details)::text
$$;

create function access_log.write(id uuid, event_at timestamptz, event jsonb) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    written access_event := jsonb_populate_record(null::access_event, event); involved access_event_person[];
begin
    perform pg_current_xact_id(); -- before a position is drawn: the horizon rests on it
    written.id := id;
    written.event_at := event_at;
    written.position := nextval('access_log.event_position');
    written.created_at := clock_timestamp();
    select coalesce(array_agg(row(written.id, p.place, p.person ->> 'member_id', p.person ->> 'holder_id',
               p.person -> 'details', uuid_send(gen_random_uuid()), null, null)::access_event_person
               order by p.place), '{}')
      into involved from jsonb_array_elements(event -> 'persons') with ordinality p (person, place);
    select coalesce(array_agg(sha256(i.salt || convert_to(
               access_log.person_text(i.member_id, i.holder_id, i.details), 'UTF8')) order by i.place), '{}')
      into written.person_digests from unnest(involved) i;
    insert into access_event select written.*;
    insert into access_event_person select * from unnest(involved);
end $$;

-- Takes what it says of a member out of every row, and answers of how many; `event` is the record of it. The rows are
-- chained, oldest first, to the digest that the record seals: a row that was emptied by hand fits nowhere.
create function access_log.unlink(member uuid, erasure uuid, event_at timestamptz, event jsonb) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    link bytea := decode(repeat('00', 32), 'hex'); unlinked bigint := 0; person record;
begin
    for person in
        select p.event_id, p.place from access_event_person p join access_event e on e.id = p.event_id
         where p.member_id = member order by e.position, p.place
    loop
        update access_event_person p
           set member_id = null, holder_id = null, details = null, salt = null,
               unlinked_by = erasure, unlinked_after = link
         where (p.event_id, p.place) = (person.event_id, person.place);
        link := sha256(link || uuid_send(person.event_id) || int2send(person.place));
        unlinked := unlinked + 1;
    end loop;
    if unlinked > 0 then
        perform access_log.write(erasure, event_at, event || jsonb_build_object('details', jsonb_build_object(
            'unlinked', unlinked, 'digest', encode(link, 'hex'))));
    end if;
    return unlinked;
end $$;

-- Deletes what the newest sealed record of retention says is cut, some records at a time; answers how many it deleted.
-- Never the last day, whoever says so: who got hold of the app's role can't take their own traces along.
create function access_log.forget(events_max int) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    reach bigint; gone uuid[];
begin
    select (e.details ->> 'number')::bigint into reach
      from access_event e join chain.links l on l.record_id = e.id
     where e.kind = 'retention' order by e.position desc limit 1;
    gone := array(select l.record_id from chain.links l
                   where l.log = 'access' and l.number <= reach order by l.number limit events_max);
    if exists (select from access_event e where e.id = any (gone)
                  and e.created_at > clock_timestamp() - interval '1 day')
    then
        raise exception 'the last day of the access log is never cut off' using errcode = 'restrict_violation';
    end if;
    perform chain.cut('access', (select max(l.number) from chain.links l where l.record_id = any (gone)));
    delete from access_event_person p where p.event_id = any (gone);
    delete from access_event e where e.id = any (gone);
    return coalesce(cardinality(gone), 0);
end $$;

-- A person's row goes with its event, and changes but once, when it forgets whom it is about.
create function access_log.guard_person() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' and (
        select e.position <= l.cut_position from access_event e, chain.logs l
         where e.id = old.event_id and l.name = 'access')
    then
        return old;
    end if;
    if tg_op = 'UPDATE' and old.unlinked_by is null and new.unlinked_by is not null
        and (new.event_id, new.place) = (old.event_id, old.place)
    then
        return new;
    end if;
    raise exception 'public.access_event_person is append-only' using errcode = 'restrict_violation';
end $$;

create trigger append_only before update or truncate on public.access_event
    for each statement execute function chain.refuse_change();
create trigger cut_only before delete on public.access_event
    for each row execute function chain.refuse_early_removal('access');
create trigger append_only before truncate on public.access_event_person
    for each statement execute function chain.refuse_change();
create trigger guarded before update or delete on public.access_event_person
    for each row execute function access_log.guard_person();

revoke all on schema access_log from public;
revoke execute on all functions in schema access_log from public;
