-- projects: the example resource. A project name is unique within its tenant. name_key is what the list
-- searches and sorts by.
create table projects (
  tenant_id uuid not null,
  id uuid not null,
  name text not null check (length(name) between 1 and 200),
  name_key text collate "C" not null generated always as (lower(name)) stored,
  description text not null default '' check (length(description) <= 2000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  constraint projects_name_unique unique (tenant_id, name)
);
create index projects_by_name on projects (tenant_id, name_key, id);
create index projects_by_time on projects (tenant_id, created_at desc, id);
select tenantry.make_tenant_table('projects');
