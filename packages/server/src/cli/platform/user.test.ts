import { randomBytes, randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeWorkplace } from '../../../test/fixtures/cli.ts'
import { asAdmin, sharedDatabase } from '../../../test/fixtures/databases.ts'

const place = makeWorkplace()
const tenant = `t-${randomBytes(6).toString('hex')}`
const another = `${tenant}-b`
const email = `${tenant}@example.com`
const { app, identity, platform } = sharedDatabase()
const environment = { DB_URL: app, DB_IDENTITY_URL: identity, DB_PLATFORM_URL: platform }

beforeAll(() =>
  asAdmin(async (admin) => {
    for (const it of [tenant, another]) {
      await admin.query(
        'insert into tenantry.tenants (id, name, subdomain, code) values ($1, $2, $2, $3)',
        [randomUUID(), it, it.toUpperCase().replaceAll('-', '_')],
      )
    }
  }),
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

  test('adds a member, prints a link to set a password, and creates no second user (AUTHN-11)', async () => {
    const create = `create --tenant ${tenant} --email ${email} --name "Ann Lee" --role manager`
    const [first, link] = await runLines(`${create} --role operator`)
    expect(first).toBe(`created ${email}: now a member of ${tenant} (manager, operator)`)
    expect(link).toMatch(
      new RegExp(`^http://${tenant}\\.localhost:\\d+/auth/reset-password#token=.{43}$`),
    )
    const [again] = await runLines(create)
    expect(again).toContain(' already exists: now a member')
    const [printed] = await runLines(`reset-link --tenant ${tenant} --email ${email.toUpperCase()}`)
    expect(printed).toContain('/auth/reset-password#token=')
    expect(printed).not.toBe(link)
  })

  test('disables and deletes a person, except the last owner of a tenant', async () => {
    const owner = `o-${email}`
    await run(`create --tenant ${tenant} --email ${owner} --role admin_tenant`)
    const kept = await run(`disable --email ${owner}`)
    expect(kept.stderr).toBe(
      `tenantry: ${tenant} would have no member left with all permissions: first make another ` +
        'person an owner (tenantry user create --tenant ... --role ...); to stop all access to a ' +
        'tenant immediately, use tenantry tenant suspend\n',
    )
    expect(kept.code).toBe(1)
    await run(`create --tenant ${tenant} --email second-${email} --role admin_tenant`)
    const disabled = await run(`disable --email ${owner} --json`)
    expect(JSON.parse(disabled.stdout)).toEqual({
      email: owner,
      outcome: 'disabled',
      tenants: [tenant],
    })
    const asked = await run(`delete --email ${owner}`)
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining(`member of ${tenant}.`)])
    expect((await run(`enable --email ${owner}`)).stdout).toContain('is enabled')
    expect((await run(`delete --email ${owner} --yes`)).stdout).toContain('is deleted')
    expect(await acts(tenant)).toEqual(['users.disable', 'users.enable', 'users.delete'])
  })

  test('mails the link where a password was voided, and prints it if no server accepts the mail', async () => {
    const { port, mails, stop } = await startSmtp()
    const smtp = { SMTP_URL: `smtp://127.0.0.1:${port}`, MAIL_FROM: 'a@app.test' }
    const person = `p-${email}`
    const create = (at: string) => `user create --tenant ${at} --email ${person}`
    const first = await place.run(create(tenant), { ...environment, ...smtp })
    expect(first.stdout).toContain('#token=')
    expect(mails).toEqual([])
    const added = await place.run(create(another), { ...environment, ...smtp })
    expect([added.code, added.stderr]).toEqual([0, ''])
    expect(added.stdout).toContain('The earlier password is void in all tenants')
    expect(added.stdout).toContain(`A mail with a link to set a new one was sent to ${person}.`)
    expect(added.stdout).not.toContain('token=')
    expect(mails).toEqual([
      expect.stringMatching(/was never verified[\s\S]*reset-password#token=3D/),
    ])
    expect(await channels(person)).toEqual(['mail'])
    await asAdmin((admin) =>
      admin.query(
        `delete from tenantry.members where tenant_id = (
           select id from tenantry.tenants where subdomain = $1)`,
        [another],
      ),
    )
    await stop()
    const printed = await place.run(create(another), { ...environment, ...smtp })
    expect(printed.stderr).toContain(`The mail to ${person} was not sent, so a link is printed`)
    expect(printed.stdout).toContain('#token=')
    expect(await channels(person)).toEqual(['hand'])
  })
})

