drop function tenantry.invalidate_on_change(regclass, text, name, name[], boolean, name, text);
drop function tenantry.invalidate_many(text, uuid, uuid);
drop function tenantry.invalidate_all();
drop function tenantry.make_tenant_table(regclass);
drop function tenantry.set_tenant(uuid);
alter default privileges grant execute on functions to public;
