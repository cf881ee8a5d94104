import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeWorkplace, type Workplace } from '../../../test/fixtures/cli.ts'
import { asAdmin, asRole, sharedDatabase } from '../../../test/fixtures/databases.ts'

const { app, identity, platform } = sharedDatabase()
const environment = { DB_URL: app, DB_IDENTITY_URL: identity, DB_PLATFORM_URL: platform }
const id = randomUUID()
const tenant = `t-${randomBytes(6).toString('hex')}`
const [owner, manager, invited] = [`o@${tenant}.test`, `m@${tenant}.test`, `i@${tenant}.test`]

let place: Workplace
beforeAll(async () => {
  place = makeWorkplace()
  await asAdmin((admin) =>
    admin.query(
      'insert into tenantry.tenants (id, name, subdomain, code) values ($1, $2, $2, $3)',
      [id, tenant, tenant.toUpperCase().replaceAll('-', '_')],
    ),
  )
  await place.run(
    `user create --tenant ${tenant} --email ${owner} --role admin_tenant`,
    environment,
  )
  await place.run(`user create --tenant ${tenant} --email ${manager} --role manager`, environment)
}, 60_000)
afterAll(() => place.remove())

const run = (command: string) => place.run(`invitation ${command}`, environment)

test('tenantry invitation creates, lists, delivers and revokes, and records each', {
  timeout: 120_000,
}, async () => {
  const common = `--tenant ${tenant} --email ${invited}`
  const made = await run(
    `create ${common} --role manager --name "Ann Lee" --message "Welcome" --locale de --as ${owner} --json`,
  )
  expect([made.code, made.stderr]).toEqual([0, ''])
  expect(JSON.parse(made.stdout)).toMatchObject({
    email: invited,
    roles: ['manager'],
    deliveries: 1,
  })
  expect(made.stdout).not.toMatch(/token|auth\//)
  const again = await run(`create ${common} --as ${owner}`)
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('invitation')])
  const listed = await run(`list --tenant ${tenant}`)
  expect(listed.stdout).toMatch(new RegExp(`${invited} +open +manager +${owner}`))
  const more = await run(`deliver ${common} --as ${owner}`)
  expect(more.stdout).toContain(`a new link for ${invited} is on its way`)
  expect((await run(`revoke ${common}`)).stdout).toBe(`the invitation of ${invited} is revoked\n`)
  const gone = await run(`revoke ${common} --json`)
  expect(gone.code).toBe(1)
  expect(JSON.parse(gone.stderr).error).toContain(`there is no invitation of ${invited}`)
  const { rows } = await asRole('platform', (it) =>
    it.query(
      `select action, actor_id, meta ->> 'reason' like 'tenantry invitation %' as has_reason
       from tenantry.audit_logs where tenant_id = $1 and entity = 'invitations' order by id`,
      [id],
    ),
  )
  expect(rows).toEqual(
    ['create', 'deliver', 'revoke'].map((verb) => ({
      ...{ action: `invitations.${verb}`, actor_id: null, has_reason: true },
    })),
  )
})

test('tenantry invitation gives no more than the member holds, and names what is wrong', {
  timeout: 120_000,
}, async () => {
  const create = (more: string) => run(`create --tenant ${tenant} --email x@${tenant}.test ${more}`)
  const above = await create(`--role admin_tenant --as ${manager}`)
  expect([above.code, above.stderr]).toEqual([1, expect.stringContaining('You do not hold')])
  const stranger = await create(`--as nobody@${tenant}.test`)
  expect(stranger.stderr).toContain(`nobody@${tenant}.test is no active member of ${tenant}`)
  const unknown = await create(`--role emperor --as ${owner}`)
  expect([unknown.code, unknown.stderr]).toEqual([
    1,
    expect.stringContaining('there is no role emperor: use one of'),
  ])
  const address = await run(`create --tenant ${tenant} --email nonsense --as ${owner}`)
  expect(address.stderr).toContain('email must be an e-mail address')
})
