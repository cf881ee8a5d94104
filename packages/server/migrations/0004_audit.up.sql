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

-- Acts on the person: a change of the password, the address or is_active of a user affects all of the
-- user's tenants, so each of their logs records it, whoever writes, in the same transaction.
--
-- The trigger runs as the role that changed the user. The identity role learns the tenants of one user
-- only, the one that the trigger names in app.person_id. The trigger then visits one tenant after the
-- other and restores the tenant of the transaction. An update that moves no credential epoch records
-- nothing, see rehash_password().
create policy identity_own_person on tenantry.members for select to tenantry_identity
  using (user_id = nullif(current_setting('app.person_id', true), '')::uuid);
grant select (tenant_id, user_id) on tenantry.members to tenantry_identity;

-- A UUIDv7 (RFC 9562), as the servers make them: the pages of a log are in the order of its ids.
create function tenantry.new_id() returns uuid
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
    substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
    from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;
grant execute on function tenantry.new_id() to tenantry_identity, tenantry_platform;

create function tenantry.record_acts_on_person() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  tenant_before text := coalesce(current_setting('app.tenant_id', true), '');
  tenants uuid[];
  member_of uuid;
  acts text[] := array_remove(array[
    case when new.password_hash is distinct from old.password_hash then 'users.password_change' end,
    case when row(new.realm_id, new.email, new.email_key)
      is distinct from row(old.realm_id, old.email, old.email_key) then 'users.email_change' end,
    case when old.is_active and not new.is_active then 'users.disable' end,
    case when new.is_active and not old.is_active then 'users.enable' end
  ], null);
begin
  perform set_config('app.person_id', new.id::text, true);
  select coalesce(array_agg(m.tenant_id order by m.tenant_id), '{}') into tenants
  from tenantry.members m where m.user_id = new.id;
  perform set_config('app.person_id', '', true);
  foreach member_of in array tenants loop
    perform set_config('app.tenant_id', member_of::text, true);
    insert into tenantry.audit_logs (tenant_id, id, action, entity, entity_id)
    select member_of, tenantry.new_id(), act, 'users', new.id::text
    from unnest(case when acts = '{}' then array['users.sessions_end'] else acts end) act;
  end loop;
  perform set_config('app.tenant_id', tenant_before, true);
  return null;
end
$$;
create trigger record_acts_on_person after update on tenantry.users for each row
  when (new.sessions_valid_from is distinct from old.sessions_valid_from)
  execute function tenantry.record_acts_on_person();

-- platform_logs: every use of acrossTenants, with its reason, written before the work begins.
-- No row-level security: the rows belong to no tenant, and only the platform role can add one. (It is
-- on the committed list of exceptions.)
create table tenantry.platform_logs (
  id uuid primary key,
  created_at timestamptz not null default now(),
  reason text not null check (length(reason) between 1 and 500)
);
grant select, insert on tenantry.platform_logs to tenantry_platform;
