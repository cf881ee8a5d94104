import { describe, expect, test } from 'vitest'
import { dataMigrationFaults } from './data_migrations.ts'

const faultsOf = (sql: string) =>
  dataMigrationFaults(sql, new Set(['projects', 'tenantry.members']))
const missing = (table: string) =>
  expect.stringContaining(`put "alter table ${table} no force row level security;" before it`)

describe('a data migration under FORCE is rejected (RLS-1)', () => {
  test.each([
    ['update', "update projects set name = 'x; y' where true"],
    ['update of an alias', 'UPDATE ONLY public.projects AS p SET name = p.id::text'],
    ['delete', 'delete from "projects" where name is null'],
    ['copy to another table', 'insert into copies select id from only projects'],
    ['copy to a new table', 'create table copies as select * from projects'],
    [
      'with query',
      'with deleted as (delete from projects returning *) select count(*) from deleted',
    ],
    ['merge', 'merge into projects p using other o on o.id = p.id when matched then delete'],
    [
      'value from it',
      'update other o set n = (select count(*) from other join projects using (id))',
    ],
    ['block', "do $$ begin update projects set name = 'x'; end $$"],
    [
      'FORCE lifted too late',
      'update projects set a = 1; alter table projects no force row level security',
    ],
    [
      'FORCE restored too early',
      `alter table projects no force row level security;
       alter table projects force row level security; delete from projects`,
    ],
  ])('%s', (_what, sql) => {
    expect(faultsOf(sql)).toContainEqual(missing('projects'))
  })

  test('a table of the kernel, and a table that the migration itself creates', () => {
    expect(faultsOf('update tenantry.members set is_default = true')).toEqual([
      missing('tenantry.members'),
    ])
    const created = "select tenantry.make_tenant_table('notes'); update notes set body = ''"
    expect(faultsOf(created)).toEqual([missing('notes')])
  })

  test('FORCE that is lifted and not restored', () => {
    expect(
      faultsOf('alter table projects no force row level security; delete from projects'),
    ).toEqual(['add "alter table projects force row level security;" at its end'])
  })
})

describe('a migration is accepted with', () => {
  test.each([
    [
      'FORCE lifted around it',
      `alter table projects no force row level security;
       update projects set name = upper(name);
       alter table projects force row level security;`,
    ],
    ['a table without tenants', 'update other set a = 1; delete from other'],
    [
      'rows of a table that becomes tenant-scoped later',
      "update notes set a = 1; select make_tenant_table('notes')",
    ],
    ['a comment', '-- update projects set a = 1\n/* delete from projects; */ select 1'],
    ['a text', "comment on table other is 'as we delete from projects'"],
    ['a function', 'create function f() returns void language sql as $f$ delete from projects $f$'],
    ['a column', 'alter table projects add column total int not null default 0'],
    [
      'a key',
      'alter table x add foreign key (t, p) references projects (t, id) on delete cascade on update set null',
    ],
    ['a policy', 'create policy p on projects for update to tenantry_identity using (true)'],
    ['a grant', 'grant select, update on projects to tenantry_identity'],
    ['reading', 'select count(*) from projects'],
  ])('%s', (_what, sql) => {
    expect(faultsOf(sql)).toEqual([])
  })
})
