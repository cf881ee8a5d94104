import { CompiledQuery, IdentifierNode, type Kysely, type RawBuilder, sql } from 'kysely'
import { beforeAll, describe, expect, test } from 'vitest'
import { insertSample, type Sample } from '../../../test/database/sample_rows.ts'
import type { Database } from '../../../test/fixtures/app/database.ts'
import { asRole } from '../../../test/fixtures/databases.ts'
import { openTestDatabase, type TestDatabase } from '../../../test/fixtures/test_database.ts'
import { newId } from '../../lib/ids.ts'
import { type PlanNode, scansWithoutTenant } from '../../testing/tenant_scans.ts'
import { boundKysely, tenantDialect } from '../kysely.ts'
import { backgroundScope } from '../tenancy.ts'
import { TENANT } from './filter_query.ts'
import { isDataRead } from './tenant_compiler.ts'
import { TenantTables } from './tenant_tables.ts'

let a: Sample

beforeAll(async () => {
  a = await asRole('platform', async (client) => {
    const samples = [await insertSample(client), await insertSample(client)] as const
    for (const { tenantId } of samples) {
      await client.query(secondRows, [tenantId])
    }
    return samples[0]
  })
})

// A row of the log that a project of the sample joins, and a project that joins none.
const secondRows = `
  with log as (insert into tenantry.audit_logs (tenant_id, action, entity)
    values ($1, 'test', 'Apollo'))
  insert into projects (tenant_id, id, name) values ($1, gen_random_uuid(), 'Borealis')`

const dataPlane = new Set(['projects', 'audit_logs'])
const tables = new TenantTables(['projects', 'public.projects', 'tenantry.audit_logs'])
const onlyCompiles = () => Promise.reject(new Error('only compiled here'))
const plain = boundKysely<Database>(onlyCompiles, { named: false })
const filtered = boundKysely<Database>(onlyCompiles, {
  named: false,
  tenant: { id: newId(), dialect: tenantDialect(tables) },
})

type Build = (db: Kysely<Database>) => { compile(): CompiledQuery }

