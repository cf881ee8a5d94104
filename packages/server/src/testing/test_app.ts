import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pino } from 'pino'
import { inject } from 'vitest'
import { createPasswords, type Passwords } from '../access/passwords.ts'
import type { App } from '../app/define_app.ts'
import { type Config, loadConfig } from '../config/config.ts'
import type { PlatformDatabase } from '../db/tenancy.ts'
import type { InvalidationListener } from '../invalidation/listener.ts'
import type { Mail } from '../mail/mail.ts'
import type { OutgoingMail } from '../mail/outgoing_mail.ts'
import { addMember } from '../modules/members/members.ts'
import { createTenant, realmOfTenant } from '../modules/tenants/tenants.ts'
import { ensureUser } from '../modules/users/users.ts'
import { createAppParts } from '../runtime/app_parts.ts'
import { createApp, type RunningApp } from '../runtime/create_app.ts'
import { send, type TestReply, type TestRequest } from './http_client.ts'
import { recordStatements, type SentStatement } from './record_statements.ts'

/** A running app on the database of the test run. Each test creates its own tenants in it. */
export interface TestApp {
  port: number
  config: Config
  running: RunningApp
  database: PlatformDatabase
  listener: InvalidationListener
  /** The log lines of the app. */
  logLines: string[]
  makeTenant(options?: { name?: string }): Promise<TestTenant>
  /** Runs the jobs of a tenant that makeTenant did not create. */
  runJobsOf(tenantId: string): void
  /** The statements that `work` sends, without BEGIN, COMMIT and setting the tenant. */
  statementsOf(work: () => Promise<unknown>): Promise<SentStatement[]>
  send(host: string, request: TestRequest): Promise<TestReply>
  /** Waits until `count` mails to this address were caught. The newest is first. Throws after 15 s. */
  mailsTo(email: string, count?: number): Promise<OutgoingMail[]>
  close(): Promise<void>
}

export interface TestTenant {
  id: string
  subdomain: string
  host: string
  makeUser(options?: { roles?: string[]; email?: string; password?: string }): Promise<TestUser>
  /** Sends a request to this tenant's host, with the access token of `user` if one is given. */
  send(request: TestRequest & { user?: TestUser | undefined }): Promise<TestReply>
}

export interface TestUser {
  id: string
  email: string
  password: string
  /** The tokens of the user's first sign-in. Empty if it failed. */
  accessToken: string
  refreshToken: string
}

// Half the CPU time of the tests would be that of argon2id.
const QUICK = { memoryCost: 8, timeCost: 1 }
const SECRET = randomBytes(32).toString('base64')

/**
 * Starts `app` for the tests of one file. `settings` override the defaults of tests. A password costs little
 * to hash, unless `passwords` are given.
 */
export async function startTestApp(
  app: App,
  settings: Record<string, string> = {},
  passwords = createPasswords(QUICK),
): Promise<TestApp> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-test-app-'))
  const config = testConfig({ DATA_DIR: dataDir, ...settings })
  const logLines: string[] = []
  const log = pino({ level: config.LOG_LEVEL }, { write: (line) => logLines.push(line) })
  const listenUrl = config.DB_LISTEN_URL ?? inject('tenantryDatabase').app
  const parts = createAppParts(config, log, listenUrl, passwords)
  const { opened, listener, mail } = parts
  // Before anything connects: it records only connections that are opened after it.
  // Not the pool of the worker: it looks for jobs at any time, and no route causes that.
  const { jobs: _queue, ...pools } = opened.pools
  const statementsOf = recordStatements(pools)
  // A test may be about a database that cannot be reached: the kernel's own tables are known without it.
  await opened.loadTenantTables().catch(() => undefined)
  const secret = config.SECRET_KEY ?? SECRET
  // Test files share a database: each app runs the jobs of its own tenants.
  const tenants: string[] = []
  const running = await createApp({ app, config, secret, log, parts, workerTenants: () => tenants })
  listener.start()
  parts.replica?.start()
  running.worker?.start()
  await running.server.listen({ port: config.PORT, host: '127.0.0.1' })
  await untilFresh(listener)
  const { port } = running.server.server.address() as AddressInfo
  const database = withSync(listener, opened.database)
  const sendTo = (host: string, request: TestRequest) =>
    send(port, { ...request, headers: { host, ...request.headers } })
  const makers = { database, passwords, sendTo, finishBackground: running.finishBackground }
  return {
    port,
    config,
    running,
    database,
    listener,
    logLines,
    async makeTenant(options) {
      const tenant = await makeTenant(makers, options)
      tenants.push(tenant.id)
      return tenant
    },
    runJobsOf: (tenantId) => void tenants.push(tenantId),
    async statementsOf(work) {
      // What earlier requests left for later is not of this work.
      await running.settle()
      return statementsOf(work)
    },
    send: sendTo,
    mailsTo: (email, count = 1) => mailsTo(mail, email, count),
    async close() {
      await running.close()
      await listener.stop()
      await opened.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

// A test expects that the app sees immediately what the test wrote past it.
function withSync(listener: InvalidationListener, database: PlatformDatabase): PlatformDatabase {
  return {
    ...database,
    async acrossTenants(reason, work) {
      const result = await database.acrossTenants(reason, work)
      await listener.sync()
      return result
    },
  }
}

// Statements are counted on a warm server. A test with a broken listener waits for the whole time.
async function untilFresh(listener: InvalidationListener): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!listener.isFresh() && Date.now() < deadline) await setTimeout(5)
}

