-- The audit log. It is append-only: no role that serves requests may change or delete a row. The database
-- sets the id and the time of a row, which no role of Tenantry may write, and accepts no unknown actor.

-- A UUIDv7 (RFC 9562): 48 bits of milliseconds, 12 bits of their fraction, and 62 random bits. Ids of
-- statements that follow each other therefore sort by time. The body is parsed here and not at the call,
-- so that no search_path can change it and PostgreSQL can put it into the calling statement.
create function tenantry.new_id() returns uuid
language sql volatile
return (overlay(lpad(to_hex((extract(epoch from clock_timestamp()) * 4096000)::bigint), 15, '0')
  placing '7' from 13 for 0) || substr(gen_random_uuid()::text, 20))::uuid;
grant execute on function tenantry.new_id() to tenantry_app, tenantry_identity, tenantry_platform;

create table tenantry.audit_logs (
  tenant_id uuid not null,
  id uuid not null default tenantry.new_id(),
  -- Not now(), the start of the transaction: a client decides how long that is open.
  created_at timestamptz not null default clock_timestamp(),
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
create index audit_logs_by_entity on tenantry.audit_logs (tenant_id, entity, entity_id, id);
create index audit_logs_by_time on tenantry.audit_logs (tenant_id, created_at desc, id);
select tenantry.make_tenant_table('tenantry.audit_logs');
revoke insert, update, delete on tenantry.audit_logs from tenantry_app, tenantry_platform;
grant insert (tenant_id, actor_id, session_id, action, entity, entity_id, meta, request_id, address)
  on tenantry.audit_logs to tenantry_app, tenantry_identity, tenantry_platform;
-- A password reset runs as the identity role, which writes its audit row in the same transaction.
create policy identity_own_tenant on tenantry.audit_logs for insert to tenantry_identity
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- The actor of a row is a user that the role which adds it can see (for the app role: a member of the
-- tenant), and the session is one of this actor in this tenant. A client that sends its own SQL can still name
-- another member than the one who acts. An actor of another kind, such as a key, needs a branch here.
--
-- A condition in the plan of the INSERT costs a look-up by primary key. The function, which costs a call too,
-- has the rarer cases: an actor without a session, and one whose membership and sessions the same
-- transaction, or one that has committed meanwhile, has deleted. The log knows such an actor: the row of
-- the session's sign-in can have been added only while the session existed.
create function tenantry.is_known_actor(tenant uuid, actor uuid, session uuid) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if session is not null then
    return exists (select from tenantry.audit_logs l where l.tenant_id = tenant and l.entity = 'sessions'
      and l.entity_id = session::text and l.session_id = session and l.actor_id = actor);
  end if;
  -- One statement for each table: the identity role may read only the first, and needs no other.
  if exists (select from tenantry.users u where u.id = actor) then
    return true;
  end if;
  return exists (select from tenantry.audit_logs l where l.tenant_id = tenant and l.actor_id = actor);
end
$$;
grant execute on function tenantry.is_known_actor(uuid, uuid, uuid)
  to tenantry_app, tenantry_identity, tenantry_platform;
do $$
declare
  role_name text;
begin
  foreach role_name in array array['app', 'identity', 'platform'] loop
    execute format($ddl$
      create policy %1$s_known_actor on tenantry.audit_logs as restrictive for insert to tenantry_%1$s
        with check ((actor_id is null and session_id is null)
          or exists (select from tenantry.sessions s where s.tenant_id = audit_logs.tenant_id
            and s.id = audit_logs.session_id and s.user_id = audit_logs.actor_id)
          or tenantry.is_known_actor(tenant_id, actor_id, session_id))
      $ddl$, role_name);
  end loop;
end
$$;

-- retained_logs: the log of tenants that were erased. A row outlives its tenant, so there is no foreign key.
--
-- The platform role can delete a row of audit_logs only while its tenant is being deleted, and the trigger
-- moves each row that it deletes here. It can read retained rows, and add, change or delete none; the
-- serving roles can do nothing. So an erased tenant leaves no rows but its log, and nothing that connects
-- with a role of Tenantry can make an entry disappear.
create table tenantry.retained_logs (
  like tenantry.audit_logs including constraints,
  retained_at timestamptz not null default now(),
  -- The backup of an erased tenant may be restored, and the tenant erased again: both copies stay.
  primary key (tenant_id, id, retained_at)
);
alter table tenantry.retained_logs enable row level security, force row level security;
create policy platform_reads_all_tenants on tenantry.retained_logs for select to tenantry_platform
  using (true);
grant select on tenantry.retained_logs to tenantry_platform;
create policy backup_all_tenants on tenantry.retained_logs for select to tenantry_backup using (true);

create policy platform_erases_tenants on tenantry.audit_logs as restrictive
  for delete to tenantry_platform using (exists (
    select from tenantry.tenants t where t.id = audit_logs.tenant_id and t.status = 'deleting'));
grant delete on tenantry.audit_logs to tenantry_platform;

-- SECURITY DEFINER: the role that deletes a row must not be able to write retained ones. No role may call
-- it: a trigger needs no grant. Forced row-level security holds for the owner, too, hence its policy.
create function tenantry.retain_log() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into tenantry.retained_logs (tenant_id, id, created_at, actor_id, session_id, action, entity,
    entity_id, meta, request_id, address)
  values (old.tenant_id, old.id, old.created_at, old.actor_id, old.session_id, old.action, old.entity,
    old.entity_id, old.meta, old.request_id, old.address);
  return old;
end
$$;
do $$
begin
  execute format('create policy owner_retains on tenantry.retained_logs for insert to %I
    with check (true)', current_user);
end
$$;
-- A superuser who deletes old entries means to delete them.
create trigger retain_log before delete on tenantry.audit_logs for each row
  when (current_user = 'tenantry_platform') execute function tenantry.retain_log();

-- Acts on the person: a change of the password, the address or is_active of a user, and its deletion, affect
-- all of the user's tenants, so each of their logs records it in the same transaction, whichever role writes.
--
-- The trigger runs as the role that changed the user. Beyond its own tenant, the identity role learns the
-- tenants of one user only, the one that the trigger names in app.person_id. The trigger then visits one tenant after the
-- other and restores the tenant of the transaction. An update that moves no credential epoch records
-- nothing, see rehash_password().
create policy identity_own_tenant_or_person on tenantry.members for select to tenantry_identity
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
    or user_id = nullif(current_setting('app.person_id', true), '')::uuid);
grant select (tenant_id, user_id, is_active) on tenantry.members to tenantry_identity;
-- For the trigger of 0002 that repeats the name of a user in their members.
create policy identity_renames_person on tenantry.members for update to tenantry_identity
  using (user_id = nullif(current_setting('app.person_id', true), '')::uuid)
  with check (user_id = nullif(current_setting('app.person_id', true), '')::uuid);
grant update (email_key, name_key) on tenantry.members to tenantry_identity;

-- The tenants of a person, in the order in which they are locked.
create function tenantry.tenants_of_person(person uuid) returns uuid[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  tenants uuid[];
begin
  perform set_config('app.person_id', person::text, true);
  tenants := array(select m.tenant_id from tenantry.members m where m.user_id = person order by 1);
  perform set_config('app.person_id', '', true);
  return tenants;
end
$$;
grant execute on function tenantry.tenants_of_person(uuid) to tenantry_identity, tenantry_platform;

create function tenantry.record_acts_on_person() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  tenant_before text := coalesce(current_setting('app.tenant_id', true), '');
  member_of uuid;
  act text;
  acts text[] := case when tg_op = 'DELETE' then array['users.delete'] else array_remove(array[
    case when new.password_hash is distinct from old.password_hash then 'users.password_change' end,
    case when row(new.realm_id, new.email, new.email_key)
      is distinct from row(old.realm_id, old.email, old.email_key) then 'users.email_change' end,
    case when old.is_active and not new.is_active then
      case when new.erase_at is null then 'users.disable' else 'users.delete_request' end end,
    case when new.is_active and not old.is_active then 'users.enable' end
  ], null) end;
begin
  foreach member_of in array tenantry.tenants_of_person(old.id) loop
    perform tenantry.visit_tenant(member_of::text);
    -- Each row by VALUES: Citus would COPY the rows of a SELECT, which row-level security forbids.
    foreach act in array case when acts = '{}' then array['users.sessions_end'] else acts end loop
      insert into tenantry.audit_logs (tenant_id, action, entity, entity_id)
      values (member_of, act, 'users', old.id::text);
    end loop;
  end loop;
  perform tenantry.visit_tenant(tenant_before);
  return old;
end
$$;
create trigger record_acts_on_person after update on tenantry.users for each row
  when (new.sessions_valid_from is distinct from old.sessions_valid_from)
  execute function tenantry.record_acts_on_person();
-- Before the memberships are deleted, which name the tenants.
create trigger record_deletion_of_person before delete on tenantry.users for each row
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
