-- Sign-up: a person proves their mailbox first, and gets a tenant after that.
--
-- Invariants
--   * Until the mailbox is proven, a sign-up is a row of this table and nothing else: it holds no name, and
--     there is no user and no tenant. Of several sign-ups for one name the first that is confirmed gets it.
--   * Confirmation is one transaction: tenant, member, log and first jobs exist together or not at all.
--   * The secret leaves by mail only. The row has its hash, and a keyed hash of the short code, which five wrong
--     attempts void.
--   * The identity role adds a tenant under the id of its own transaction only, and no other than an active one.

-- sign_ups: rows are deleted soon after they have expired or were used.
-- No row-level security: the rows belong to no tenant, and only the identity role can use the table. (It is
-- on the committed list of exceptions, as the next one is.)
create table tenantry.sign_ups (
  id uuid primary key,
  email text not null check (length(email) <= 320),
  email_key text not null check (length(email_key) <= 320),
  tenant_name text not null check (tenantry.is_display_name(tenant_name, 200)),
  subdomain text not null check (subdomain ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  locale text check (length(locale) <= 35 and locale ~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$'),
  -- Which terms the person has accepted.
  terms_version text check (length(terms_version) <= 300),
  hash bytea not null check (length(hash) = 32),
  code_mac bytea not null check (length(code_mac) = 32),
  attempts integer not null default 0 check (attempts between 0 and 5),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index sign_ups_by_expiry on tenantry.sign_ups (expires_at);
grant select, insert, update, delete on tenantry.sign_ups to tenantry_identity;

-- installation_mails: mails of no tenant that wait to be sent. A job belongs to a tenant, so these have a
-- queue of their own. A worker takes a row by moving due_at, and deletes it when the mail was accepted: a
-- mail leaves at least once. key_id is the generation of keys that made its secret: another one cannot.
create table tenantry.installation_mails (
  id uuid primary key,
  kind text not null check (kind ~ '^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$' and length(kind) <= 100),
  sign_up_id uuid references tenantry.sign_ups (id) on delete cascade,
  email text check (length(email) <= 320),
  locale text check (length(locale) <= 35 and locale ~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$'),
  key_id text not null check (length(key_id) <= 20),
  attempts integer not null default 0,
  due_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  check ((sign_up_id is null) <> (email is null))
);
create index installation_mails_due on tenantry.installation_mails (due_at);
create index installation_mails_by_sign_up on tenantry.installation_mails (sign_up_id);
grant select, insert, update, delete on tenantry.installation_mails to tenantry_identity;

create policy identity_creates_tenants on tenantry.tenants for insert to tenantry_identity
  with check (id = nullif(current_setting('app.tenant_id', true), '')::uuid and status = 'active');
grant insert (id, name, subdomain, code) on tenantry.tenants to tenantry_identity;

-- The active tenants in which a person is an active member, by name. It runs as the role that calls it, and names
-- the person in app.person_id, as record_acts_on_person() does (0004): only this list leaves it.
create function tenantry.workspaces_of_person(person uuid)
returns table (id uuid, name text, subdomain text, domains text[], primary_domain text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('app.person_id', person::text, true);
  return query
    select t.id, t.name, t.subdomain,
      array(select d.name from tenantry.domains d
        where d.tenant_id = t.id
          and (d.state = 'verified' or d.state = 'failing' and d.points_here is not false) order by d.name),
      (select d.name from tenantry.domains d
        where d.tenant_id = t.id and d.is_primary and d.state = 'verified')
    from tenantry.members m join tenantry.tenants t on t.id = m.tenant_id
    where m.user_id = person and m.is_active and t.status = 'active'
    order by lower(t.name), t.subdomain limit 1000;
  perform set_config('app.person_id', '', true);
end
$$;
grant execute on function tenantry.workspaces_of_person(uuid) to tenantry_identity;
