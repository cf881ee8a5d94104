-- How a transaction selects its tenant, and how a table comes to show only that tenant's rows. Every
-- later migration depends on this.
--
-- Invariants
--   * A client sets the tenant by set_tenant() only, once, for one transaction. One trigger,
--     record_acts_on_person (0004), and the functions of 0007 visit the tenants of a user and restore it.
--   * Without a tenant a transaction sees no rows and can write none: current_setting returns NULL.
--   * Policies of tenant tables read columns and app.tenant_id only (some of the identity role
--     also read app.person_id, see 0004), so that they also hold on every shard of Citus.

-- By default PostgreSQL grants EXECUTE on every new function to PUBLIC. Here each grant is explicit.
alter default privileges revoke execute on functions from public;

grant usage on schema tenantry to tenantry_app, tenantry_identity, tenantry_platform, tenantry_backup;
grant usage on schema public to tenantry_app, tenantry_platform, tenantry_backup;
revoke create on schema public from public;

-- A backup has every row, so the backup role may read every table and sequence: the list of migrations,
-- which exists already, and what the owner creates from now on. A table with row-level security also
-- needs a policy for it, which make_tenant_table() adds: pg_dump leaves out the rows that no policy
-- shows, without an error.
alter default privileges grant select on tables to tenantry_backup;
alter default privileges grant select on sequences to tenantry_backup;
alter default privileges grant usage on schemas to tenantry_backup;
grant select on all tables in schema tenantry to tenantry_backup;
grant select on all sequences in schema tenantry to tenantry_backup;

create function tenantry.set_tenant(tenant uuid) returns void
language plpgsql set search_path = pg_catalog as $$
declare
  current_tenant text := nullif(current_setting('app.tenant_id', true), '');
begin
  if tenant is null then
    raise exception 'set_tenant() requires a tenant id, not NULL' using errcode = '22004';
  end if;
  -- A second tenant in one transaction could mix two tenants' rows in one reply.
  if current_tenant is not null and current_tenant::uuid <> tenant then
    raise exception 'this transaction already has another tenant' using errcode = '42501';
  end if;
  -- Citus sends SET LOCAL to its workers, and never set_config(). Its option is set by `tenantry scale citus`.
  -- As in visit_tenant(), without the call: each transaction begins with this.
  if current_setting('citus.propagate_set_commands', true) = 'local' then
    execute format('set local app.tenant_id = %L', tenant);
  else
    perform set_config('app.tenant_id', tenant::text, true);
  end if;
end
$$;
grant execute on function tenantry.set_tenant(uuid)
  to tenantry_app, tenantry_identity, tenantry_platform;

-- Sets the tenant for a part of a transaction: for functions that visit the tenants of one person and then
-- restore the one before, which may be ''. No protection is lost: every role may call set_config().
create function tenantry.visit_tenant(tenant text) returns void
language plpgsql set search_path = pg_catalog as $$
begin
  if current_setting('citus.propagate_set_commands', true) = 'local' then
    execute format('set local app.tenant_id = %L', tenant);
  else
    perform set_config('app.tenant_id', tenant, true);
  end if;
end
$$;
grant execute on function tenantry.visit_tenant(text)
  to tenantry_app, tenantry_identity, tenantry_platform;

-- Whether `tenantry scale citus` has put the data plane on many servers. The catalog of Citus says so.
create function tenantry.is_distributed() returns boolean
language plpgsql stable set search_path = pg_catalog as $$
declare
  found_log boolean;
begin
  if to_regclass('pg_catalog.pg_dist_partition') is null then
    return false;
  end if;
  execute 'select exists (select from pg_dist_partition where logicalrelid = $1 and partmethod = ''h'')'
    into found_log using to_regclass('tenantry.audit_logs');
  return found_log;
end
$$;

