-- Sessions and their tokens. A token has at least 256 random bits; only its SHA-256 is stored.

-- The host in an origin. Without its port: a tenant has no two custom domains that differ by it.
create function tenantry.host_of(origin text) returns text
language sql immutable parallel safe set search_path = pg_catalog as $$
  select split_part(split_part(origin, '://', 2), ':', 1)
$$;
grant execute on function tenantry.host_of(text) to tenantry_app, tenantry_platform;

-- sessions: one per sign-in. A session ends when it is revoked, when it was idle too long or is too
-- old, or when credentials_epoch no longer equals its user's sessions_valid_from. The two are compared
-- for equality, not for order: a sign-in with the old password must not survive a password reset that
-- commits concurrently.
--
-- A session stores how it was opened, for decisions that depend on it: method is the way in, amr the
-- proofs (RFC 8176; empty if the method has no value there), authenticated_at when the person gave them,
-- kind what the client holds, and origin where it was opened. A session that was opened on a custom
-- domain must never be exchanged for a session of another tenant: that tenant's owner can read it.
create table tenantry.sessions (
  tenant_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  user_agent text not null default '' check (length(user_agent) <= 512),
  address text not null default '' check (length(address) <= 45),
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  idle_expires_at timestamptz not null,
  expires_at timestamptz not null,
  credentials_epoch timestamptz not null,
  method text not null check (method in ('password', 'magic_link', 'passkey', 'sso', 'hand_over',
    'invitation', 'sign_up', 'impersonation')),
  amr text[] not null check (amr <@ array['face', 'fpt', 'geo', 'hwk', 'iris', 'kba', 'mca', 'mfa',
    'otp', 'pin', 'pop', 'pwd', 'rba', 'retina', 'sc', 'sms', 'swk', 'tel', 'user', 'vbm', 'wia']),
  authenticated_at timestamptz not null default now(),
  kind text not null check (kind in ('tokens', 'cookie')),
  origin text not null check (length(origin) between 1 and 300),
  -- Of a custom domain: the session of the subdomain that it was handed over from. No foreign key: that one may be
  -- deleted when it has expired.
  source_id uuid,
  -- Through which sessions the person came here, in any tenants, the last one last. Only the ids: they name no tenant.
  came_through uuid[] not null default '{}' check (cardinality(came_through) <= 20),
  revoked_at timestamptz,
  revoked_reason text check (length(revoked_reason) <= 64),
  primary key (tenant_id, id),
  constraint sessions_member_fkey
    foreign key (tenant_id, user_id) references tenantry.members (tenant_id, user_id) on delete cascade
);
create index sessions_by_user on tenantry.sessions (tenant_id, user_id, id);
create index sessions_by_source on tenantry.sessions (tenant_id, source_id) where source_id is not null;
select tenantry.make_tenant_table('tenantry.sessions');
-- A change of the person's own account runs as the identity role, which locks the session that asks for
-- it: one that was revoked meanwhile changes nothing. A change of the password moves the credential epoch
-- and must not end that session, so it gives the new epoch to it, and to no other.
create policy identity_own_tenant on tenantry.sessions for select to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy identity_keeps_sessions on tenantry.sessions for update to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select (tenant_id, id, user_id, idle_expires_at, expires_at, credentials_epoch, revoked_at),
  update (credentials_epoch) on tenantry.sessions to tenantry_identity;

-- refresh_tokens: one chain per session. A token is used once; using it creates its successor.
create table tenantry.refresh_tokens (
  tenant_id uuid not null,
  hash bytea not null check (length(hash) = 32),
  session_id uuid not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, hash),
  constraint refresh_tokens_session_fkey
    foreign key (tenant_id, session_id) references tenantry.sessions (tenant_id, id) on delete cascade
);
create index refresh_tokens_by_session on tenantry.refresh_tokens (tenant_id, session_id);
select tenantry.make_tenant_table('tenantry.refresh_tokens');
-- No hash can be read across tenants: see users.password_hash.
revoke select on tenantry.refresh_tokens from tenantry_platform;
grant select (tenant_id, session_id, created_at, expires_at, used_at)
  on tenantry.refresh_tokens to tenantry_platform;

-- single_use_secrets: what a person proves by once, with the identity role, at the tenant where it was
-- created. A secret of one kind is no secret of another. Only one that left by mail proves access to the
-- mailbox, so the channel is stored. credentials_epoch voids it like a session. A secret has 256 random
-- bits; code_mac is a keyed hash of a short code, which attempts limits. The secret of an invitation has
-- no user yet: 0006 adds what invitation_id refers to.
create table tenantry.single_use_secrets (
  tenant_id uuid not null,
  hash bytea not null check (length(hash) = 32),
  kind text not null check (kind in ('password_reset', 'email_verification', 'email_change',
    'email_undo', 'invitation', 'magic_link', 'second_factor', 'hand_over', 'sign_up', 'sso_state',
    'portal_link')),
  channel text not null check (channel in ('mail', 'hand')),
  origin text not null check (length(origin) between 1 and 300),
  user_id uuid references tenantry.users (id) on delete cascade,
  invitation_id uuid check ((invitation_id is null) = (kind <> 'invitation')),
  credentials_epoch timestamptz,
  data jsonb not null default '{}',
  code_mac bytea check (length(code_mac) = 32),
  attempts integer not null default 0 check (attempts between 0 and 5),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, hash)
);
create index single_use_secrets_by_user on tenantry.single_use_secrets (tenant_id, user_id, kind);
create index single_use_secrets_by_invitation on tenantry.single_use_secrets (tenant_id, invitation_id);
select tenantry.make_tenant_table('tenantry.single_use_secrets');
revoke all on tenantry.single_use_secrets from tenantry_app;
drop policy app_own_tenant on tenantry.single_use_secrets;
create policy identity_own_tenant on tenantry.single_use_secrets to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on tenantry.single_use_secrets to tenantry_identity;
revoke select on tenantry.single_use_secrets from tenantry_platform;
grant select (tenant_id, kind, channel, origin, user_id, invitation_id, credentials_epoch, attempts, created_at,
  expires_at, used_at) on tenantry.single_use_secrets to tenantry_platform;