/** Each kind of query, and how many filters its text has. */
const queries: Record<string, [filters: number, build: Build]> = {
  'a table': [1, (db) => db.selectFrom('projects').select('id')],
  'a table with a schema': [1, (db) => db.withSchema('public').selectFrom('projects').select('id')],
  'an alias, a condition, an order and a limit': [
    1,
    (db) =>
      db
        .selectFrom('projects as p')
        .select('p.name')
        .where('p.name', '!=', 'x')
        .where(sql<boolean>`p.name = 'y' or p.name <> 'z'`)
        .orderBy('p.name')
        .limit(3),
  ],
  'for update': [
    1,
    (db) => db.selectFrom('projects').select('id').where('name', '!=', '').forUpdate(),
  ],
  'an inner join': [
    2,
    (db) =>
      db
        .selectFrom('projects as p')
        .innerJoin('tenantry.audit_logs as l', 'l.entity', 'p.description')
        .select(['p.id', 'l.id as log']),
  ],
  'a left join keeps rows without a match': [
    2,
    (db) =>
      db
        .selectFrom('projects as p')
        .leftJoin('tenantry.audit_logs as l', 'l.entity', 'p.name')
        .select(['p.id', 'l.id as log']),
  ],
  'a right join keeps rows without a match': [
    2,
    (db) =>
      db
        .selectFrom('projects as p')
        .rightJoin('tenantry.audit_logs as l', 'l.entity', 'p.name')
        .select(['p.id', 'l.id as log']),
  ],
  'a full join keeps rows without a match': [
    2,
    (db) =>
      db
        .selectFrom('projects')
        .fullJoin('tenantry.audit_logs as l', 'l.entity', 'projects.name')
        .select(['projects.id', 'l.id as log']),
  ],
  'a cross join and a list of tables': [
    3,
    (db) =>
      db
        .selectFrom(['projects as p', 'projects as q'])
        .crossJoin('tenantry.audit_logs as l')
        .select(['p.id', 'q.id as other', 'l.id as log']),
  ],
  'a join with the control plane': [
    1,
    (db) =>
      db
        .selectFrom('tenantry.members as m')
        .leftJoin('projects as p', (on) => on.onTrue())
        .select(['m.user_id', 'p.id']),
  ],
  'a lateral join': [
    2,
    (db) =>
      db
        .selectFrom('projects as p')
        .leftJoinLateral(
          (eb) =>
            eb
              .selectFrom('tenantry.audit_logs as l')
              .whereRef('l.entity', '=', 'p.name')
              .select('l.id')
              .as('l'),
          (on) => on.onTrue(),
        )
        .select(['p.id', 'l.id as log']),
  ],
  'sub-queries, in raw SQL too': [
    4,
    (db) => {
      const inner = db.selectFrom('projects').select('id').where('name', '!=', '')
      return db
        .selectFrom(inner.as('p'))
        .select((eb) => eb.selectFrom('projects').select(sql<number>`count(*)`.as('n')).as('n'))
        .select(sql<number>`(select count(*) from (${inner}) t)`.as('m'))
        .where('p.id', 'in', inner)
    },
  ],
  'a union': [
    2,
    (db) => db.selectFrom('projects').select('id').unionAll(db.selectFrom('projects').select('id')),
  ],
  'a common table, whose name hides a table': [
    1,
    (db) =>
      db
        .with('projects', (cte) => cte.selectFrom('projects').select('name'))
        .selectFrom('projects')
        .select('name'),
  ],
  'a recursive common table': [
    2,
    (db) =>
      db
        .withRecursive('found(id)', (cte) =>
          cte
            .selectFrom('projects')
            .select('id')
            .union(
              cte.selectFrom('found').innerJoin('projects as p', 'p.id', 'found.id').select('p.id'),
            ),
        )
        .selectFrom('found')
        .select('id'),
  ],
  'an update': [
    1,
    (db) =>
      db
        .updateTable('projects')
        .set({ description: 'new' })
        .where('name', '!=', '')
        .returning('id'),
  ],
  'an update from a join': [
    3,
    (db) =>
      db
        .updateTable('projects as p')
        .from('projects as q')
        .leftJoin('tenantry.audit_logs as l', 'l.entity', 'q.name')
        .set({ description: 'other' })
        .whereRef('q.id', '=', 'p.id')
        .returning('p.id'),
  ],
  'a delete using a table': [
    2,
    (db) =>
      db
        .deleteFrom('projects as p')
        .using('projects as q')
        .whereRef('q.id', '=', 'p.id')
        .returning('p.id'),
  ],
  'changes in common tables': [
    2,
    (db) =>
      db
        .with('gone', (cte) => cte.deleteFrom('projects').returning('id'))
        .selectFrom('gone')
        .innerJoin('projects', 'projects.id', 'gone.id')
        .select('gone.id'),
  ],
  'an insert that changes a row in conflict': [
    1,
    (db) =>
      db
        .insertInto('projects')
        .values([project('one'), project('one more'), { id: newId(), name: 'short' }])
        .onConflict((it) =>
          it.columns(['tenant_id', 'name']).doUpdateSet((eb) => ({
            description: eb.selectFrom('projects as q').select(sql<string>`count(*)::text`.as('n')),
          })),
        )
        .returning('name'),
  ],
  'an insert of what a union selects': [
    2,
    (db) =>
      db
        .insertInto('projects')
        .columns(['id', 'name'])
        .expression((eb) =>
          eb
            .selectFrom('projects')
            .select([sql<string>`gen_random_uuid()`.as('id'), sql<string>`name || ' 2'`.as('name')])
            .unionAll(
              eb
                .selectFrom('projects')
                .select([
                  sql<string>`gen_random_uuid()`.as('id'),
                  sql<string>`name || ' 3'`.as('name'),
                ]),
            ),
        )
        .returning('name'),
  ],
  'a merge': [
    2,
    (db) =>
      db
        .mergeInto('projects as p')
        .using('tenantry.audit_logs as l', 'l.entity', 'p.name')
        .whenMatched()
        .thenDelete()
        .whenNotMatched()
        .thenInsertValues((eb) => ({ id: eb.ref('l.id'), name: 'merged' })),
  ],
}

function project(name: string) {
  return { id: newId(), name, description: 'd' }
}

describe.each(Object.entries(queries))('%s', (_, [filters, build]) => {
  test('names the tenant for each table of the data plane, once among the parameters', () => {
    const { sql: text, parameters } = build(filtered).compile()
    const own = parameters.indexOf(TENANT) + 1
    expect(parameters.filter((it) => it === TENANT)).toHaveLength(1)
    expect(text.split(new RegExp(`"tenant_id" = \\$${own}(?!\\d)`)).length - 1).toBe(filters)
  })

  test('does what the same query does without the filter, and reads one tenant', async () => {
    const database = openTestDatabase()
    const [expected, found] = [
      await outcomeOf(database, build(plain).compile()),
      await outcomeOf(database, build(filtered).compile()),
    ]
    expect(found).toEqual({ ...expected, withoutTenant: [] })
    // Only an INSERT reads no table.
    if (expected.isReading) expect(expected.withoutTenant).not.toEqual([])
  })
})

test('a query that was compiled for a tenant needs one', async () => {
  const { acrossTenants } = openTestDatabase()
  const query = filtered.selectFrom('projects').select('id').compile()
  await expect(acrossTenants('test', (db) => db.executeQuery(query))).rejects.toThrow(
    'a query that was compiled in a tenant scope was sent outside of one',
  )
})

