drop function tenantry.workspaces_of_person(uuid);
revoke insert (id, name, subdomain, code) on tenantry.tenants from tenantry_identity;
drop policy identity_creates_tenants on tenantry.tenants;
drop table tenantry.installation_mails;
drop table tenantry.sign_ups;