-- attempt_counters: attempts per window, shared by all servers. The key is a keyed hash, so that no
-- address and no e-mail is stored. It deliberately does not contain the tenant: an attacker must gain
-- nothing by changing the host. A row with 0 attempts can also be a marker: the address is trusted for
-- the account until resets_at.
-- No row-level security: the rows belong to no tenant, and only the identity role can use the table.
-- (It is on the committed list of exceptions.)
create table tenantry.attempt_counters (
  key text primary key check (length(key) <= 64),
  attempts integer not null,
  resets_at timestamptz not null
);
create index attempt_counters_by_reset on tenantry.attempt_counters (resets_at);
grant select, insert, update, delete on tenantry.attempt_counters to tenantry_identity;

-- Counts one attempt against each limit, [{key, limit, seconds}], or against none of them. If a limit
-- is exhausted, returns the zero-based position of the first such limit and the seconds until its
-- window ends.
create function tenantry.take_attempts(limits jsonb, out exhausted integer, out seconds float8)
language plpgsql set search_path = pg_catalog as $$
declare
  keys text[] := array(select it ->> 'key' from jsonb_array_elements(limits) it);
begin
  -- Lock order: by key. Two transactions that want the same rows in another order can deadlock.
  -- ON CONFLICT locks a row whose window has not ended without writing it.
  insert into tenantry.attempt_counters as counter (key, attempts, resets_at)
  select it ->> 'key', 0, now() + make_interval(secs => (it ->> 'seconds')::float8)
  from jsonb_array_elements(limits) it order by 1
  on conflict (key) do update set attempts = 0, resets_at = excluded.resets_at
  where counter.resets_at <= now();

  select position - 1, extract(epoch from counter.resets_at - now()) into exhausted, seconds
  from jsonb_array_elements(limits) with ordinality as requested (it, position)
  join tenantry.attempt_counters counter on counter.key = it ->> 'key'
  where counter.attempts >= (it ->> 'limit')::integer order by position limit 1;

  if not found then
    update tenantry.attempt_counters set attempts = attempts + 1 where key = any (keys);
  end if;
end
$$;
grant execute on function tenantry.take_attempts(jsonb) to tenantry_identity;

-- A sign-in sends nothing, because a new session is in no cache. A refresh sends nothing, because a
-- cached session keeps its earlier idle_expires_at. Deleting an ended session sends nothing either:
-- its revocation was sent, or its expiry is part of the cached value.
select tenantry.invalidate_on_change('tenantry.sessions', 'session', 'id',
  array['tenant_id', 'id', 'user_id', 'credentials_epoch', 'revoked_at', 'expires_at'],
  lowered => 'idle_expires_at',
  expired_when => 'old.revoked_at is not null or old.expires_at operator(pg_catalog.<) pg_catalog.now()');

-- A session that was opened at a custom domain ends when that name no longer leads to the tenant, whichever client writes
-- so, psql included: otherwise cookies that a server of that name has seen would count again once the tenant has the name
-- back. openSession() locks the domain, so that the second statement finds each session that it opened. The members
-- first: two transactions that end several sessions of a member could otherwise lock them in different orders.
create function tenantry.end_sessions_of_domain() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform from tenantry.members m
  where m.tenant_id = old.tenant_id and m.user_id in (
    select s.user_id from tenantry.sessions s
    where s.tenant_id = old.tenant_id and s.revoked_at is null and tenantry.host_of(s.origin) = old.name)
  order by m.user_id for no key update;
  update tenantry.sessions s set revoked_at = now(), revoked_reason = 'domain_detached'
  where s.tenant_id = old.tenant_id and s.revoked_at is null and tenantry.host_of(s.origin) = old.name;
  return null;
end
$$;
create trigger end_sessions_of_removed after delete on tenantry.domains for each row
  when (old.state in ('verified', 'failing')) execute function tenantry.end_sessions_of_domain();
create trigger end_sessions_of_detached after update on tenantry.domains for each row
  when (old.state in ('verified', 'failing') and (new.state not in ('verified', 'failing') or new.name <> old.name
    or new.tenant_id <> old.tenant_id))
  execute function tenantry.end_sessions_of_domain();
alter table tenantry.domains enable always trigger end_sessions_of_removed;
alter table tenantry.domains enable always trigger end_sessions_of_detached;
