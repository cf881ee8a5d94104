drop table tenantry.platform_logs;
drop table tenantry.audit_logs;