describe('tenantry mail test', { timeout: 90_000 }, () => {
  const line = `mail test --to ${email}`
  const from = { MAIL_FROM: 'App <a@app.test>', MAIL_REPLY_TO: 'help@app.test' }
  const smtp = (port: number, user = '') => ({
    ...from,
    SMTP_URL: `smtp://${user}127.0.0.1:${port}`,
  })
  const rejection = (responseCode: number, text: string) =>
    Object.assign(new Error(text), { responseCode })

  test('sends one mail, and prints what the mail server replied', async () => {
    const { port, mails } = await startSmtp()
    const sent = await place.run(line, smtp(port))
    expect(sent).toMatchObject({ code: 0, stderr: '' })
    expect(sent.stdout).toMatch(
      /^smtp:\/\/127\S+ accepted a mail to \S+, from App <a@app\.test>: 250 /,
    )
    expect(mails).toEqual([expect.stringMatching(/^Subject: Test mail of /m)])
    expect(mails[0]).toMatch(/^Reply-To: help@app\.test\r$/m)
    const json = await place.run(`${line} --json`, smtp(port))
    const { message, ...printed } = JSON.parse(json.stdout)
    expect(printed).toMatchObject({ to: email, from: from.MAIL_FROM, reply_to: from.MAIL_REPLY_TO })
    expect(printed.reply).toMatch(/^250 /)
    expect(mails[1]).toContain(`<${message}@app.test>`)
  })

  test('says what is wrong, and what to do', async () => {
    const refused = await startSmtp({
      onRcptTo: ({ address }, _, done) => done(rejection(550, `5.7.1 no relay to ${address}`)),
    })
    const sender = await startSmtp({ onMailFrom: (_, __, done) => done(rejection(553, 'not you')) })
    const busy = await startSmtp({ onConnect: (_, done) => done(rejection(421, 'not now')) })
    const closed = await startSmtp({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: (_, __, done) => done(rejection(535, '5.7.8 wrong')),
    })
    const plain = smtp(refused.port)
    const cases: [Record<string, string>, RegExp][] = [
      [plain, /550 5\.7\.1 no relay to .*\): it refuses the recipient/],
      [smtp(sender.port), /553 not you.*\): set MAIL_FROM/],
      [smtp(busy.port), /421 not now.*\): it refuses only for now/],
      [smtp(closed.port, 'ann:hush@'), /535 5\.7\.8 wrong.*\): correct user and password/],
      [{ ...from, SMTP_URL: `${plain.SMTP_URL}?requireTLS=true` }, /\): it needs TLS/],
      [{ ...from, SMTP_URL: plain.SMTP_URL.replace('smtp:', 'smtps:') }, /\): it needs TLS/],
      [smtp(1), /ECONNREFUSED.*\): correct host and port/],
      [{}, /SMTP_URL is not set: mail is stored under DATA_DIR, shown at/],
      [{ NODE_ENV: 'production' }, /SMTP_URL is not set: no mail is sent; set it/],
    ]
    const outcomes = await Promise.all(cases.map(([settings]) => place.run(line, settings)))
    expect(outcomes).toEqual(
      cases.map(([, expected]) => ({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(expected),
      })),
    )
    expect(JSON.stringify(outcomes)).not.toContain('hush')
  })

  test('takes one plain address', async () => {
    const { code, stderr } = await place.run('mail test --to Ann')
    expect([code, stderr]).toEqual([1, expect.stringContaining('It must be one e-mail address;')])
  })
})

function run(command: string) {
  return place.run(`user ${command}`, environment)
}

/** What the tenant's log has of acts on persons. */
async function acts(subdomain: string): Promise<string[]> {
  const { rows } = await asAdmin((admin) =>
    admin.query<{ action: string }>(
      `select action from tenantry.audit_logs l join tenantry.tenants t on t.id = l.tenant_id
       where t.subdomain = $1 and action ~ '^users[.]' order by l.id`,
      [subdomain],
    ),
  )
  return rows.map((it) => it.action)
}

async function channels(address: string): Promise<string[]> {
  const { rows } = await asAdmin((admin) =>
    admin.query<{ channel: string }>(
      `select channel from tenantry.single_use_secrets s join tenantry.users u on u.id = s.user_id
       where u.email = $1 and s.credentials_epoch = u.sessions_valid_from`,
      [address],
    ),
  )
  return rows.map((it) => it.channel)
}

/** An SMTP server that keeps what it receives. */
async function startSmtp(options: SMTPServerOptions = {}) {
  const mails: string[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    ...options,
    onData(stream, _, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        mails.push(Buffer.concat(chunks).toString())
        done()
      })
    },
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()))
  onTestFinished(stop)
  return { port: (server.server.address() as AddressInfo).port, mails, stop }
}

/** The first and the last line of the output. */
async function runLines(command: string): Promise<[string | undefined, string | undefined]> {
  const { code, stdout, stderr } = await run(command)
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^(valid for 30 minutes\n)?$/)])
  const lines = stdout.trimEnd().split('\n')
  return [lines.at(0), lines.at(-1)]
}