function testConfig(settings: Record<string, string>): Config {
  const { pooled, identityScope, ...direct } = inject('tenantryDatabase')
  const database = pooled ?? direct
  return loadConfig({
    NODE_ENV: 'test',
    PORT: '0',
    DB_URL: database.app,
    DB_IDENTITY_URL: database.identity,
    DB_PLATFORM_URL: database.platform,
    // Not where the settings name another database, in which the worker would find nothing.
    ...('DB_URL' in settings ? {} : { DB_JOBS_URL: database.jobs }),
    IDENTITY_SCOPE: identityScope,
    DB_PREPARED: pooled === undefined ? 'on' : 'off',
    BASE_DOMAINS: 'app.test,localhost',
    APP_HOST: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    DEFAULT_DEV_TENANT: 'public',
    // Nothing answers there: no test asks the DNS of the machine.
    DNS_SERVERS: '127.0.0.1:9',
    SECRET_KEY: SECRET,
    DB_POOL_MAX: '5',
    DB_IDENTITY_POOL_MAX: '3',
    REQUEST_WAIT_MS: '5000',
    SIGNIN_LIMIT_ADDRESS: '100000',
    RESET_LIMIT_ADDRESS: '100000',
    SIGN_UP_LIMIT_ADDRESS: '100000',
    SIGN_UP_PER_HOUR: '100000',
    TENANT_RATE: '100000',
    PUBLIC_RATE: '100000',
    // A test that counts mails does not count those of its sign-ins.
    NEW_DEVICE_MAIL: 'off',
    // Tests share few cores: a delayed event loop says nothing about the app.
    EVENT_LOOP_DELAY_MAX_MS: '60000',
    ...settings,
  })
}

async function mailsTo(mail: Mail, email: string, count: number): Promise<OutgoingMail[]> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const found = ((await mail.caught?.()) ?? []).filter((it) => it.to === email)
    if (found.length >= count) return found
    if (Date.now() > deadline)
      throw new Error(`caught ${found.length} mails to ${email} instead of ${count}`)
    await setTimeout(20)
  }
}

type SendTo = (host: string, request: TestRequest) => Promise<TestReply>

interface Makers {
  database: PlatformDatabase
  passwords: Passwords
  sendTo: SendTo
  finishBackground: () => Promise<void>
}

async function makeTenant(makers: Makers, options: { name?: string } = {}): Promise<TestTenant> {
  const subdomain = `t-${randomBytes(6).toString('hex')}`
  const host = `${subdomain}.app.test`
  const code = subdomain.toUpperCase().replace('-', '_')
  const id = await makers.database.acrossTenants('test', (db) =>
    createTenant(db, { name: options.name ?? `Tenant ${subdomain}`, subdomain, code }),
  )
  return {
    id,
    subdomain,
    host,
    makeUser: (options) => makeUser(makers, { id, host }, options),
    send: ({ user, ...request }) =>
      makers.sendTo(host, {
        ...request,
        headers: {
          ...(user === undefined ? {} : { authorization: `Bearer ${user.accessToken}` }),
          ...request.headers,
        },
      }),
  }
}

async function makeUser(
  { database, passwords, sendTo, finishBackground }: Makers,
  tenant: { id: string; host: string },
  options: { roles?: string[]; email?: string; password?: string } = {},
): Promise<TestUser> {
  const email = options.email ?? `u-${randomBytes(6).toString('hex')}@example.com`
  const password = options.password ?? 'correct horse battery'
  const password_hash = await passwords.hash(password)
  const id = await database.acrossTenants('test', async (db) => {
    // A known e-mail address adds the same user to one more tenant.
    const realm_id = await realmOfTenant(db, tenant.id)
    const user = await ensureUser(db, { email, full_name: 'Test User', realm_id, password_hash })
    await addMember(db, { tenant_id: tenant.id, user_id: user.id, roles: options.roles ?? [] })
    return user.id
  })
  const signedIn = await sendTo(tenant.host, {
    method: 'POST',
    path: '/api/auth/login',
    body: { email, password },
  })
  // Its attempt is refunded after the reply: a test that counts attempts begins without it.
  await finishBackground()
  const { access_token: accessToken = '', refresh_token: refreshToken = '' } = signedIn.json
  return { id, email, password, accessToken, refreshToken }
}
