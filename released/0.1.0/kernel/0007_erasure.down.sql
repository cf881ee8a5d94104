drop function tenantry.erase_person(uuid);
drop function tenantry.request_erasure(uuid, uuid[], integer, text);
revoke update (is_active, erase_at), delete on tenantry.users from tenantry_identity;
drop policy identity_erases_users on tenantry.users;
drop function tenantry.tenants_owned_alone(uuid, uuid[], text[], text[], text[]);
drop function tenantry.has_owner(text[], text[], text[], uuid, uuid, uuid);
