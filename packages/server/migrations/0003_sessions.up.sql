-- Signing in and staying signed in. Secrets are stored as SHA-256 of at least 256 random bits.

-- sessions: one per sign-in. Over when revoked, idle too long, too old, or when its user's
-- sessions_valid_from is no longer the one the sign-in saw: compared for equality and not for order,
-- so that a sign-in with the old password can never slip past a reset that commits beside it.
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
  revoked_at timestamptz,
  revoked_reason text check (length(revoked_reason) <= 64),
  primary key (tenant_id, id),
  constraint sessions_member_fkey
    foreign key (tenant_id, user_id) references tenantry.members (tenant_id, user_id) on delete cascade
);
create index sessions_by_user on tenantry.sessions (tenant_id, user_id, id);
select tenantry.make_tenant_table('tenantry.sessions');

-- refresh_tokens: a chain per session. Each is used once; its use creates its successor.
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

-- password_resets: consumed once, by the identity door, on the host of the tenant it was asked on.
create table tenantry.password_resets (
  tenant_id uuid not null,
  hash bytea not null check (length(hash) = 32),
  user_id uuid not null references tenantry.users (id) on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, hash)
);
create index password_resets_by_user on tenantry.password_resets (user_id);
select tenantry.make_tenant_table('tenantry.password_resets');
revoke all on tenantry.password_resets from tenantry_app;
drop policy app_own_tenant on tenantry.password_resets;
create policy identity_own_tenant on tenantry.password_resets to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on tenantry.password_resets to tenantry_identity;

-- throttles: counters shared by all nodes. The key is a keyed hash, so no address or e-mail is
-- stored; it spans tenants on purpose, so an attacker gains nothing by changing the host. A row
-- without points is a mark: the address is known for the account until then.
-- No row-level security: no tenant's data, one door only (on the committed list).
create table tenantry.throttles (
  key text primary key check (length(key) <= 64),
  points integer not null,
  resets_at timestamptz not null
);
create index throttles_by_reset on tenantry.throttles (resets_at);
grant select, insert, update, delete on tenantry.throttles to tenantry_identity;

-- Takes one attempt from each budget, [{key, limit, seconds}], or from none of them: then it gives
-- the place of the first empty one (0 is the first) and the seconds until it fills up again.
create function tenantry.take_attempts(budgets jsonb, out empty integer, out seconds float8)
language plpgsql set search_path = pg_catalog as $$
declare
  keys text[] := array(select it ->> 'key' from jsonb_array_elements(budgets) it);
begin
  -- In the order of their keys: two who want the same rows never each wait for the other. A row whose
  -- window is not over is locked here and not written.
  insert into tenantry.throttles as held (key, points, resets_at)
  select it ->> 'key', 0, now() + make_interval(secs => (it ->> 'seconds')::float8)
  from jsonb_array_elements(budgets) it order by 1
  on conflict (key) do update set points = 0, resets_at = excluded.resets_at
  where held.resets_at <= now();

  select place - 1, extract(epoch from held.resets_at - now()) into empty, seconds
  from jsonb_array_elements(budgets) with ordinality as wanted (it, place)
  join tenantry.throttles held on held.key = it ->> 'key'
  where held.points >= (it ->> 'limit')::integer order by place limit 1;

  if not found then
    update tenantry.throttles set points = points + 1 where key = any (keys);
  end if;
end
$$;
grant execute on function tenantry.take_attempts(jsonb) to tenantry_identity;

-- Neither a sign-in nor a rotation is news: a new session is in no cache, and a cached one lives no
-- longer than it would have. So is the removal of one that is over: its end was announced, or dated.
select tenantry.invalidate_on_change('tenantry.sessions', 'session', 'id',
  array['tenant_id', 'id', 'user_id', 'credentials_epoch', 'revoked_at', 'expires_at'],
  falling => 'idle_expires_at',
  over => 'old.revoked_at is not null or old.expires_at operator(pg_catalog.<) pg_catalog.now()');