test('the list of tables is that of the catalog', async () => {
  const { pools, inTenant } = openTestDatabase()
  const loaded = new TenantTables([])
  await loaded.load(pools.app)
  const has = (name: string) => {
    const [table = '', schema] = name.split('.').toReversed()
    const identifier = IdentifierNode.create(table)
    const node = { kind: 'SchemableIdentifierNode', identifier } as const
    return loaded.has(
      schema === undefined ? node : { ...node, schema: IdentifierNode.create(schema) },
    )
  }
  const names = [
    'projects',
    'public.projects',
    'tenantry.audit_logs',
    'audit_logs',
    'tenantry.members',
  ]
  expect(names.filter(has)).toEqual(['projects', 'public.projects', 'tenantry.audit_logs'])
  // The scopes know the kernel's before anything is loaded.
  const sent = await inTenant(backgroundScope(a.tenantId), async (db) =>
    db.selectFrom('tenantry.audit_logs').select('id').compile(),
  )
  expect(sent.parameters).toEqual([TENANT])
})

async function outcomeOf({ inTenant }: TestDatabase, { sql: text, parameters }: CompiledQuery) {
  const values = parameters.map((it) => (it === TENANT ? a.tenantId : it))
  let outcome: { isReading: boolean; withoutTenant: string[]; result: unknown } | undefined
  const work = inTenant(backgroundScope(a.tenantId), async (db: Kysely<Database>) => {
    const explained = await db.executeQuery<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      CompiledQuery.raw(`explain (format json) ${text}`, values),
    )
    const plan = explained.rows[0]?.['QUERY PLAN'][0].Plan
    if (plan === undefined) throw new Error('no plan')
    const { rows, numAffectedRows } = await db.executeQuery(CompiledQuery.raw(text, values))
    const left = await db.selectFrom('projects').select(['name', 'description']).execute()
    outcome = {
      isReading: /Scan"/.test(JSON.stringify(plan)),
      withoutTenant: scansWithoutTenant(plan, dataPlane),
      result: { rows: sorted(rows), numAffectedRows, left: sorted(left) },
    }
    throw new Error('roll back')
  })
  await expect(work).rejects.toThrow('roll back')
  if (outcome === undefined) throw new Error('no outcome')
  return outcome
}

function sorted(rows: readonly unknown[]): string[] {
  return rows.map((it) => JSON.stringify(it)).toSorted()
}

const raw = (db: Kysely<Database>, query: RawBuilder<unknown>) => ({
  compile: () => query.compile(db),
})
const member = sql<boolean>`exists (select from tenantry.members m where m.user_id = id)`

/** Whether a query may be answered by a replica. */
const replicaQueries: Record<string, [isData: boolean, build: Build]> = {
  'a table': [
    true,
    (db) => db.selectFrom('projects as p').select('p.id').where('p.name', '=', 'x'),
  ],
  'two tables of the data plane': [
    true,
    (db) =>
      db
        .selectFrom('projects as p')
        .leftJoin('tenantry.audit_logs as l', 'l.entity', 'p.name')
        .select(['p.id', 'l.id as log']),
  ],
  'a sub-query and a common table': [
    true,
    (db) =>
      db
        .with('named', (it) => it.selectFrom('projects').select('id'))
        .selectFrom('named')
        .select('id')
        .where('id', 'in', (it) => it.selectFrom('projects').select('id')),
  ],
  'a count of a query in raw SQL': [
    true,
    (db) => raw(db, sql`select count(*) from (${db.selectFrom('projects').select('id')}) counted`),
  ],
  'a join with the control plane': [
    false,
    (db) =>
      db
        .selectFrom('projects as p')
        .innerJoin('tenantry.users as u', 'u.id', 'p.id')
        .select('u.id'),
  ],
  'a sub-query on the control plane': [
    false,
    (db) =>
      db
        .selectFrom('projects')
        .select('id')
        .where('id', 'in', (it) => it.selectFrom('tenantry.members').select('user_id')),
  ],
  'raw SQL that names a table': [
    false,
    (db) => db.selectFrom('projects').select('id').where(member),
  ],
  'a table of a name that raw SQL reads': [
    false,
    (db) => raw(db, sql`select * from ${sql.table('projects')}`),
  ],
  'a function as a table': [
    false,
    (db) => db.selectFrom(['projects', sql<{ id: string }>`f()`.as('f')]).select('projects.id'),
  ],
  'no table': [false, (db) => db.selectNoFrom(sql`1`.as('one'))],
  'a write in a common table': [
    false,
    (db) =>
      db
        .with('gone', (it) => it.deleteFrom('projects').returning('id'))
        .selectFrom('projects')
        .select('id'),
  ],
}

test.each(Object.entries(replicaQueries))(
  'a replica, where it may answer: %s',
  (_, [is, build]) => {
    expect(isDataRead(build(filtered).compile())).toBe(is)
    expect(isDataRead(build(plain).compile())).toBe(false)
  },
)
