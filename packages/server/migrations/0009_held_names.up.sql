-- Names that were given up, and that no other tenant gets for a while: bookmarks, links in old mails and other
-- people's settings still lead there.
--
-- Invariants
--   * The subdomain of a tenant that is being deleted, or that is gone, goes to no other tenant before held_until,
--     whichever role inserts it. The check runs after the row is in the unique index: an insert that waited for the
--     deletion of the former tenant sees what that transaction has held.
--   * A custom domain that led to a tenant when its row was deleted goes to another one before held_until only where
--     the record of the former is no longer in the DNS. (The check of a domain decides this: it asks the DNS.)
--   * An erasure leaves no name and no id: the rows have hashes of both. Knowing a name, one can find its row.
--   * No role adds a row: the trigger runs as the owner of the schema. The platform role may delete one.
--
-- held_names: rows are deleted when they have expired, by the next that is added.
-- No row-level security: the rows belong to no tenant. (It is on the committed list of exceptions.)
create table tenantry.held_names (
  kind text not null check (kind in ('subdomain', 'domain')),
  name_digest text not null check (name_digest ~ '^[0-9a-f]{64}$'),
  -- The former tenant, which may take the name back.
  tenant_digest text not null check (tenant_digest ~ '^[0-9a-f]{64}$'),
  -- The value in the TXT record of a domain.
  proof text check (proof ~ '^[0-9a-f]{32}$'),
  held_until timestamptz not null,
  primary key (kind, name_digest, tenant_digest),
  check ((kind = 'domain') = (proof is not null))
);
create index held_names_by_end on tenantry.held_names (held_until);
grant select on tenantry.held_names to tenantry_identity, tenantry_platform;
grant delete on tenantry.held_names to tenantry_platform;

create function tenantry.name_digest(name text) returns text
language sql immutable parallel safe set search_path = pg_catalog as $$
  select encode(sha256(convert_to(name, 'UTF8')), 'hex')
$$;
grant execute on function tenantry.name_digest(text) to tenantry_identity, tenantry_platform;

-- Sets for how many days the names are held that this transaction frees.
create function tenantry.hold_names(days integer) returns void
language sql set search_path = pg_catalog as $$
  select set_config('tenantry.hold_days', days::text, true)
$$;
grant execute on function tenantry.hold_names(integer) to tenantry_app, tenantry_platform;

-- Holds the name of a row that is deleted, or of a tenant that is marked or gets another subdomain: for 90 days
-- without hold_names(). SECURITY DEFINER: no role may add a row. No role may call it: a trigger needs no grant.
create function tenantry.hold_name() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  days integer := least(coalesce(nullif(current_setting('tenantry.hold_days', true), '')::integer, 90), 3650);
  held tenantry.held_names;
begin
  if tg_table_name = 'tenants' then
    held.kind := 'subdomain';
    held.name_digest := tenantry.name_digest(old.subdomain);
    held.tenant_digest := tenantry.name_digest(old.id::text);
  else
    held.kind := 'domain';
    held.name_digest := tenantry.name_digest(old.name);
    held.tenant_digest := tenantry.name_digest(old.tenant_id::text);
    held.proof := old.proof;
  end if;
  held.held_until := now() + make_interval(days => greatest(days, 0));
  -- What another transaction deletes already, this one does not wait for.
  with expired as materialized (
    select e.kind, e.name_digest, e.tenant_digest from tenantry.held_names e
    where e.held_until <= now() limit 1000 for update skip locked
  )
  delete from tenantry.held_names h using expired
  where h.kind = expired.kind and h.name_digest = expired.name_digest
    and h.tenant_digest = expired.tenant_digest;
  insert into tenantry.held_names values (held.*)
  on conflict (kind, name_digest, tenant_digest)
  do update set held_until = excluded.held_until, proof = excluded.proof;
  return null;
end
$$;
create trigger hold_name after delete on tenantry.tenants
  for each row execute function tenantry.hold_name();
create trigger hold_name_of_marked after update on tenantry.tenants for each row
  when (old.subdomain <> new.subdomain or old.status <> 'deleting' and new.status = 'deleting')
  execute function tenantry.hold_name();
create trigger hold_name after delete on tenantry.domains for each row
  when (old.state in ('verified', 'failing')) execute function tenantry.hold_name();

create function tenantry.reject_held_subdomain() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if exists (
    select from tenantry.held_names h
    where h.kind = 'subdomain' and h.name_digest = tenantry.name_digest(new.subdomain)
      and h.tenant_digest <> tenantry.name_digest(new.id::text) and h.held_until > now()) then
    raise exception 'another tenant had the subdomain until lately' using errcode = '23505',
      schema = 'tenantry', table = 'tenants', constraint = 'tenants_subdomain_held';
  end if;
  return null;
end
$$;
create trigger reject_held_subdomain after insert or update of subdomain on tenantry.tenants
  for each row execute function tenantry.reject_held_subdomain();
