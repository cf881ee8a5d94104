-- The control plane: tenants, users, members, roles and permissions. Requests read them through caches,
-- which triggers invalidate.

-- installation: one row, with what holds for the whole database.
--
-- identity_scope says who one account is. global: a person, who may be a member of several tenants; all are
-- in the realm of the installation, the nil UUID. tenant: each tenant has accounts of its own, in the realm
-- that has its id. Foreign keys of tenants and users hold each row to this scope, so it can change only while
-- there is neither. (Row-level security hides rows from a query of the owner, not from a foreign key.)
-- No row-level security: the row belongs to no tenant. (It is on the committed list of exceptions.)
create table tenantry.installation (
  id boolean primary key default true check (id),
  identity_scope text not null default 'global' unique check (identity_scope in ('global', 'tenant'))
);
insert into tenantry.installation default values;
grant select on tenantry.installation to tenantry_identity, tenantry_platform;

-- tenants: a subdomain and a code are global names and therefore unique. An id is never reused.
create table tenantry.tenants (
  id uuid primary key,
  name text not null check (tenantry.is_display_name(name, 200)),
  -- The label before a base domain. Host names are lower case in their canonical form.
  subdomain text not null unique
    check (subdomain ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  code text not null unique check (code ~ '^[A-Z0-9_]{1,32}$'),
  status text not null default 'active' check (status in ('active', 'suspended', 'deleting')),
  -- What people see of the tenant on pages and in mails; tenancy/branding.ts has its parts. `logo` has hash
  -- and size of the image in tenant_assets, so that a new image changes this row, which caches depend on.
  branding jsonb not null default '{}'
    check (jsonb_typeof(branding) = 'object' and length(branding::text) <= 4000),
  -- When an administrator closed the list of first steps.
  setup_dismissed_at timestamptz,
  -- The realm of the tenant's users: within one realm, an address names one user. The trigger below sets it.
  realm_id uuid not null default '00000000-0000-0000-0000-000000000000'
    check (realm_id in ('00000000-0000-0000-0000-000000000000', id)),
  identity_scope text not null generated always as (
      case realm_id when '00000000-0000-0000-0000-000000000000' then 'global' else 'tenant' end) stored
    references tenantry.installation (identity_scope),
  -- Requests per second, and concurrent requests, that one server accepts for the tenant. NULL: the
  -- server's own settings apply.
  rate integer check (rate between 1 and 1000000),
  concurrency integer check (concurrency between 1 and 1000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (id, realm_id)
);
-- For the look-up of a host: among a million tenants, one page of a hash index instead of the levels of a B-tree, which
-- keeps the values unique.
create index tenants_by_subdomain on tenantry.tenants using hash (subdomain);
create index tenants_by_id on tenantry.tenants using hash (id);

-- Gives a new tenant the realm that the scope of the installation asks for.
create function tenantry.choose_realm() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  select case i.identity_scope when 'tenant' then new.id else '00000000-0000-0000-0000-000000000000' end
  into strict new.realm_id from tenantry.installation i;
  return new;
end
$$;
create trigger choose_realm before insert on tenantry.tenants
  for each row execute function tenantry.choose_realm();
alter table tenantry.tenants enable row level security, force row level security;
create policy app_own_tenant on tenantry.tenants for select to tenantry_app
  using (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- Only platform admins see a tenant that is being deleted.
create policy identity_resolves_tenants on tenantry.tenants for select to tenantry_identity
  using (status in ('active', 'suspended'));
create policy platform_all_tenants on tenantry.tenants to tenantry_platform
  using (true) with check (true);
create policy backup_all_tenants on tenantry.tenants for select to tenantry_backup using (true);
-- A tenant changes what people see of it. Its subdomain, status, realm and limits stay with the platform.
create policy app_changes_own_tenant on tenantry.tenants for update to tenantry_app
  using (id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on tenantry.tenants to tenantry_app, tenantry_identity;
grant update (name, branding, setup_dismissed_at, updated_at) on tenantry.tenants to tenantry_app;
grant select, insert, update, delete on tenantry.tenants to tenantry_platform;

-- tenant_assets: the images of a tenant. They are small, and are sent to anyone who asks: no type that can
-- hold a script, such as SVG.
create table tenantry.tenant_assets (
  tenant_id uuid not null,
  kind text not null check (kind in ('logo')),
  media_type text not null check (media_type in ('image/png', 'image/jpeg', 'image/webp')),
  bytes bytea not null check (octet_length(bytes) between 1 and 102400),
  created_at timestamptz not null default now(),
  primary key (tenant_id, kind)
);
-- They are compressed already.
alter table tenantry.tenant_assets alter column bytes set storage external;
select tenantry.make_tenant_table('tenantry.tenant_assets');
-- A platform admin sets a picture, and has no use for its bytes.
revoke select on tenantry.tenant_assets from tenantry_platform;
grant select (tenant_id, kind, media_type, created_at) on tenantry.tenant_assets to tenantry_platform;

-- domains: a tenant's own host names, matched exactly.
--
-- state
--   pending   claimed, not proven: any number of tenants may claim one name, so that no claim keeps the
--             owner of the name out
--   verified  its TXT record was found; the name leads to the tenant
--   failing   the record is gone since failing_since; the name still leads to the tenant
--   detached  the record was gone for too long, or another tenant proved the name; it leads nowhere
--
-- Invariants
--   * A name leads to one tenant: domains_live_name_key.
--   * Only the identity role sets proof_seen_at, after it found the record in the DNS, and without it no
--     domain is verified: the app role, as which the code of an app runs, cannot verify a name by itself.
--   * proof is random and is not derived from a key: SECRET_KEY rotates, and a customer's DNS does not.
create table tenantry.domains (
  tenant_id uuid not null,
  id uuid not null,
  name text not null
    -- With the label of its TXT record, which has ten characters, it is a name of the DNS, too.
    check (length(name) <= 243 and name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$'),
  state text not null default 'pending' check (state in ('pending', 'verified', 'failing', 'detached')),
  proof text not null check (proof ~ '^[0-9a-f]{32}$'),
  -- The one that the tenant prefers.
  is_primary boolean not null default false,
  -- Gets the notices, together with the owners. No foreign key: this member may leave.
  created_by uuid,
  created_at timestamptz not null default now(),
  -- What the last check found.
  checked_at timestamptz,
  problem text check (problem in ('missing', 'different', 'taken', 'unreachable', 'too_large')),
  -- Whether the name leads to this installation. Advice only. NULL: not known.
  points_here boolean,
  proof_seen_at timestamptz,
  verified_at timestamptz,
  failing_since timestamptz,
  detached_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, name),
  check (state not in ('verified', 'failing') or proof_seen_at is not null and verified_at is not null),
  check (state in ('verified', 'failing') or not is_primary),
  check ((state = 'failing') = (failing_since is not null)),
  check ((state = 'detached') = (detached_at is not null))
);
create unique index domains_live_name_key on tenantry.domains (name) where state in ('verified', 'failing');
-- For the look-up of a host.
create index domains_by_live_name on tenantry.domains using hash (name) where state in ('verified', 'failing');
create unique index domains_primary_key on tenantry.domains (tenant_id) where is_primary;
select tenantry.make_tenant_table('tenantry.domains');
revoke insert, update on tenantry.domains from tenantry_app;
grant insert (tenant_id, id, name, proof, created_by) on tenantry.domains to tenantry_app;
grant update (state, is_primary, verified_at, failing_since, detached_at) on tenantry.domains to tenantry_app;
-- It finds the tenant of a host, and compares a claim with the domain of another tenant that has the name.
create policy identity_live_or_own_domains on tenantry.domains for select to tenantry_identity
  using (state in ('verified', 'failing') or tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy identity_checks_own_domains on tenantry.domains for update to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on tenantry.domains to tenantry_identity;
grant update (checked_at, problem, points_here, proof_seen_at) on tenantry.domains to tenantry_identity;

-- users: an account within one realm. In the realm of the installation it is a person, across tenants.
-- email keeps the address as it was entered. email_key is its canonical form; look-ups use that one.
create table tenantry.users (
  id uuid primary key,
  realm_id uuid not null default '00000000-0000-0000-0000-000000000000',
  identity_scope text not null generated always as (
      case realm_id when '00000000-0000-0000-0000-000000000000' then 'global' else 'tenant' end) stored
    references tenantry.installation (identity_scope),
  email text not null check (length(email) <= 320),
  email_key text not null check (length(email_key) <= 320),
  password_hash text,
  full_name text not null default ''
    check (full_name = '' or tenantry.is_display_name(full_name, 200)),
  -- The person's language, a tag of BCP 47. NULL: the default of the installation.
  locale text check (length(locale) <= 35 and locale ~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$'),
  is_active boolean not null default true,
  email_verified_at timestamptz,
  -- From when the row of a person who deleted their account may be erased (0007). To enable the user
  -- withdraws it.
  erase_at timestamptz constraint users_erase_at_check check (erase_at is null or not is_active),
  -- The credential epoch. The trigger below moves it, which ends every session that was opened under
  -- another value, in all tenants.
  sessions_valid_from timestamptz not null default now() check (isfinite(sessions_valid_from)),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (realm_id, email_key),
  -- For a foreign key. Not the realm first: without statistics, a look-up by realm and address could use this one,
  -- and read all users of the realm.
  unique (id, realm_id)
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

-- members: the membership of a user in a tenant. email_key and name_key repeat the address and the name
-- of the user in lower case, in the order of their bytes: a tenant's list finds its members by the
-- beginning of either, which an index on users would find among the users of all tenants. realm_id repeats
-- the realm of the user, which must be the realm of the tenant: its foreign keys keep a tenant with a realm
-- of its own from having a user of another realm as a member, and hold both realms while there are members.
-- The triggers below keep the three columns: a client may not write them.
create table tenantry.members (
  tenant_id uuid not null,
  -- Deleting a user must delete the memberships, not the other way round: the trigger that records it in
  -- the log of each of the user's tenants (0004) has to find them.
  user_id uuid not null,
  realm_id uuid not null default '00000000-0000-0000-0000-000000000000',
  is_active boolean not null default true,
  is_default boolean not null default false,
  email_key text collate "C" not null default '',
  name_key text collate "C" not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, user_id),
  constraint members_user_fkey
    foreign key (realm_id, user_id) references tenantry.users (realm_id, id) on delete cascade,
  constraint members_realm_fkey
    foreign key (tenant_id, realm_id) references tenantry.tenants (id, realm_id)
);
create index members_by_user on tenantry.members (user_id, realm_id, tenant_id);
create index members_by_realm on tenantry.members (tenant_id, realm_id);
create index members_by_email on tenantry.members (tenant_id, email_key, user_id);
create index members_by_name on tenantry.members (tenant_id, name_key, user_id);
select tenantry.make_tenant_table('tenantry.members');

create function tenantry.copy_keys_to_member() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  -- A user that does not exist is rejected by the foreign key, whose message names it.
  select u.email_key, lower(u.full_name), u.realm_id into new.email_key, new.name_key, new.realm_id
  from tenantry.users u where u.id = new.user_id;
  new.email_key := coalesce(new.email_key, '');
  new.name_key := coalesce(new.name_key, '');
  new.realm_id := coalesce(new.realm_id, '00000000-0000-0000-0000-000000000000');
  return new;
end
$$;
create trigger copy_keys_to_member before insert on tenantry.members
  for each row execute function tenantry.copy_keys_to_member();

-- A user has members in several tenants. The identity role, by which a person changes their name, reaches
-- the members of one user only, the one that the trigger names in app.person_id (0004 has the policies).
create function tenantry.copy_keys_to_members() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('app.person_id', new.id::text, true);
  update tenantry.members set email_key = new.email_key, name_key = lower(new.full_name)
  where user_id = new.id;
  perform set_config('app.person_id', '', true);
  return null;
end
$$;
create trigger copy_keys_to_members after update on tenantry.users for each row
  when (row(new.email_key, new.full_name) is distinct from row(old.email_key, old.full_name))
  execute function tenantry.copy_keys_to_members();
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
-- The identity role does not see inactive users: they can neither sign in nor reset a password. It sees the
-- one whose account is being deleted, inside of the functions of 0007, which name that person. It disables a
-- user for that only, and no earlier than in a day (the least of ACCOUNT_DELETE_DAYS) can it erase them.
create policy identity_active_users on tenantry.users for select to tenantry_identity
  using (is_active or id = nullif(current_setting('app.person_id', true), '')::uuid);
create policy identity_changes_users on tenantry.users for update to tenantry_identity
  using (is_active) with check (is_active or erase_at >= now() + interval '1 day');
-- It sees the realm of the installation and, with a tenant, that tenant's realm: a query that forgets the
-- realm cannot find the user of the same address in another one.
create policy identity_own_realms on tenantry.users as restrictive to tenantry_identity
  using (realm_id in ('00000000-0000-0000-0000-000000000000',
    nullif(current_setting('app.tenant_id', true), '')::uuid))
  with check (realm_id in ('00000000-0000-0000-0000-000000000000',
    nullif(current_setting('app.tenant_id', true), '')::uuid));
create policy platform_all_tenants on tenantry.users to tenantry_platform
  using (true) with check (true);
create policy backup_all_tenants on tenantry.users for select to tenantry_backup using (true);
-- The app role cannot read password hashes.
grant select (id, realm_id, email, email_key, full_name, locale, is_active, email_verified_at,
  erase_at, sessions_valid_from, created_at, updated_at) on tenantry.users to tenantry_app;
grant select on tenantry.users to tenantry_identity;
-- What a person changes themselves: a tenant, which acts as the app role, cannot.
grant update (email, email_key, password_hash, email_verified_at, full_name, locale, updated_at)
  on tenantry.users to tenantry_identity;
-- Nor can the platform role, which can set them: a platform admin may end a password, and may not learn
-- a hash to guess it elsewhere.
grant select (id, realm_id, email, email_key, full_name, locale, is_active, email_verified_at,
  erase_at, sessions_valid_from, created_at, updated_at) on tenantry.users to tenantry_platform;
grant insert, update, delete on tenantry.users to tenantry_platform;

-- roles: the roles a tenant defines. System roles are defined in the app's code and have no row.
create table tenantry.roles (
  tenant_id uuid not null,
  id uuid not null,
  name text not null check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
  name_key text collate "C" not null generated always as (name) stored,
  description text not null default ''
    check (description = '' or tenantry.is_display_name(description, 500)),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
create index roles_by_name on tenantry.roles (tenant_id, name_key, id);
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
create index member_roles_by_name on tenantry.member_roles (tenant_id, role, user_id);
create index member_roles_by_role on tenantry.member_roles (tenant_id, role_id);
select tenantry.make_tenant_table('tenantry.member_roles');

-- The tables that cached values depend on. A missing user or member is never cached, so inserting one
-- sends nothing. An unknown host is cached, so a new tenant or domain must be sent.
select tenantry.invalidate_on_change('tenantry.tenants', 'tenant', 'id',
  array['id', 'name', 'subdomain', 'status', 'branding', 'realm_id', 'rate', 'concurrency'], inserts => true);
select tenantry.invalidate_on_change('tenantry.domains', 'tenant', 'tenant_id',
  array['tenant_id', 'id', 'name', 'state', 'is_primary'], inserts => true,
  expired_when => $$old.state operator(pg_catalog.<>) all (array['verified', 'failing'])$$);
select tenantry.invalidate_on_change('tenantry.users', 'user', 'id',
  array['id', 'email', 'full_name', 'is_active', 'sessions_valid_from']);
select tenantry.invalidate_on_change('tenantry.members', 'user', 'user_id',
  array['tenant_id', 'user_id', 'is_active']);
select tenantry.invalidate_on_change('tenantry.member_roles', 'user', 'user_id',
  array['tenant_id', 'user_id', 'role', 'role_id'], inserts => true);
select tenantry.invalidate_on_change('tenantry.roles', 'role', 'id', array['tenant_id', 'id', 'name']);
select tenantry.invalidate_on_change('tenantry.role_permissions', 'role', 'role_id',
  array['tenant_id', 'role_id', 'permission'], inserts => true);
