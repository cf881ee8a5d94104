-- A person deletes their own account: it is disabled immediately, and erased some days later by a job.
--
-- Invariants
--   * A request disables the user, which ends every session in every tenant, and sets users.erase_at. Nothing
--     is erased before that time, and nothing of a user who was enabled since.
--   * No tenant loses its last owner: the caller holds the lock for changes of permissions of each tenant of
--     the person while it asks tenants_owned_alone().
--   * Each tenant of the person gets a job. The first that runs erases the person, the others find nothing: a
--     tenant that is suspended or erased meanwhile prevents nothing.
--   * The identity role can disable a user together with such a request only, and erase a user only then.
--
-- The functions run as the role that calls them. They visit one tenant of the person after the other, as
-- record_acts_on_person() does (0004), and restore the tenant of the transaction.

-- Whether a tenant has an active member, with an active user, whose roles add up to all permissions in
-- `wanted`; where given, only `one` or any but `without`. The permissions of system roles are defined in the
-- app's code: `roles` and `granted` are pairs of them. Without `tenant`, of the tenant whose rows are visible.
create function tenantry.has_owner(roles text[], granted text[], wanted text[], tenant uuid default null,
  one uuid default null, without uuid default null) returns boolean
language sql stable set search_path = pg_catalog as $$
  select exists (
    select from tenantry.members m join tenantry.users u on u.id = m.user_id
    where (tenant is null or m.tenant_id = tenant) and (one is null or m.user_id = one)
      and (without is null or m.user_id <> without) and m.is_active and u.is_active
      and cardinality(wanted) = (
        select count(distinct held.permission) from (
          select system_role.permission
          from tenantry.member_roles mr
          join unnest(roles, granted) system_role (name, permission) on system_role.name = mr.role
          where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id and mr.role_id is null
          union all
          select rp.permission
          from tenantry.member_roles mr
          join tenantry.role_permissions rp on rp.tenant_id = mr.tenant_id and rp.role_id = mr.role_id
          where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id and rp.permission = any (wanted)
        ) held))
$$;
grant execute on function tenantry.has_owner(text[], text[], text[], uuid, uuid, uuid)
  to tenantry_app, tenantry_identity, tenantry_platform;

-- The subdomains of those of `tenants` that have this person as their only owner.
create function tenantry.tenants_owned_alone(person uuid, tenants uuid[], roles text[], granted text[],
  wanted text[]) returns text[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  tenant_before text := coalesce(current_setting('app.tenant_id', true), '');
  member_of uuid;
  owned uuid[] := '{}';
begin
  foreach member_of in array tenants loop
    perform tenantry.visit_tenant(member_of::text);
    if tenantry.has_owner(roles, granted, wanted, member_of, one => person)
      and not tenantry.has_owner(roles, granted, wanted, member_of, without => person) then
      owned := owned || member_of;
    end if;
  end loop;
  perform tenantry.visit_tenant(tenant_before);
  return array(select t.subdomain from tenantry.tenants t where t.id = any (owned) order by 1);
end
$$;
grant execute on function tenantry.tenants_owned_alone(uuid, uuid[], text[], text[], text[])
  to tenantry_identity, tenantry_platform;

create policy identity_erases_users on tenantry.users for delete to tenantry_identity
  using (not is_active and erase_at <= now());
grant update (is_active, erase_at), delete on tenantry.users to tenantry_identity;

-- Disables a user, and adds the job that erases them in each of `tenants`. Returns false if the user is
-- disabled already.
create function tenantry.request_erasure(person uuid, tenants uuid[], days integer, request text)
returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  tenant_before text := coalesce(current_setting('app.tenant_id', true), '');
  member_of uuid;
  due timestamptz := now() + make_interval(days => days);
begin
  perform set_config('app.person_id', person::text, true);
  update tenantry.users set is_active = false, erase_at = due, updated_at = now()
  where id = person and is_active;
  if not found then
    perform set_config('app.person_id', '', true);
    return false;
  end if;
  perform set_config('app.person_id', '', true);
  foreach member_of in array tenants loop
    perform tenantry.visit_tenant(member_of::text);
    insert into tenantry.jobs (tenant_id, id, kind, payload, request_id, state, run_at, due_at)
    values (member_of, tenantry.new_id(), 'users.erase', jsonb_build_object('user_id', person), request,
      'later', due, due);
  end loop;
  perform tenantry.visit_tenant(tenant_before);
  return true;
end
$$;

-- Erases a user whose time has come, with memberships, sessions and secrets. Returns whether there was one.
create function tenantry.erase_person(person uuid) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  is_erased boolean;
begin
  perform set_config('app.person_id', person::text, true);
  delete from tenantry.users where id = person and not is_active and erase_at <= now();
  is_erased := found;
  perform set_config('app.person_id', '', true);
  return is_erased;
end
$$;
grant execute on function tenantry.request_erasure(uuid, uuid[], integer, text), tenantry.erase_person(uuid)
  to tenantry_identity;
