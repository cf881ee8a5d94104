import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { appWith, makeWorkplace, type Workplace } from '../../../test/fixtures/cli.ts'
import { onMigratedDatabase } from '../../../test/fixtures/databases.ts'
import { withClient } from '../../db/connect/with_client.ts'
import { testPng } from '../../testing/sweeps/world/test_image.ts'

// A folder outside of the repository has no zod.
const welcome = `const { job } = fixture.policy.jobs()
const payload = { safeParse: (data) => ({ success: true, data }) }
const tenantCreated = job('projects.welcome', { payload, run() {} })`

let place: Workplace
beforeAll(() => {
  place = makeWorkplace('app.ts')
  place.write('app.ts', appWith('tenantCreated', welcome))
})
afterAll(() => place.remove())

describe('tenantry tenant', { timeout: 180_000 }, () => {
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
      const limited = await place.run(`${limit} --concurrency default`, environment)
      expect(limited.stdout).toBe('tenant acme: concurrency default (was 8)\n')
      const nothing = await place.run('tenant limit acme', environment)
      expect([nothing.code, nothing.stderr.trim()]).toEqual([
        1,
        'tenantry: no limit is given: add --rate or --concurrency',
      ])
      const renamed = await place.run(
        'tenant rename acme --name "Acme Inc." --reason x',
        environment,
      )
      expect(renamed.stdout).toBe('tenant acme is now called "Acme Inc." (was "Acme")\n')
      const shown = await place.run('tenant show acme', environment)
      expect(shown.stdout).toMatch(/^name +Acme Inc\.$/m)
      expect(shown.stdout).toMatch(/^members +1$/m)
      const members = await place.run('user list --tenant acme', environment)
      expect(members.stdout).toMatch(/^ada@acme\.example +active +admin_tenant$/m)
      const listed = await place.run('tenant list --json', environment)
      expect(JSON.parse(listed.stdout)).toMatchObject([{ rate: 500, concurrency: null }])
      // The first rows of the app are made in the name of the owner.
      const jobs = await withClient(urls.admin, (admin) =>
        admin.query("select kind, actor_id, payload from tenantry.jobs where kind ~ '^projects'"),
      )
      const actor_id = JSON.parse(created.stdout).admin.id
      expect(jobs.rows).toEqual([{ kind: 'projects.welcome', actor_id, payload: {} }])
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
        { action: 'tenants.update', meta: { name: 'Acme Inc.', reason: 'x' } },
      ])
    })
  })

  test('a wrong command line is one line, and JSON for programs', async () => {
    const plain = await place.run('tenant create --name Mail --subdomain www')
    expect([plain.code, plain.stdout]).toEqual([1, ''])
    expect(plain.stderr).toMatch(/subdomain "www" is reserved, or looks like/)
    for (const [line, text] of [
      ['tenant show acme --jsn --json', "unknown option '--jsn'"],
      ['tenant show none --json', 'there is no tenant "none"'],
    ]) {
      const { code, stdout, stderr } = await place.run(line ?? '')
      expect([code, stdout, JSON.parse(stderr).error]).toEqual([
        1,
        '',
        expect.stringContaining(text ?? ''),
      ])
    }
  })

  test('a command names the embedded database that it worked on, apart from its output', async () => {
    expect(await place.run('tenant list --json')).toMatchObject({ code: 0, stderr: '' })
    const { stdout, stderr } = await place.run('tenant list')
    expect(stdout).not.toContain('database')
    expect(stderr).toMatch(/^database: .* \(embedded PostgreSQL, port \d+\)\n$/)
  })

  test('tenant brand sets and removes how mails look, and rejects what a mail cannot show', async () => {
    await onMigratedDatabase(async (urls) => {
      const { app: DB_URL, identity: DB_IDENTITY_URL, platform: DB_PLATFORM_URL } = urls
      const environment = { DB_URL, DB_IDENTITY_URL, DB_PLATFORM_URL }
      await withClient(urls.admin, (admin) =>
        admin.query(`insert into tenantry.tenants (id, name, subdomain, code)
          values (gen_random_uuid(), 'Acme', 'acme', 'ACME')`),
      )
      const brand = (more: string) => place.run(`tenant brand acme ${more}`, environment)
      expect((await brand('--color #0f766e --locale de --reply-to a@acme.example')).code).toBe(0)
      expect((await brand('--color none')).code).toBe(0)
      const logo = join(place.folder, 'logo.png')
      await writeFile(logo, testPng())
      expect((await brand(`--logo ${logo}`)).code).toBe(0)
      for (const file of ['missing.png', import.meta.filename]) {
        const wrong = await brand(`--logo ${file}`)
        expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('--logo: ')])
      }
      const { rows } = await withClient(urls.admin, (admin) =>
        admin.query(
          'select branding, media_type from tenantry.tenants left join tenantry.tenant_assets on true',
        ),
      )
      const branding = {
        locale: 'de',
        reply_to: 'a@acme.example',
        logo: { hash: expect.any(String), width: 64, height: 64 },
      }
      expect(rows).toEqual([{ branding, media_type: 'image/png' }])
      expect((await brand('--logo none')).code).toBe(0)
    })
  })
})
