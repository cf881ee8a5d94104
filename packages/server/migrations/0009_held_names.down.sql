drop trigger reject_held_subdomain on tenantry.tenants;
drop trigger hold_name on tenantry.domains;
drop trigger hold_name_of_marked on tenantry.tenants;
drop trigger hold_name on tenantry.tenants;
drop function tenantry.reject_held_subdomain();
drop function tenantry.hold_name();
drop function tenantry.hold_names(integer);
drop function tenantry.name_digest(text);
drop table tenantry.held_names;
