import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertSample } from '../../../test/database/sample_rows.ts'
import { makeWorkplace, type Workplace } from '../../../test/fixtures/cli.ts'
import { type DatabaseUrls, onMigratedDatabase } from '../../../test/fixtures/databases.ts'
import { withClient } from '../../db/connect/with_client.ts'

let place: Workplace
beforeAll(() => {
  place = makeWorkplace()
})
afterAll(() => place.remove())

function remover(urls: DatabaseUrls, subdomain: string) {
  const { app: DB_URL, identity: DB_IDENTITY_URL, platform: DB_PLATFORM_URL } = urls
  const environment = { DB_URL, DB_IDENTITY_URL, DB_PLATFORM_URL }
  return (line: string) => place.run(`tenant ${line.replace('X', subdomain)}`, environment)
}

/** The tables with a row that has `id` in any column of type uuid. */
async function tablesNaming(client: pg.Client, id: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(`
    select c.oid::regclass::text as name, array_agg(quote_ident(a.attname)) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind = 'r' and a.atttypid = 'uuid'::regtype
      and c.relnamespace in ('public'::regnamespace, 'tenantry'::regnamespace)
    group by c.oid order by 1`)
  const found: string[] = []
  for (const { name, columns } of rows) {
    const anyOf = columns.map((it) => `${it} = $1`).join(' or ')
    const { rowCount } = await client.query(`select 1 from ${name} where ${anyOf} limit 1`, [id])
    if (rowCount !== 0) found.push(name)
  }
  return found
}

test('tenant delete takes a suspended tenant only, and leaves no row but its log (OPS-10)', () =>
  onMigratedDatabase((urls) =>
    withClient(urls.admin, async (admin) => {
      const [gone, other] = [await insertSample(admin), await insertSample(admin)]
      // A member of both tenants stays a user; more rows than one batch has.
      await admin.query('insert into tenantry.members (tenant_id, user_id) values ($1, $2)', [
        gone.tenantId,
        other.userId,
      ])
      await admin.query(
        `insert into projects (tenant_id, id, name)
          select $1, gen_random_uuid(), 'p' || n from generate_series(1, 5001) n`,
        [gone.tenantId],
      )
      const kept = await tablesNaming(admin, other.tenantId)
      const run = remover(urls, gone.rows['tenantry.tenants']?.['subdomain'] ?? '')

      const active = await run('delete X --yes')
      expect([active.code, active.stderr]).toEqual([1, expect.stringContaining('tenant suspend')])
      await run('suspend X')
      const asked = await run('delete X')
      expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining('has 2 members')])
      expect((await run('show X')).code).toBe(0)

      const deleted = await run('delete X --yes --reason ended --json')
      expect([deleted.code, deleted.stderr]).toEqual([0, ''])
      expect(JSON.parse(deleted.stdout)).toMatchObject({
        id: gone.tenantId,
        deleted: expect.arrayContaining([
          { table: 'public.projects', rows: expect.toSatisfy((rows) => rows > 5000) },
          { table: 'tenantry.users', rows: 1 },
        ]),
      })
      expect(await tablesNaming(admin, gone.tenantId)).toEqual(['tenantry.retained_logs'])
      expect(await tablesNaming(admin, other.tenantId)).toEqual(kept)
      const { rows: users } = await admin.query('select id from tenantry.users')
      expect(users).toEqual([{ id: other.userId }])
      const { rows: log } = await admin.query(
        "select action, meta from tenantry.retained_logs where action ~ 'delete' order by id",
      )
      expect(log).toEqual([
        { action: 'tenants.delete', meta: { status: 'deleting', reason: 'ended' } },
        { action: 'users.delete', meta: expect.anything() },
      ])
      const again = await run('delete X --yes')
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('there is no tenant')])
    }),
  ))

test('tenant create refuses a held subdomain, until tenant release frees it', () =>
  onMigratedDatabase(async (urls) => {
    const run = remover(urls, 'acme')
    await withClient(urls.admin, async (admin) => {
      await admin.query(`insert into tenantry.tenants (id, name, subdomain, code)
        values (gen_random_uuid(), 'Acme', 'acme', 'ACME')`)
      await admin.query('delete from tenantry.tenants')
    })
    const next = await run('create --name Next --subdomain X')
    expect([next.code, next.stderr]).toEqual([1, expect.stringContaining('tenant release')])
    expect((await run('release X')).stdout).toContain('is free')
    expect((await run('release X')).stdout).toContain('was not held')
  }))
