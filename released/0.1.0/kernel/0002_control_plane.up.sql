-- The control plane: tenants, users, members, roles and permissions. Requests read them through caches,
-- which triggers invalidate.

-- tenants: a subdomain and a code are global names and therefore unique. An id is never reused.
create table tenantry.tenants (
  id uuid primary key,
  name text not null check (length(name) between 1 and 200),
  -- The label before a base domain. Host names are lower case in their canonical form.
  subdomain text not null unique
    check (subdomain ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  code text not null unique check (code ~ '^[A-Z0-9_]{1,32}$'),
  status text not null default 'active' check (status in ('active', 'suspended', 'deleting')),
  branding jsonb not null default '{}',
  -- Requests per second, and concurrent requests, that one server accepts for the tenant. NULL: the
  -- server's own settings apply.
  rate integer check (rate between 1 and 1000000),
  concurrency integer check (concurrency between 1 and 1000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
alter table tenantry.tenants enable row level security, force row level security;
create policy app_own_tenant on tenantry.tenants for select to tenantry_app
  using (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- Only platform admins see a tenant that is being deleted.
create policy identity_resolves_tenants on tenantry.tenants for select to tenantry_identity
  using (status in ('active', 'suspended'));
create policy platform_all_tenants on tenantry.tenants to tenantry_platform
  using (true) with check (true);
grant select on tenantry.tenants to tenantry_app, tenantry_identity;
grant select, insert, update, delete on tenantry.tenants to tenantry_platform;

-- domains: a tenant's own host names, matched exactly. Only a verified domain resolves.
create table tenantry.domains (
  name text primary key
    check (length(name) <= 253 and name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$'),
  tenant_id uuid not null references tenantry.tenants (id),
  verified_at timestamptz,
  created_at timestamptz not null default now()
);
create index domains_by_tenant on tenantry.domains (tenant_id, created_at);
alter table tenantry.domains enable row level security, force row level security;
create policy app_own_tenant on tenantry.domains for select to tenantry_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy identity_resolves_domains on tenantry.domains for select to tenantry_identity
  using (verified_at is not null);
create policy platform_all_tenants on tenantry.domains to tenantry_platform
  using (true) with check (true);
grant select on tenantry.domains to tenantry_app, tenantry_identity;
grant select, insert, update, delete on tenantry.domains to tenantry_platform;

-- users: a person within one realm, across tenants. The nil UUID is the realm of the installation.
-- email keeps the address as it was entered. email_key is its canonical form; look-ups use that one.
create table tenantry.users (
  id uuid primary key,
  realm_id uuid not null default '00000000-0000-0000-0000-000000000000',
  email text not null check (length(email) <= 320),
  email_key text not null check (length(email_key) <= 320),
  password_hash text,
  full_name text not null default '' check (length(full_name) <= 200),
  is_active boolean not null default true,
  email_verified_at timestamptz,
  -- The credential epoch. The trigger below moves it, which ends every session that was opened under
  -- another value, in all tenants.
  sessions_valid_from timestamptz not null default now() check (isfinite(sessions_valid_from)),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (realm_id, email_key)
);

-- Moves the credential epoch whenever the password, the address, the realm or is_active changes, so that
-- no client can forget to, psql included: a token issued before must not work again, also not after the
-- user was disabled and enabled.
--
-- Rules
--   * The epoch only grows, also within one microsecond and when the clock is set back: a value that
--     returned would revive the sessions that were opened under it. An epoch that a client writes
--     therefore moves it too, and is not stored.
--   * A change of the address ends its verification, unless the same update verifies the new one.
--   * A stronger hash of the same password moves nothing, see rehash_password().
--   * ENABLE ALWAYS, because session_replication_role = replica disables other triggers. A subscriber of
--     logical replication stores the epoch that the publisher sent: another one would end the sessions
--     that are replicated with it.
create function tenantry.advance_credentials_epoch() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  address_changed boolean := row(new.realm_id, new.email, new.email_key)
    is distinct from row(old.realm_id, old.email, old.email_key);
  rehashed boolean := coalesce(current_setting('tenantry.rehash', true)
    = old.id || ' ' || old.password_hash || ' ' || new.password_hash, false);
begin
  if current_setting('session_replication_role') = 'replica'
    and new.sessions_valid_from > old.sessions_valid_from then
    return new;
  end if;
  if address_changed and new.email_verified_at is not distinct from old.email_verified_at then
    new.email_verified_at := null;
  end if;
  if address_changed or new.is_active is distinct from old.is_active
    or new.sessions_valid_from is distinct from old.sessions_valid_from
    or new.password_hash is distinct from old.password_hash and not rehashed then
    new.sessions_valid_from :=
      greatest(clock_timestamp(), old.sessions_valid_from + interval '1 microsecond');
  end if;
  return new;
end
$$;
create trigger advance_credentials_epoch before update on tenantry.users
  for each row execute function tenantry.advance_credentials_epoch();
alter table tenantry.users enable always trigger advance_credentials_epoch;

-- Replaces the hash of a password by a stronger hash of the same password, unless the password has
-- changed meanwhile. Only a sign-in can know that both hashes are of one password, so only its role may
-- call this. The setting names the user and both hashes: left behind, it excuses no other change.
create function tenantry.rehash_password(user_id uuid, old_hash text, new_hash text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('tenantry.rehash', user_id || ' ' || old_hash || ' ' || new_hash, true);
  update tenantry.users set password_hash = new_hash, updated_at = now()
  where id = user_id and password_hash = old_hash;
  perform set_config('tenantry.rehash', '', true);
end
$$;
grant execute on function tenantry.rehash_password(uuid, text, text) to tenantry_identity;

-- members: the membership of a user in a tenant.
create table tenantry.members (
  tenant_id uuid not null,
  user_id uuid not null references tenantry.users (id),
  is_active boolean not null default true,
  is_default boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, user_id)
);
create index members_by_user on tenantry.members (user_id, tenant_id);
select tenantry.make_tenant_table('tenantry.members');
-- The app role must not add members. It may read the name and the address of every member, so
-- adding a user whose id it learnt would disclose them.
revoke insert, update on tenantry.members from tenantry_app;
grant update (is_active, is_default, updated_at) on tenantry.members to tenantry_app;

alter table tenantry.users enable row level security, force row level security;
-- A tenant sees a user only if that user is a member of it. (Because of the sub-select this table
-- stays on the coordinator of a Citus cluster.)
create policy app_own_members on tenantry.users for select to tenantry_app
  using (exists (
    select 1 from tenantry.members m
    where m.user_id = users.id
      and m.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid));
-- The identity role does not see inactive users: they can neither sign in nor reset a password.
create policy identity_active_users on tenantry.users for select to tenantry_identity
  using (is_active);
create policy identity_changes_users on tenantry.users for update to tenantry_identity
  using (is_active) with check (is_active);
-- It sees the realm of the installation and, with a tenant, that tenant's realm: a query that forgets the
-- realm cannot find the user of the same address in another one.
create policy identity_own_realms on tenantry.users as restrictive to tenantry_identity
  using (realm_id in ('00000000-0000-0000-0000-000000000000',
    nullif(current_setting('app.tenant_id', true), '')::uuid))
  with check (realm_id in ('00000000-0000-0000-0000-000000000000',
    nullif(current_setting('app.tenant_id', true), '')::uuid));
create policy platform_all_tenants on tenantry.users to tenantry_platform
  using (true) with check (true);
-- The app role cannot read password hashes.
grant select (id, realm_id, email, email_key, full_name, is_active, email_verified_at,
  sessions_valid_from, created_at, updated_at) on tenantry.users to tenantry_app;
grant select on tenantry.users to tenantry_identity;
grant update (password_hash, email_verified_at, updated_at) on tenantry.users to tenantry_identity;
-- Nor can the platform role, which can set them: a platform admin may end a password, and may not learn
-- a hash to guess it elsewhere.
grant select (id, realm_id, email, email_key, full_name, is_active, email_verified_at,
  sessions_valid_from, created_at, updated_at) on tenantry.users to tenantry_platform;
grant insert, update, delete on tenantry.users to tenantry_platform;

-- roles: the roles a tenant defines. System roles are defined in the app's code and have no row.
create table tenantry.roles (
  tenant_id uuid not null,
  id uuid not null,
  name text not null check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
  description text not null default '' check (length(description) <= 500),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
select tenantry.make_tenant_table('tenantry.roles');

create table tenantry.role_permissions (
  tenant_id uuid not null,
  role_id uuid not null,
  permission text not null check (length(permission) <= 130),
  primary key (tenant_id, role_id, permission),
  constraint role_permissions_role_fkey
    foreign key (tenant_id, role_id) references tenantry.roles (tenant_id, id) on delete cascade
);
select tenantry.make_tenant_table('tenantry.role_permissions');

-- member_roles: a system role has a name and no role_id. A tenant's own role has both: a later
-- release may add a system role of the same name, and a member must not gain its permissions.
create table tenantry.member_roles (
  tenant_id uuid not null,
  user_id uuid not null,
  role text not null check (role ~ '^[a-z][a-z0-9_]{0,62}$'),
  role_id uuid,
  created_at timestamptz not null default now(),
  primary key (tenant_id, user_id, role),
  constraint member_roles_member_fkey
    foreign key (tenant_id, user_id) references tenantry.members (tenant_id, user_id) on delete cascade,
  constraint member_roles_role_fkey
    foreign key (tenant_id, role_id) references tenantry.roles (tenant_id, id)
);
create index member_roles_by_role on tenantry.member_roles (tenant_id, role_id);
select tenantry.make_tenant_table('tenantry.member_roles');

-- The tables that cached values depend on. A missing user or member is never cached, so inserting one
-- sends nothing. An unknown host is cached, so a new tenant or domain must be sent.
select tenantry.invalidate_on_change('tenantry.tenants', 'tenant', 'id',
  array['id', 'name', 'subdomain', 'status', 'rate', 'concurrency'], inserts => true);
select tenantry.invalidate_on_change('tenantry.domains', 'tenant', 'tenant_id',
  array['name', 'tenant_id', 'verified_at', 'created_at'], inserts => true);
select tenantry.invalidate_on_change('tenantry.users', 'user', 'id',
  array['id', 'email', 'full_name', 'is_active', 'sessions_valid_from']);
select tenantry.invalidate_on_change('tenantry.members', 'user', 'user_id',
  array['tenant_id', 'user_id', 'is_active']);
select tenantry.invalidate_on_change('tenantry.member_roles', 'user', 'user_id',
  array['tenant_id', 'user_id', 'role', 'role_id'], inserts => true);
select tenantry.invalidate_on_change('tenantry.roles', 'role', 'id', array['tenant_id', 'id', 'name']);
select tenantry.invalidate_on_change('tenantry.role_permissions', 'role', 'role_id',
  array['tenant_id', 'role_id', 'permission'], inserts => true);
