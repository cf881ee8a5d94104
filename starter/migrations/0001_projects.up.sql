-- projects: the example resource. A project name is unique within its tenant.
create table projects (
  tenant_id uuid not null,
  id uuid not null,
  name text not null check (length(name) between 1 and 200),
  description text not null default '' check (length(description) <= 2000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  constraint projects_name_unique unique (tenant_id, name)
);
select tenantry.make_tenant_table('projects');
