-- How a transaction selects its tenant, and how a table comes to show only that tenant's rows. Every
-- later migration depends on this.
--
-- Invariants
--   * A client sets the tenant by set_tenant() only, once, for one transaction. One trigger,
--     record_acts_on_person (0004), visits the tenants of a user and restores the setting.
--   * Without a tenant a transaction sees no rows and can write none: current_setting returns NULL.
--   * Policies of tenant tables read columns and app.tenant_id only (one policy of the identity role
--     also reads app.person_id, see 0004), so that they also hold on every shard of Citus.

-- By default PostgreSQL grants EXECUTE on every new function to PUBLIC. Here each grant is explicit.
alter default privileges revoke execute on functions from public;

grant usage on schema tenantry to tenantry_app, tenantry_identity, tenantry_platform;
grant usage on schema public to tenantry_app, tenantry_platform;
revoke create on schema public from public;

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
  perform set_config('app.tenant_id', tenant::text, true);
end
$$;
grant execute on function tenantry.set_tenant(uuid)
  to tenantry_app, tenantry_identity, tenantry_platform;

-- Makes a table tenant-scoped. The migration that creates the table calls this once. The primary key
-- must start with "tenant_id uuid not null". The function adds the default and the foreign key of
-- tenant_id, enables and forces row-level security, and creates the policies and the grants.
create function tenantry.make_tenant_table(relation regclass) returns void
language plpgsql set search_path = pg_catalog as $$
declare
  short_name text := (select relname from pg_class where oid = relation);
  tenant_leads boolean;
begin
  select a.attname = 'tenant_id' and a.attnotnull and a.atttypid = 'uuid'::regtype into tenant_leads
  from pg_index i
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where i.indrelid = relation and i.indisprimary;
  if tenant_leads is not true then
    raise exception 'make_tenant_table(%): the primary key must start with "tenant_id uuid not null"',
      relation using hint = 'write: tenant_id uuid not null, id uuid not null, primary key (tenant_id, id)';
  end if;

  execute format($ddl$
    alter table %1$s
      alter column tenant_id set default nullif(current_setting('app.tenant_id', true), '')::uuid,
      add constraint %2$I foreign key (tenant_id) references tenantry.tenants (id),
      enable row level security,
      force row level security
    $ddl$, relation, short_name || '_tenant_fkey');
  execute format($ddl$
    create policy app_own_tenant on %1$s to tenantry_app
      using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
      with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    $ddl$, relation);
  execute format($ddl$
    create policy platform_all_tenants on %1$s to tenantry_platform using (true) with check (true)
    $ddl$, relation);
  execute format('grant select, insert, update, delete on %s to tenantry_app, tenantry_platform', relation);
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
