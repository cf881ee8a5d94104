-- The mechanism every other migration leans on: how a transaction says which tenant it works for,
-- and how a table becomes one that only shows that tenant's rows.
--
-- Invariants
--   * The tenant is set by set_tenant() and by nothing else, for one transaction, once.
--   * No tenant set: no rows are seen and no row can be written (current_setting gives NULL).
--   * Policies read columns and app.tenant_id only, so that they also hold on every shard of Citus.

-- Functions are EXECUTE-able by PUBLIC unless said otherwise; here each one is granted by name.
alter default privileges revoke execute on functions from public;

grant usage on schema tenantry to tenantry_app, tenantry_identity, tenantry_platform;
grant usage on schema public to tenantry_app, tenantry_platform;
revoke create on schema public from public;

create function tenantry.set_tenant(tenant uuid) returns void
language plpgsql set search_path = pg_catalog as $$
declare
  already text := nullif(current_setting('app.tenant_id', true), '');
begin
  if tenant is null then
    raise exception 'set_tenant needs a tenant' using errcode = '22004';
  end if;
  -- A second, different tenant in one transaction would mix two tenants' rows in one reply.
  if already is not null and already::uuid <> tenant then
    raise exception 'the tenant of this transaction is already set' using errcode = '42501';
  end if;
  perform set_config('app.tenant_id', tenant::text, true);
end
$$;
grant execute on function tenantry.set_tenant(uuid)
  to tenantry_app, tenantry_identity, tenantry_platform;

-- Makes a table a tenant's: one call in the migration that creates it. The table must have
-- tenant_id uuid not null, leading its primary key. Adds the default, the foreign key to the
-- tenant, enabled and forced row-level security, the policies and the grants.
create function tenantry.make_tenant_table(relation regclass) returns void
language plpgsql set search_path = pg_catalog as $$
declare
  short_name text := (select relname from pg_class where oid = relation);
  leads boolean;
begin
  select a.attname = 'tenant_id' and a.attnotnull and a.atttypid = 'uuid'::regtype into leads
  from pg_index i
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where i.indrelid = relation and i.indisprimary;
  if leads is not true then
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

-- TRUNCATE of a table that announces.
create function tenantry.invalidate_all() returns trigger
language plpgsql set search_path = pg_catalog as $$
begin
  perform pg_notify('tenantry', '*');
  return null;
end
$$;

-- A row of a transaction that changes many, or of an update that moves a key: `kind:id` up to 100
-- rows, `tenant:id` up to 100 tenants, then `*`. `tenant` is NULL where nothing but `*` is wider.
-- It does no more than NOTIFY, which anybody may use.
create function tenantry.invalidate_many(kind text, id uuid, tenant uuid) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  announced text := coalesce(current_setting('tenantry.invalidated_tenants', true), '');
begin
  if length(current_setting('tenantry.invalidated_rows')) <= 100 then
    perform pg_notify('tenantry', kind || ':' || id);
  elsif strpos(announced, tenant::text) > 0 then
    perform pg_notify('tenantry', 'tenant:' || tenant);
  elsif tenant is not null and length(announced) < 3600 then
    perform set_config('tenantry.invalidated_tenants', announced || tenant, true);
    perform pg_notify('tenantry', 'tenant:' || tenant);
  else
    perform pg_notify('tenantry', '*');
  end if;
end
$$;
grant execute on function tenantry.invalidate_many(text, uuid, uuid)
  to tenantry_app, tenantry_identity, tenantry_platform;

