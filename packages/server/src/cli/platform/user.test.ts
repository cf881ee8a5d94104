import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeWorkplace } from '../../../test/fixtures/cli.ts'
import { asAdmin, sharedDatabase } from '../../../test/fixtures/databases.ts'

const place = makeWorkplace()
const tenant = `t-${randomBytes(6).toString('hex')}`
const email = `${tenant}@example.com`
const { app, identity, platform } = sharedDatabase()
const environment = { DB_URL: app, DB_IDENTITY_URL: identity, DB_PLATFORM_URL: platform }

beforeAll(() =>
  asAdmin((admin) =>
    admin.query(
      'insert into tenantry.tenants (id, name, subdomain, code) values ($1, $2, $2, $3)',
      [randomUUID(), tenant, tenant.toUpperCase().replace('-', '_')],
    ),
  ),
)
afterAll(() => place.remove())

describe('tenantry user', { timeout: 90_000 }, () => {
  test('rejects an unknown role, and creates no user', async () => {
    const rejected = await run(`create --tenant ${tenant} --email ${email} --role owner`)
    expect(rejected.stderr).toBe(
      'tenantry: there is no role owner: use one of admin_tenant, manager, operator\n',
    )
    expect(rejected.code).toBe(1)
    const link = await run(`reset-link --tenant ${tenant} --email ${email}`)
    expect(link.stderr).toContain(`${email} is not a member of ${tenant}`)
    expect(link.code).toBe(1)
  })

  test('adds a member, prints a link to set a password, and creates no second user', async () => {
    const create = `create --tenant ${tenant} --email ${email} --name "Ann Lee" --role manager`
    const [first, link] = await runLines(`${create} --role operator`)
    expect(first).toBe(`created ${email}: now a member of ${tenant} (manager, operator)`)
    expect(link).toMatch(
      new RegExp(`^http://${tenant}\\.localhost:\\d+/reset-password#token=.{43}$`),
    )
    const [again] = await runLines(create)
    expect(again).toContain(' already exists: now a member')
    const [another] = await runLines(`reset-link --tenant ${tenant} --email ${email.toUpperCase()}`)
    expect(another).toContain('/reset-password#token=')
    expect(another).not.toBe(link)
  })
})

function run(command: string) {
  return place.run(`user ${command}`, environment)
}

/** The first and the last line of the output. */
async function runLines(command: string): Promise<[string | undefined, string | undefined]> {
  const { code, stdout, stderr } = await run(command)
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^(valid for 30 minutes\n)?$/)])
  const lines = stdout.trimEnd().split('\n')
  return [lines.at(0), lines.at(-1)]
}
