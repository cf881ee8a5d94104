drop table tenantry.platform_logs;
drop trigger record_acts_on_person on tenantry.users;
drop function tenantry.record_acts_on_person();
drop function tenantry.new_id();
drop policy identity_own_person on tenantry.members;
drop table tenantry.audit_logs;
