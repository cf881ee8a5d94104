drop function tenantry.spread_schedule(text, text, jsonb, integer);
drop function tenantry.promote_jobs(integer, integer, uuid, integer);
drop function tenantry.claim_jobs(uuid, integer, integer, uuid[], integer[], uuid, integer, uuid[],
  text[]);
drop function tenantry.free_job_key(uuid, text, text);
revoke execute on function tenantry.new_id() from tenantry_jobs;
drop table tenantry.schedules;
drop policy jobs_tenant_status on tenantry.tenants;
revoke select (id, status) on tenantry.tenants from tenantry_jobs;
drop table tenantry.jobs;
revoke usage on schema tenantry from tenantry_jobs;
