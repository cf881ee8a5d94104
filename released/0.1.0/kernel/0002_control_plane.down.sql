drop table tenantry.member_roles;
drop table tenantry.role_permissions;
drop table tenantry.roles;
drop policy app_own_members on tenantry.users;
drop table tenantry.members;
drop table tenantry.users;
drop table tenantry.domains;
drop table tenantry.tenants;
