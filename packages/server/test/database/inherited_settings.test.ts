import pg from 'pg'
import { expect, test } from 'vitest'
import { databaseOf } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { assertServingRoles } from '../../src/db/lint/boot_check.ts'
import { findingText, lint } from '../../src/db/lint/lint.ts'
import { rulesFor } from '../../src/db/lint/rules.ts'
import { histories, migrateUp } from '../../src/db/migrations/migrate.ts'
import { inheritedSettings } from '../../src/db/provisioning/role_settings.ts'
import { startTestApp, type TestApp, type TestRequest } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import {
  appMigrations,
  asAdmin,
  type DatabaseUrls,
  onEmptyDatabase,
  onMigratedDatabase,
} from '../fixtures/databases.ts'
import { otherValue, type ServerSetting, settableSettings } from '../fixtures/other_settings.ts'

const replies = async (api: TestApp): Promise<string[]> => {
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  expect(user.accessToken).not.toBe('')
  const found: string[] = []
  const ask = async (method: string, path: string, body?: unknown) => {
    const request: TestRequest = { method, path, ...(body === undefined ? {} : { body }) }
    const reply = await tenant.send({ ...request, user })
    found.push(`${method} ${path.replace(/cursor=.*/, 'cursor')} ${reply.status} ${reply.text}`)
    return reply.json
  }
  const { id } = await ask('POST', '/api/projects', { name: '日本語 \\ "a"', due_on: '2026-03-02' })
  await ask('POST', '/api/projects', { name: 'null' })
  await ask('POST', '/api/projects', { name: 'null' })
  await ask('POST', '/api/projects', { name: '' })
  const { next_cursor } = await ask('GET', '/api/projects?sort=due_on,-name&limit=1&count=true')
  await ask('GET', `/api/projects?sort=due_on,-name&limit=1&cursor=${next_cursor}`)
  const newest = await ask('GET', '/api/projects?sort=-created_at&limit=1')
  await ask('GET', `/api/projects?sort=-created_at&cursor=${newest.next_cursor}`)
  await ask('GET', '/api/projects?due_on=2026-03-02&q=N')
  await ask('PATCH', `/api/projects/${id}`, { description: "it's" })
  await ask('GET', `/api/projects/${id}`)
  await ask('DELETE', `/api/projects/${id}`)
  await ask('GET', `/api/projects/${id}`)
  await ask('POST', '/api/roles', { name: 'reader', permissions: ['projects:read'] })
  for (const list of ['roles', 'members', 'sessions', 'audit-logs']) {
    await ask('GET', `/api/${list}?count=true`)
  }
  await ask('GET', '/api/auth/me')
  const text = found
    .join('\n')
    .replaceAll(user.email, 'EMAIL')
    .replaceAll(tenant.subdomain, 'TENANT')
  return withoutIds(text).split('\n')
}

function withoutIds(text: string): string {
  const ids = new Map<string, string>()
  return (
    text
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, (id) => {
        if (!ids.has(id)) ids.set(id, `id ${ids.size}`)
        return ids.get(id) ?? ''
      })
      // The expiry of a session is 90 days from now.
      .replaceAll(/"\d{4}-[^"]+Z"/g, (time) => {
        const days = (Date.parse(JSON.parse(time)) - Date.now()) / 86_400_000
        return `${days.toFixed(2)} days from now`
      })
      .replaceAll(/"next_cursor":"[^"]+"/g, '"next_cursor":"…"')
  )
}

function settingsOf(urls: DatabaseUrls): Record<string, string> {
  const { app: DB_URL, identity: DB_IDENTITY_URL, jobs: DB_JOBS_URL } = urls
  const { platform: DB_PLATFORM_URL } = urls
  return { DB_URL, DB_IDENTITY_URL, DB_JOBS_URL, DB_PLATFORM_URL, DB_LISTEN_URL: DB_IDENTITY_URL }
}

// From another database: a time limit of this one would end the statement.
function setOthers(place: string): Promise<string[]> {
  return asAdmin((admin) => alterAll(admin, place))
}

async function alterAll(admin: pg.Client, place: string): Promise<string[]> {
  const { rows } = await admin.query<ServerSetting>(settableSettings)
  const set: string[] = []
  for (const setting of rows) {
    const value = otherValue(setting)
    if (value === undefined) continue
    const text = setting.name === 'search_path' ? value : pg.escapeLiteral(value)
    await admin.query(`alter ${place} set ${setting.name} = ${text}`)
    set.push(setting.name)
  }
  return set
}

// At the level of a role in general PostgreSQL lets the database have less say, so it needs no test of its own.
test('no setting of a database or a role changes migrations, the lint or a reply', () =>
  onEmptyDatabase(async (urls) => {
    const name = databaseOf(urls.app)
    const set = await setOthers(`database ${name}`)
    expect(set.length).toBeGreaterThan(55)
    await migrateUp(urls.owner, histories(appMigrations))
    const [plain, other] = [await startTestApp(app), await startTestApp(app, settingsOf(urls))]
    try {
      const expected = await replies(plain)
      expect(await replies(other)).toEqual(expected)
      await withClient(urls.app, async (client) => {
        expect((await lint(client, rulesFor(app))).map(findingText)).toEqual([])
        expect(await inheritedSettings(client)).toEqual([])
      })
      await setOthers(`role tenantry_app in database ${name}`)
      const again = await startTestApp(app, settingsOf(urls))
      expect(await replies(again).finally(() => again.close())).toEqual(expected)
      const lines = [...other.logLines, ...again.logLines]
      expect(lines.filter((line) => JSON.parse(line).level > 30)).toEqual([])
    } finally {
      await Promise.all([plain.close(), other.close()])
    }
  }))

test('a server does not start where triggers do not run, and doctor names a read-only database', () =>
  onMigratedDatabase(async (urls) => {
    const name = databaseOf(urls.app)
    const set = (setting: string) =>
      withClient(urls.admin, (admin) => admin.query(`alter database ${name} set ${setting}`))
    const { app: url, backup } = urls
    const check = () =>
      assertServingRoles([
        { setting: 'DB_URL', url, accepted: ['app'], connect: (work) => withClient(url, work) },
      ])
    expect(await check()).toEqual(['tenantry_app'])
    await set('session_replication_role = replica')
    await expect(check()).rejects.toThrow(
      `DB_URL: session_replication_role is "replica": triggers do not run`,
    )
    await set('default_transaction_read_only = on')
    expect(await withClient(url, inheritedSettings)).toEqual([
      expect.stringContaining('default_transaction_read_only is "on" by the level "database"'),
    ])
    expect(await withClient(backup, inheritedSettings)).toEqual([])
  }))