-- Makes a control-plane table announce, on the channel "tenantry", what a cached answer may depend
-- on: `kind:id` with the id in `id_column`. After 100 rows of one transaction the rest is `tenant:id`,
-- after 100 tenants `*`. The rules that keep revocation live:
--   * Ids only: whoever may LISTEN learns no name.
--   * ENABLE ALWAYS and FOR EACH ROW: neither session_replication_role = replica silences them nor
--     logical replication, which fires no trigger of a statement. TRUNCATE is `*`.
--   * The functions run as who changed the row, under FORCED row-level security: they read no table.
--   * NOTIFY takes a lock of the whole cluster at COMMIT: what cannot alter a cached answer is not
--     announced. An update is announced where one of `watched`, which holds the primary key,
--     changed; an insert where `inserts`; `falling` where it became less; a delete unless `over`.
--   * `hosts` goes with each new name of a tenant: cached answers that a host is nobody's.
--   * The transaction counts in settings of its own: a dot for each row, the id of each tenant. Who
--     sets them himself alters how wide the next announcement is, and never whether there is one.
-- Every write pays for it: for one row these are three expressions. A query, a WHEN or a transition
-- table would cost more than all of them, and so does `set search_path` of a function: names are
-- qualified instead. PERFORM is a query, `:=` is not; `*=` looks up one operator for all columns.
create function tenantry.invalidate_on_change(
  relation regclass, kind text, id_column name, watched name[],
  inserts boolean default false, falling name default null, over text default null
) returns void
language plpgsql set search_path = pg_catalog as $$
declare
  function_name text := format('tenantry.%I', 'invalidate_' || (
    select relname from pg_class where oid = relation));
  has_wider boolean := kind <> 'tenant' and exists (
    select from pg_attribute where attrelid = relation and attname = 'tenant_id');
  event record;
begin
  execute format($ddl$
    create function %1$s() returns trigger language plpgsql as $body$
    declare
      nothing pg_catalog.text;
    begin
      -- A row that is not there has NULL in every column.
      if row(%4$s)::pg_catalog.record operator(pg_catalog.*=) row(%5$s)::pg_catalog.record %6$s then
        return null;
      end if;
      if pg_catalog.length(pg_catalog.set_config('tenantry.invalidated_rows', pg_catalog.left(pg_catalog.concat(
          pg_catalog.current_setting('tenantry.invalidated_rows', true), '.'), 101), true)) operator(pg_catalog.>) 100
        or %7$s
      then
        nothing := tenantry.invalidate_many(%2$L, coalesce(new.%3$I, old.%3$I), %8$s);
        if %7$s then
          nothing := tenantry.invalidate_many(%2$L, old.%3$I, %9$s);
        end if;
      else
        nothing := pg_catalog.pg_notify('tenantry', pg_catalog.concat(%2$L, ':', coalesce(new.%3$I, old.%3$I)));
      end if;
      %10$s
      return null;
    end
    $body$
    $ddl$, function_name, kind, id_column,
    (select string_agg(format('old.%I', it), ', ') from unnest(watched) it),
    (select string_agg(format('new.%I', it), ', ') from unnest(watched) it),
    case when falling is null then '' else format('and new.%1$I operator(pg_catalog.>=) old.%1$I', falling) end
      || case when over is null then '' else format(' or new.%I is null and (%s)', id_column, over) end,
    format('new.%1$I operator(pg_catalog.<>) old.%1$I', id_column)
      || case when has_wider then ' or new.tenant_id operator(pg_catalog.<>) old.tenant_id' else '' end,
    case when has_wider then 'coalesce(new.tenant_id, old.tenant_id)' else 'null' end,
    case when has_wider then 'old.tenant_id' else 'null' end,
    case when kind <> 'tenant' then '' else format(
      'if new.%I is not null then nothing := pg_catalog.pg_notify(''tenantry'', ''hosts''); end if;', id_column) end);

  for event in
    select * from (values
      ('insert', 'row', function_name, inserts),
      ('update', 'row', function_name, true),
      ('delete', 'row', function_name, true),
      ('truncate', 'statement', 'tenantry.invalidate_all', true)) e(name, each, run, wanted)
    where wanted
  loop
    execute format('create trigger invalidate_%1$s after %1$s on %2$s for each %3$s execute function %4$s()',
      event.name, relation, event.each, event.run);
    execute format('alter table %s enable always trigger invalidate_%s', relation, event.name);
  end loop;
end
$$;
