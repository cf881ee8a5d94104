-- The audit log. It is append-only: no role that serves requests may change or delete a row.

create table tenantry.audit_logs (
  tenant_id uuid not null,
  id uuid not null,
  created_at timestamptz not null default now(),
  -- No foreign keys: an entry outlives the user, the session and the entity it names.
  actor_id uuid,
  session_id uuid,
  action text not null check (length(action) <= 128),
  entity text not null default '' check (length(entity) <= 64),
  entity_id text not null default '' check (length(entity_id) <= 128),
  meta jsonb not null default '{}',
  request_id text not null default '' check (length(request_id) <= 64),
  address text not null default '' check (length(address) <= 45),
  primary key (tenant_id, id)
);
create index audit_logs_by_action on tenantry.audit_logs (tenant_id, action, id);
create index audit_logs_by_actor on tenantry.audit_logs (tenant_id, actor_id, id);
select tenantry.make_tenant_table('tenantry.audit_logs');
revoke update, delete on tenantry.audit_logs from tenantry_app, tenantry_platform;
-- A password reset runs as the identity role, which writes its audit row in the same transaction.
create policy identity_own_tenant on tenantry.audit_logs for insert to tenantry_identity
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant insert on tenantry.audit_logs to tenantry_identity;

-- platform_logs: every use of acrossTenants, with its reason, written before the work begins.
-- No row-level security: the rows belong to no tenant, and only the platform role can add one. (It is
-- on the committed list of exceptions.)
create table tenantry.platform_logs (
  id uuid primary key,
  created_at timestamptz not null default now(),
  reason text not null check (length(reason) between 1 and 500)
);
grant select, insert on tenantry.platform_logs to tenantry_platform;