-- Whether a text may be a name that people read in mails and on pages: 1 to `longest` characters in any
-- script, without spaces at its ends, on one line, without control, zero-width and direction characters,
-- so that it cannot add a header to a mail or look like another text. Joiners and variation selectors
-- belong to emoji and to names in many scripts: they may follow a character that they can change.
-- lib/display_name.ts has the same rules. For a CHECK; an app may use it, too.
--
-- PL/pgSQL keeps its expression prepared for a session, and a function in SQL is planned by each statement. No
-- search_path of its own, which costs more than the rest: all names are qualified instead. Printable ASCII, as in
-- most names, passes at the first pattern.
create function tenantry.is_display_name(value text, longest integer) returns boolean
language plpgsql immutable parallel safe as $$
begin
  return pg_catalog.length(value) operator(pg_catalog.>=) 1 and pg_catalog.length(value) operator(pg_catalog.<=) longest
    and (value collate pg_catalog."C" operator(pg_catalog.~) '^[!-\u007e]([ -\u007e]*[!-\u007e])?$'
      or value collate pg_catalog."C" operator(pg_catalog.!~) '[\u0001-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]'
      and value collate pg_catalog."C" operator(pg_catalog.!~) '^[\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]'
      and value collate pg_catalog."C" operator(pg_catalog.!~) '[\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]$'
      and value collate pg_catalog."C" operator(pg_catalog.!~) '(^|[\u0001-\u05ff\u1680\u1c80-\u1c8f\u1d00-\u218f\u2c60-\u2c7f\u2de0-\ua7ff\uab30-\uab6f\uac00-\ud7ff\uf900-\ufb06\ufe20-\ufe2f\uff00-\uffef\U00020000-\U0003ffff])[\u200c\u200d]'
      and value collate pg_catalog."C" operator(pg_catalog.!~) '(^|[\u0001-\u0022\u0024-\u0029\u002b-\u002f\u003a-\u00a8\u00aa-\u00ad\u00af-\u0fff\u1680\u1c80-\u1c8f\u1d00-\u203b\u2071-\u209f\u212a-\u2138\u213a-\u218f\u2c60-\u2c7f\u2de0-\u2dff\ua640-\ua7ff\uab30-\uab6f\uac00-\ud7ff\ufb00-\ufb06\ufe20-\ufe2f\uff21-\uff5a\u205f\u3000\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef])[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]'
      and value collate pg_catalog."C" operator(pg_catalog.!~) '[0-9#*][\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef](?!\u20e3)');
end
$$;
grant execute on function tenantry.is_display_name(text, integer)
  to tenantry_app, tenantry_identity, tenantry_platform;

-- Makes a table tenant-scoped. The migration that creates the table calls this once. The primary key
-- must start with "tenant_id uuid not null". The function adds the default and the foreign key of
-- tenant_id, enables and forces row-level security, and creates the policies and the grants, those of the
-- backup role included.
--
-- It records the plane of the table, as a comment on the policy: 'control', the default of the kernel's
-- schema, or 'data', the default elsewhere and of the audit log. The control plane is small, is read through
-- caches and stays on one server. The data plane grows with the tenants: queries of a tenant's scope name the
-- tenant for each of its tables, so that Citus can keep them on many servers. Once it does, a new table of the
-- data plane is distributed here. It must still be empty, and has no foreign key to the tenant, which stays on
-- the coordinator.
create function tenantry.make_tenant_table(relation regclass, plane text default null) returns void
language plpgsql set search_path = pg_catalog as $$
declare
  short_name text := (select relname from pg_class where oid = relation);
  is_kernel boolean := (select relnamespace = 'tenantry'::regnamespace from pg_class where oid = relation);
  tenant_leads boolean;
  has_rows boolean;
  is_sharded boolean;
