drop function tenantry.take_attempts(jsonb);
drop table tenantry.attempt_counters;
drop table tenantry.single_use_secrets;
drop table tenantry.refresh_tokens;
drop table tenantry.sessions;
drop function tenantry.invalidate_sessions();
