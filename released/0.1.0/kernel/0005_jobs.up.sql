-- Background jobs: rows that a worker takes, runs in the scope of their tenant, and deletes.
--
-- Invariants
--   * A job belongs to one tenant. A scope without a tenant cannot add one.
--   * The transaction that does the work of a job deletes its row first, under the lease of the worker.
--     Effects in the database therefore happen exactly once: a worker that lost its lease deletes nothing
--     and rolls back, and a worker that dies leaves the row.
--   * A job is never dropped: one that cannot succeed is parked with a reason, until a platform admin
--     retries or drops it.
--   * A job acts with the permissions of its actor, which the jobs role cannot set.
--   * The jobs role sees the rows of this table and the status of tenants, and no other data. The work
--     itself runs as tenantry_app.
--   * payload holds ids and no content: the worker reads the payloads of all tenants.

grant usage on schema tenantry to tenantry_jobs;

-- state
--   ready    a worker may take it
--   later    waits for run_at
--   held     its tenant is not active; it becomes ready when the tenant is
--   running  a worker has it until leased_until
--   parked   needs a platform admin; reason says why
-- Only `ready` is searched by tenant, so that a walk over the tenants visits those with work.
create table tenantry.jobs (
  tenant_id uuid not null,
  id uuid not null,
  kind text not null check (kind ~ '^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$' and length(kind) <= 100),
  payload jsonb not null default '{}' check (octet_length(payload::text) <= 16384),
  -- The member who caused it. No foreign key: a job outlives its actor, and then runs without one.
  actor_id uuid,
  request_id text not null default '' check (length(request_id) <= 64),
  state text not null default 'ready' check (state in ('ready', 'later', 'held', 'running', 'parked')),
  reason text check (reason in ('failed', 'kind_unknown', 'payload_invalid', 'worker_lost')),
  priority integer not null default 0,
  run_at timestamptz not null default now(),
  -- The first run_at. A job that fails for too long after it is parked.
  due_at timestamptz not null default now(),
  attempts integer not null default 0,
  -- How often a lease ended without a result: a job that kills its workers is parked.
  lost_leases integer not null default 0,
  lease uuid,
  leased_until timestamptz,
  last_error text check (length(last_error) <= 500),
  -- At most one waiting job of a kind has this key.
  key text check (length(key) between 1 and 200),
  created_at timestamptz not null default now(),
  primary key (tenant_id, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
create unique index jobs_waiting_key on tenantry.jobs (tenant_id, kind, key)
  where key is not null and state in ('ready', 'later', 'held');
create index jobs_ready on tenantry.jobs (tenant_id, priority, run_at, id) where state = 'ready';
create index jobs_later on tenantry.jobs (run_at) where state = 'later';
create index jobs_held on tenantry.jobs (tenant_id) where state = 'held';
create index jobs_running on tenantry.jobs (leased_until) where state = 'running';
create index jobs_parked on tenantry.jobs (tenant_id, id) where state = 'parked';
select tenantry.make_tenant_table('tenantry.jobs');
revoke insert, update on tenantry.jobs from tenantry_app;
grant insert (tenant_id, id, kind, payload, actor_id, request_id, state, priority, run_at, due_at, key)
  on tenantry.jobs to tenantry_app;

-- A password reset runs as the identity role, which adds the job of its mail in the same transaction.
create policy identity_own_tenant on tenantry.jobs for insert to tenantry_identity
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant insert (tenant_id, id, kind, payload, actor_id, request_id, state, priority, run_at, due_at, key)
  on tenantry.jobs to tenantry_identity;

create policy jobs_all_tenants on tenantry.jobs to tenantry_jobs using (true) with check (true);
grant select, insert (tenant_id, id, kind, payload, key) on tenantry.jobs to tenantry_jobs;
grant update (state, reason, run_at, attempts, lost_leases, lease, leased_until, last_error, key)
  on tenantry.jobs to tenantry_jobs;
create policy jobs_tenant_status on tenantry.tenants for select to tenantry_jobs using (true);
grant select (id, status) on tenantry.tenants to tenantry_jobs;

-- schedules: when each schedule runs next. `tenant_after` is not NULL while a tick is being spread: the
-- tenants up to it have their job. `pattern` shows that an app changed the times.
-- No row-level security: the rows belong to no tenant, and only the jobs role can use the table. (It is on
-- the committed list of exceptions.)
create table tenantry.schedules (
  name text primary key check (length(name) <= 150),
  pattern text not null check (length(pattern) <= 300),
  next_at timestamptz not null,
  last_at timestamptz,
  tenant_after uuid
);
grant select, insert, update on tenantry.schedules to tenantry_jobs;

-- Takes up to `wanted` ready jobs for a worker. It walks the tenants that have some, beginning after the
-- tenant `after`, so that each gets its share however many jobs another one has. `busy` are tenants of
-- which the worker runs jobs already, `rooms` how many more it may run of each; of another tenant it may
-- run `each`. `allowed` restricts the walk to some tenants. The jobs of a tenant that is not active are held;
-- those of `regardless`, kinds such as the erasure of a person, run also where it is suspended.
--
-- The walk skips a busy tenant in the loop: a condition on the array would read all its rows.
create function tenantry.claim_jobs(after uuid, wanted integer, each integer, busy uuid[],
  rooms integer[], lease_id uuid, seconds integer, allowed uuid[] default null,
  regardless text[] default '{}')
returns table (tenant_id uuid, id uuid, kind text, payload jsonb, actor_id uuid, attempts integer,
  waited_seconds float8)
language plpgsql set search_path = pg_catalog as $$
#variable_conflict use_column
declare
  current_tenant uuid := after;
  has_wrapped boolean := false;
  missing integer := wanted;
  room integer;
  taken integer;
  kinds text[];
  status text;
begin
  while missing > 0 loop
    select j.tenant_id into current_tenant from tenantry.jobs j
    where j.state = 'ready' and j.tenant_id > current_tenant order by j.tenant_id limit 1;
    if not found then
      exit when has_wrapped;
      has_wrapped := true;
      current_tenant := '00000000-0000-0000-0000-000000000000';
      continue;
    end if;
    -- Before the tenant is visited again: it has had its share.
    exit when has_wrapped and current_tenant > after;
    room := coalesce(rooms[array_position(busy, current_tenant)], each);
    if room > 0 and (allowed is null or current_tenant = any (allowed)) then
      status := (select t.status from tenantry.tenants t where t.id = current_tenant);
      -- NULL: all kinds.
      kinds := case status when 'active' then null when 'suspended' then regardless else '{}' end;
      if kinds is null or cardinality(kinds) > 0 then
        -- A sub-query with LIMIT can run again for each row that a plan joins it to, and choose more.
        return query
          with chosen as materialized (
            select r.id from tenantry.jobs r where r.tenant_id = current_tenant and r.state = 'ready'
              and (kinds is null or r.kind = any (kinds))
            order by r.priority, r.run_at, r.id limit least(room, missing) for update skip locked
          )
          update tenantry.jobs j
          set state = 'running', lease = lease_id, attempts = j.attempts + 1,
            leased_until = now() + make_interval(secs => seconds)
          from chosen
          where j.tenant_id = current_tenant and j.id = chosen.id
          returning j.tenant_id, j.id, j.kind, j.payload, j.actor_id, j.attempts,
            extract(epoch from clock_timestamp() - j.run_at)::float8;
        get diagnostics taken = row_count;
        missing := missing - taken;
      end if;
      if kinds is not null then
        update tenantry.jobs j set state = 'held' from (
          select r.id from tenantry.jobs r where r.tenant_id = current_tenant and r.state = 'ready'
            and r.kind <> all (kinds)
          for update skip locked
        ) chosen
        where j.tenant_id = current_tenant and j.id = chosen.id;
      end if;
    end if;
  end loop;
end
$$;

-- Makes ready what has become due: jobs that waited for their time, jobs whose worker is gone, and held
-- jobs of tenants that are active again. Rows that another worker is looking at, or whose work is in progress,
-- are skipped. Of the tenants with held jobs it visits at most `max_tenants`, beginning after `held_after`: many
-- may be suspended, and workers call this once a second. Returns how many jobs became ready, and the tenant
-- after which the next call continues.
create function tenantry.promote_jobs(max_rows integer, max_lost integer, held_after uuid, max_tenants integer,
  out promoted integer, out held_until uuid)
language plpgsql set search_path = pg_catalog as $$
declare
  changed integer;
  visited uuid[];
begin
  with due as materialized (
    select d.tenant_id, d.id from tenantry.jobs d where d.state = 'later' and d.run_at <= now()
    order by d.run_at limit max_rows for update skip locked
  )
  update tenantry.jobs j set state = 'ready' from due
  where j.tenant_id = due.tenant_id and j.id = due.id;
  get diagnostics promoted = row_count;

  with expired as materialized (
    select r.tenant_id, r.id from tenantry.jobs r
    where r.state = 'running' and r.leased_until < now() limit max_rows for update skip locked
  )
  update tenantry.jobs j set
    state = case when j.lost_leases + 1 >= max_lost then 'parked' else 'ready' end,
    reason = case when j.lost_leases + 1 >= max_lost then 'worker_lost' end,
    last_error = 'The worker ended or did not respond while it ran this job',
    lost_leases = j.lost_leases + 1, lease = null, leased_until = null,
    key = tenantry.free_job_key(j.tenant_id, j.kind, j.key)
  from expired
  where j.tenant_id = expired.tenant_id and j.id = expired.id;
  get diagnostics changed = row_count;
  promoted := promoted + changed;

  visited := array(
    with recursive held (tenant, number) as (
      (select tenant_id, 1 from tenantry.jobs
        where state = 'held' and tenant_id > held_after order by tenant_id limit 1)
      union all
      select (select tenant_id from tenantry.jobs
        where state = 'held' and tenant_id > tenant order by tenant_id limit 1), number + 1
      from held where tenant is not null and number < max_tenants)
    select tenant from held where tenant is not null order by tenant);
  held_until := coalesce(visited[max_tenants], '00000000-0000-0000-0000-000000000000');
  with resumed as materialized (
    select h.tenant_id, h.id from tenantry.jobs h
    where h.state = 'held' and h.tenant_id in (
      select t.id from tenantry.tenants t where t.id = any (visited) and t.status = 'active')
    limit max_rows for update skip locked
  )
  update tenantry.jobs j set state = 'ready' from resumed
  where j.tenant_id = resumed.tenant_id and j.id = resumed.id;
  get diagnostics changed = row_count;
  promoted := promoted + changed;
end
$$;

-- The key of a job that waits again, or NULL if another waiting job has it: that one was added while this
-- one ran, and both stay.
create function tenantry.free_job_key(tenant uuid, job_kind text, wanted text) returns text
language sql stable set search_path = pg_catalog as $$
  select wanted where wanted is not null and not exists (
    select from tenantry.jobs
    where tenant_id = tenant and kind = job_kind and key = wanted and state in ('ready', 'later', 'held'))
$$;

-- Spreads the tick of a schedule: adds its job for the next `page` active tenants, all in one statement
-- with the move of the position, so that each tenant gets it once. A job of the previous tick that still
-- waits is not added again. Returns how many tenants it visited; NULL if there was nothing to do.
create function tenantry.spread_schedule(schedule text, job_kind text, job_payload jsonb, page integer)
returns integer
language plpgsql set search_path = pg_catalog as $$
declare
  reached uuid;
  visited uuid[];
begin
  select tenant_after into reached from tenantry.schedules
  where name = schedule and tenant_after is not null for update skip locked;
  if not found then
    return null;
  end if;
  visited := array(
    select id from tenantry.tenants where id > reached and status = 'active' order by id limit page);
  insert into tenantry.jobs (tenant_id, id, kind, payload, key)
  select it, tenantry.new_id(), job_kind, job_payload, 'schedule ' || schedule from unnest(visited) it
  on conflict (tenant_id, kind, key) where key is not null and state in ('ready', 'later', 'held')
  do nothing;
  update tenantry.schedules
  set tenant_after = case when cardinality(visited) = page then visited[page] end where name = schedule;
  return cardinality(visited);
end
$$;

grant execute on function tenantry.claim_jobs(uuid, integer, integer, uuid[], integer[], uuid, integer, uuid[],
    text[]),
  tenantry.promote_jobs(integer, integer, uuid, integer), tenantry.free_job_key(uuid, text, text),
  tenantry.spread_schedule(text, text, jsonb, integer), tenantry.new_id() to tenantry_jobs;
grant execute on function tenantry.free_job_key(uuid, text, text) to tenantry_platform;
