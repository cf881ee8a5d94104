-- What happened, kept apart from what is. Append-only: no door may change or remove a row.

create table tenantry.audit_logs (
  tenant_id uuid not null,
  id uuid not null,
  created_at timestamptz not null default now(),
  -- No foreign key: the log outlives the people and things it speaks of.
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
-- A password reset is carried out before membership is proven, and is logged in its transaction.
create policy identity_own_tenant on tenantry.audit_logs for insert to tenantry_identity
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant insert on tenantry.audit_logs to tenantry_identity;

-- platform_logs: each use of the door across tenants, with its reason, written before the work. No row-level security: it
-- belongs to no tenant, and only the platform door may add to it (on the committed list).
create table tenantry.platform_logs (
  id uuid primary key,
  created_at timestamptz not null default now(),
  reason text not null check (length(reason) between 1 and 500)
);
grant select, insert on tenantry.platform_logs to tenantry_platform;
