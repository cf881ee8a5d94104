import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeWorkplace, type Workplace } from '../../../test/fixtures/cli.ts'
import { onMigratedDatabase } from '../../../test/fixtures/databases.ts'
import { withClient } from '../../db/connect/with_client.ts'

let place: Workplace
beforeAll(() => {
  place = makeWorkplace()
})
afterAll(() => place.remove())

describe('tenantry tenant', { timeout: 90_000 }, () => {
  test("actions of a platform admin are in the tenant's audit log, and a taken name is reported", async () => {
    await onMigratedDatabase(async (urls) => {
      const environment = {
        DB_URL: urls.app,
        DB_IDENTITY_URL: urls.identity,
        DB_PLATFORM_URL: urls.platform,
        DB_OWNER_URL: urls.owner,
      }
      const create = 'tenant create --name Acme --subdomain acme --admin-email ada@acme.example'
      const created = await place.run(`${create} --json`, environment)
      expect([created.code, created.stderr]).toEqual([0, ''])
      const again = await place.run('tenant create --name Acme --subdomain acme', environment)
      expect([again.code, again.stderr.trim()]).toEqual([
        1,
        'tenantry: subdomain "acme" or code "ACME" is taken: choose another',
      ])
      await place.run('tenant suspend acme --reason "not paid"', environment)
      const limit = 'tenant limit acme --reason "big customer"'
      await place.run(`${limit} --rate 500 --concurrency 8`, environment)
      await place.run(`${limit} --concurrency default`, environment)
      const nothing = await place.run('tenant limit acme', environment)
      expect([nothing.code, nothing.stderr.trim()]).toEqual([
        1,
        'tenantry: no limit is given: add --rate or --concurrency',
      ])
      const listed = await place.run('tenant list --json', environment)
      expect(JSON.parse(listed.stdout)).toMatchObject([{ rate: 500, concurrency: null }])
      const { rows } = await withClient(urls.admin, (admin) =>
        admin.query('select action, meta from tenantry.audit_logs order by id'),
      )
      expect(rows).toEqual([
        { action: 'tenants.create', meta: {} },
        { action: 'members.create', meta: { roles: ['admin_tenant'] } },
        { action: 'auth.reset_requested', meta: { channel: 'hand' } },
        { action: 'tenants.update', meta: { status: 'suspended', reason: 'not paid' } },
        {
          action: 'tenants.update',
          meta: { rate: 500, concurrency: 8, reason: 'big customer' },
        },
        { action: 'tenants.update', meta: { concurrency: null, reason: 'big customer' } },
      ])
    })
  })
})