begin
  plane := coalesce(plane, case when is_kernel and short_name <> 'audit_logs' then 'control' else 'data' end);
  if plane not in ('control', 'data') then
    raise exception 'make_tenant_table(%): the plane is ''control'' or ''data'', not ''%''', relation, plane;
  end if;
  select a.attname = 'tenant_id' and a.attnotnull and a.atttypid = 'uuid'::regtype into tenant_leads
  from pg_index i
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where i.indrelid = relation and i.indisprimary;
  if tenant_leads is not true then
    raise exception 'make_tenant_table(%): the primary key must start with "tenant_id uuid not null"',
      relation using hint = 'write: tenant_id uuid not null, id uuid not null, primary key (tenant_id, id)';
  end if;

  is_sharded := plane = 'data' and tenantry.is_distributed();
  if is_sharded then
    execute format('select exists (select from %s)', relation) into has_rows;
    if has_rows then
      raise exception 'make_tenant_table(%): on Citus the table must be empty', relation
        using hint = 'insert its rows after this call, as an own migration that sets each tenant';
    end if;
    -- Citus 13 writes a restrictive policy on the workers as a permissive one, which shows more rows.
    if exists (select from pg_policy where polrelid = relation and not polpermissive) then
      raise exception 'make_tenant_table(%): on Citus no policy may be restrictive', relation
        using hint = 'fold its condition into the policies app_own_tenant and platform_all_tenants';
    end if;
  else
    execute format('alter table %s add constraint %I foreign key (tenant_id) references tenantry.tenants (id)',
      relation, short_name || '_tenant_fkey');
  end if;
  execute format($ddl$
    alter table %1$s
      alter column tenant_id set default nullif(current_setting('app.tenant_id', true), '')::uuid,
      enable row level security,
      force row level security
    $ddl$, relation);
  execute format($ddl$
    create policy app_own_tenant on %1$s to tenantry_app
      using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
      with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    $ddl$, relation);
  execute format('comment on policy app_own_tenant on %s is %L', relation, 'tenantry: ' || plane || ' plane');
  execute format($ddl$
    create policy platform_all_tenants on %1$s to tenantry_platform using (true) with check (true)
    $ddl$, relation);
  execute format('create policy backup_all_tenants on %s for select to tenantry_backup using (true)', relation);
  execute format('grant select, insert, update, delete on %s to tenantry_app, tenantry_platform', relation);
  execute format('grant select on %s to tenantry_backup', relation);
  if is_sharded then
    -- In one transaction with other DDL on shards, which would otherwise use several connections.
    perform set_config('citus.multi_shard_modify_mode', 'sequential', true);
    execute 'select create_distributed_table($1, ''tenant_id'', colocate_with => ''tenantry.audit_logs'')'
      using relation;
  end if;
end
$$;

-- Sends `*` for TRUNCATE, which fires no row triggers.
create function tenantry.invalidate_all() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
  perform pg_notify('tenantry', '*');
  return null;
end
$$;

-- Sends the invalidation for one row in a transaction that changes many rows, or whose update changes
-- a key: `kind:id` for up to 100 rows, then `tenant:id` for up to 100 tenants, then `*`. Where
-- `tenant` is NULL, `*` follows `kind:id` directly.
-- The application roles may call it: it only sends NOTIFY, which every role may do anyway.
create function tenantry.invalidate_many(kind text, id uuid, tenant uuid) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  notified text := coalesce(current_setting('tenantry.invalidated_tenants', true), '');
begin
  if length(current_setting('tenantry.invalidated_rows')) <= 100 then
    perform pg_notify('tenantry', kind || ':' || id);
  elsif strpos(notified, tenant::text) > 0 then
    perform pg_notify('tenantry', 'tenant:' || tenant);
  elsif tenant is not null and length(notified) < 3600 then
    perform set_config('tenantry.invalidated_tenants', notified || tenant, true);
    perform pg_notify('tenantry', 'tenant:' || tenant);
  else
    perform pg_notify('tenantry', '*');
  end if;
end
$$;
grant execute on function tenantry.invalidate_many(text, uuid, uuid)
  to tenantry_app, tenantry_identity, tenantry_platform;

