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

-- Marks a control-plane table whose rows a cached answer may depend on. Nothing is cached yet, so
-- there is nobody to tell: the marks are what the announcements will be attached to.
create function tenantry.announce_changes(relation regclass) returns void
language plpgsql set search_path = pg_catalog as $$
begin
  execute format('comment on table %s is %L', relation, 'announces its changes');
end
$$;
