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

-- Makes a control-plane table announce, on the channel "tenantry", what a cached answer may depend
-- on: `kind:id` with the id in `id_column`. Over 100 ids of one statement become `tenant:id`, over
-- 100 tenants `*`. The rules that keep revocation live:
--   * Ids only: whoever may LISTEN learns no name.
--   * ENABLE ALWAYS: session_replication_role = replica does not silence them. TRUNCATE is `*`.
--   * The functions run as who changed the rows, under FORCED row-level security, and therefore
--     read transition tables only.
--   * NOTIFY takes a lock of the whole cluster at COMMIT: what cannot alter a cached answer is not
--     announced. An update is announced where one of `watched`, which holds the primary key,
--     changed; an insert where `inserts`; `falling` where it became less; a delete unless `over`.
--   * `hosts` goes with each new name of a tenant: cached answers that a host is nobody's.
create function tenantry.announce_changes(
  relation regclass, kind text, id_column name, watched name[],
  inserts boolean default false, falling name default null, over text default 'false'
) returns void
language plpgsql set search_path = pg_catalog as $$
declare
  short_name text := (select relname from pg_class where oid = relation);
  has_tenant boolean := exists (
    select from pg_attribute where attrelid = relation and attname = 'tenant_id');
  function_name text := format('tenantry.%I', 'announce_' || short_name);
  columns text := (select string_agg(quote_ident(it), ', ' order by at)
    from unnest(watched) with ordinality w(it, at));
  id text := quote_ident(id_column);
  wider text := case when has_tenant and kind <> 'tenant' then $q$'tenant:' || tenant_id$q$ else $q$'*'$q$ end;
  fallen text := case when falling is null then '' else format(
    'union all select %1$s from (select n.* from new_rows n join old_rows o using (tenant_id, id)
       where n.%2$I < o.%2$I) less', columns, falling) end;
  event record;
begin
  execute format($ddl$
    create function %1$s() returns trigger language plpgsql set search_path = pg_catalog as $body$
    declare
      keys text[];
      wider text[];
    begin
      if tg_op = 'TRUNCATE' then
        keys := '{*}';
      elsif tg_op = 'INSERT' then
        keys := array(select distinct %3$L || %2$s from new_rows limit 101);
        wider := array(select distinct %4$s from new_rows limit 101);
      elsif tg_op = 'DELETE' then
        keys := array(select distinct %3$L || %2$s from old_rows where not (%6$s) limit 101);
        wider := array(select distinct %4$s from old_rows where not (%6$s) limit 101);
      else
        with changed as (
          (select %5$s from old_rows except select %5$s from new_rows)
          union all (select %5$s from new_rows except select %5$s from old_rows)
          %7$s
        )
        select array(select distinct %3$L || %2$s from changed limit 101),
          array(select distinct %4$s from changed limit 101)
        into keys, wider;
      end if;
      if cardinality(keys) > 100 then keys := wider; end if;
      if cardinality(keys) > 100 then keys := '{*}'; end if;
      if cardinality(keys) > 0 and %8$L and tg_op <> 'DELETE' then keys := keys || 'hosts'::text; end if;
      perform pg_notify('tenantry', it) from unnest(keys) it;
      return null;
    end
    $body$
    $ddl$, function_name, id, kind || ':', wider, columns, over, fallen, kind = 'tenant');

  for event in
    select * from (values
      ('insert', 'referencing new table as new_rows', inserts),
      ('update', 'referencing old table as old_rows new table as new_rows', true),
      ('delete', 'referencing old table as old_rows', true),
      ('truncate', '', true)) e(name, tables, wanted)
    where wanted
  loop
    execute format(
      'create trigger announce_%1$s after %1$s on %2$s %3$s for each statement execute function %4$s()',
      event.name, relation, event.tables, function_name);
    execute format('alter table %s enable always trigger announce_%s', relation, event.name);
  end loop;
end
$$;