-- Creates triggers on a control-plane table that send an invalidation on the channel "tenantry" when
-- a change may affect a cached value: `kind:id`, with the id from `id_column`. In one transaction the
-- rows after the first 100 send `tenant:id`, and those after the first 100 tenants send `*`.
--
-- Parameters
--   watched       an update sends an invalidation if one of these columns changed; they must include
--                 the primary key
--   inserts       an insert sends an invalidation too
--   lowered       an update sends an invalidation if the value of this column decreased
--   expired_when  a delete sends no invalidation if this condition on the old row holds
--
-- Rules that keep revocation live
--   * Payloads hold ids only: every role that can connect may LISTEN, and must learn no names.
--   * The triggers are ENABLE ALWAYS, because session_replication_role = replica disables other ones,
--     and FOR EACH ROW, because logical replication fires no statement triggers. TRUNCATE sends `*`.
--   * The trigger functions run as the role that changed the row, under FORCED row-level security:
--     they must not read any table.
--   * NOTIFY takes a lock on the whole cluster at COMMIT. A change that cannot affect a cached value
--     must therefore send nothing.
--   * A new or changed row of a tenant also sends `hosts`, which evicts cached unknown hosts.
--   * Two settings, local to the transaction, count what it has sent: a dot for each row, the id of
--     each tenant. A client that changes them can widen or narrow later invalidations of its own
--     transaction; it cannot suppress one.
--
-- Every write to these tables pays for the trigger. For one row it evaluates three expressions. A
-- query, a WHEN clause or a transition table would cost more than all three, and so would SET
-- search_path on the function: names are qualified instead. PERFORM runs a query, `:=` does not.
-- `*=` looks up one operator for all columns together.
create function tenantry.invalidate_on_change(
  relation regclass, kind text, id_column name, watched name[],
  inserts boolean default false, lowered name default null, expired_when text default null
) returns void
language plpgsql set search_path = pg_catalog as $$
declare
  function_name text := format('tenantry.%I', 'invalidate_' || (
    select relname from pg_class where oid = relation));
  has_tenant boolean := kind <> 'tenant' and exists (
    select from pg_attribute where attrelid = relation and attname = 'tenant_id');
  event record;
begin
  execute format($ddl$
    create function %1$s() returns trigger language plpgsql as $body$
    declare
      ignored pg_catalog.text;
    begin
      -- For an insert all columns of old are NULL, for a delete all columns of new.
      if row(%4$s)::pg_catalog.record operator(pg_catalog.*=) row(%5$s)::pg_catalog.record %6$s then
        return null;
      end if;
      if pg_catalog.length(pg_catalog.set_config('tenantry.invalidated_rows', pg_catalog.left(pg_catalog.concat(
          pg_catalog.current_setting('tenantry.invalidated_rows', true), '.'), 101), true)) operator(pg_catalog.>) 100
        or %7$s
      then
        ignored := tenantry.invalidate_many(%2$L, coalesce(new.%3$I, old.%3$I), %8$s);
        if %7$s then
          ignored := tenantry.invalidate_many(%2$L, old.%3$I, %9$s);
        end if;
      else
        ignored := pg_catalog.pg_notify('tenantry', pg_catalog.concat(%2$L, ':', coalesce(new.%3$I, old.%3$I)));
      end if;
      %10$s
      return null;
    end
    $body$
    $ddl$, function_name, kind, id_column,
    (select string_agg(format('old.%I', it), ', ') from unnest(watched) it),
    (select string_agg(format('new.%I', it), ', ') from unnest(watched) it),
    case when lowered is null then '' else format('and new.%1$I operator(pg_catalog.>=) old.%1$I', lowered) end
      || case when expired_when is null then '' else format(' or new.%I is null and (%s)', id_column, expired_when) end,
    format('new.%1$I operator(pg_catalog.<>) old.%1$I', id_column)
      || case when has_tenant then ' or new.tenant_id operator(pg_catalog.<>) old.tenant_id' else '' end,
    case when has_tenant then 'coalesce(new.tenant_id, old.tenant_id)' else 'null' end,
    case when has_tenant then 'old.tenant_id' else 'null' end,
    case when kind <> 'tenant' then '' else format(
      'if new.%I is not null then ignored := pg_catalog.pg_notify(''tenantry'', ''hosts''); end if;', id_column) end);

  for event in
    select * from (values
      ('insert', 'row', function_name, inserts),
      ('update', 'row', function_name, true),
      ('delete', 'row', function_name, true),
      ('truncate', 'statement', 'tenantry.invalidate_all', true)) e(name, level, run, wanted)
    where wanted
  loop
    execute format('create trigger invalidate_%1$s after %1$s on %2$s for each %3$s execute function %4$s()',
      event.name, relation, event.level, event.run);
    execute format('alter table %s enable always trigger invalidate_%s', relation, event.name);
  end loop;
end
$$;
