import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withDatabase } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { findingText, lint } from '../../src/db/lint/lint.ts'
import { lintRules } from '../../src/db/lint/rules.ts'
import { readCompose } from '../deploy/compose_files.ts'
import {
  type DebianPostgres,
  findDebianPostgres,
  startDebianPostgres,
} from '../deploy/debian_postgres.ts'
import { makeWorkplace } from '../fixtures/cli.ts'
import { insertSample } from './sample_rows.ts'
import { schemaOf } from './schema_dump.ts'

const guide = readFileSync(join(import.meta.dirname, '../../../../docs/operating.md'), 'utf8')
const bin = findDebianPostgres()
const secrets = ['POSTGRES_PASSWORD', 'SECRET_KEY', 'BASE_DOMAIN']
const passwords = ['APP', 'IDENTITY', 'JOBS', 'OWNER', 'PLATFORM', 'BACKUP'].map(
  (it) => `DB_${it}_PASSWORD`,
)
const { services: composeServices } = readCompose(
  ['compose.yaml'],
  Object.fromEntries([...secrets, ...passwords].map((name) => [name, 'x'])),
)

// The embedded server comes without pg_dump, and a pg_dump of another version refuses it.
// A superuser's set-up revokes functions of pg_catalog, which a dump would otherwise contain.
describe.skipIf(bin === undefined).each(['provider', 'postgres'])(
  'OPS-4 the database that the guide backs up and restores, set up by %s',
  { timeout: 120_000 },
  (adminName) => {
    const administrator = (server: DebianPostgres) =>
      adminName === 'provider' ? providerOf(server) : appDatabase(server)

    // The administrator of Compose is a superuser; its services backup and restore are lines of their own.
    const isCompose = adminName === 'postgres'
    const place = makeWorkplace()
    let [from, to]: [DebianPostgres?, DebianPostgres?] = []
    let servers: { from: DebianPostgres; to: DebianPostgres }
    beforeAll(async () => {
      ;[from, to] = await Promise.all([
        startDebianPostgres(bin ?? ''),
        startDebianPostgres(bin ?? ''),
      ])
      servers = { from, to }
      // As a provider's administrator: no superuser.
      for (const { adminUrl } of [from, to]) {
        await withClient(adminUrl, (admin) =>
          admin.query("create role provider login createrole createdb password 'provider'"),
        )
      }
      const { code } = await setUp(from)
      expect(code).toBe(0)
      await withClient(appDatabase(from), async (admin) => {
        await insertSample(admin)
        await insertSample(admin)
      })
      place.write('.env.production.backup', `DB_BACKUP_URL=${dsns(from)['DB_BACKUP_URL']}\n`)
      await sh(
        isCompose ? composeLine('backup', from, '> app.dump') : blockAfter('## Backup', 'sh'),
        {},
      )
      expect((await setUp(to, '--no-migrate')).code).toBe(0)
      const restore = isCompose
        ? composeLine('restore', to, '< app.dump')
        : blockAfter('## Restore', 'sh', 2)
      await sh(restore, { DB_ADMIN_URL: administrator(to) })
    }, 240_000)
    afterAll(async () => {
      await place.remove()
      await Promise.all([from?.stop(), to?.stop()])
    })

    const setUp = (server: DebianPostgres, ...options: string[]) =>
      place.run(['setup', ...options].join(' '), {
        NODE_ENV: 'production',
        DB_ADMIN_URL: administrator(server),
        ...dsns(server),
      })

    function sh(line: string, environment: Record<string, string>) {
      const PATH = `${bin}:${process.env['PATH']}`
      const options = { cwd: place.folder, env: { PATH, ...environment } }
      return promisify(execFile)('sh', ['-ec', line], options)
    }

    test('has every row of every table', async () => {
      const [before, after] = [await hashes(servers.from), await hashes(servers.to)]
      expect(Object.keys(before).length).toBeGreaterThan(10)
      expect(after).toEqual(before)
    })

    test('has the same schema: privileges, policies, triggers and functions included', async () => {
      const [before, after] = [
        schemaOf(appDatabase(servers.from)),
        schemaOf(appDatabase(servers.to)),
      ]
      expect(await after).toEqual(await before)
    })

    test('is protected as before: the lint finds nothing, and no tenant means no row', async () => {
      const { DB_URL = '' } = dsns(servers.to)
      await withClient(DB_URL, async (app) => {
        expect((await lint(app, lintRules)).map(findingText)).toEqual([])
        expect((await app.query('select from projects')).rowCount).toBe(0)
        expect((await app.query('select from tenantry.members')).rowCount).toBe(0)
      })
    })

    test('passes the doctor, its migrations included', async () => {
      const { stdout } = await place.run('doctor', dsns(servers.to))
      expect(stdout).toMatch(/^ok +migrations +\d+ applied, none pending$/m)
      expect(stdout.match(/^FAIL .*$/gm)).toBeNull()
    })

    test('is not dumped by any role without --enable-row-security: rows would be missing', async () => {
      for (const DSN of Object.values(dsns(servers.from))) {
        await expect(sh('pg_dump --file=/dev/null "$DSN"', { DSN })).rejects.toThrow(
          /row-level security|permission denied/,
        )
      }
    })

    test('is dumped without a row of a tenant by the owner, as the guide warns', async () => {
      const { DB_OWNER_URL: DSN = '' } = dsns(servers.from)
      const dump = 'pg_dump --enable-row-security --data-only --table=projects "$DSN"'
      const rows = /^COPY public\.projects .*\n([\s\S]*?)\\\.$/m
      expect(rows.exec((await sh(dump, { DSN })).stdout)?.[1]).toBe('')
      const { DB_BACKUP_URL = '' } = dsns(servers.from)
      expect(rows.exec((await sh(dump, { DSN: DB_BACKUP_URL })).stdout)?.[1]).toMatch(/^(.*\n){2}$/)
    })
  },
)

const appDatabase = ({ adminUrl }: DebianPostgres) => withDatabase(adminUrl, 'app')

const providerOf = (server: DebianPostgres) =>
  Object.assign(new URL(appDatabase(server)), { username: 'provider', password: 'provider' }).href

/** What a service of compose.yaml runs, at this server: on its standard input or output. */
function composeLine(service: string, server: DebianPostgres, redirection: string): string {
  const { command = [], environment = {} } = composeServices[service] ?? {}
  const { hostname, port } = new URL(server.adminUrl)
  const isBackup = environment['PGUSER'] === 'tenantry_backup'
  const password = isBackup ? 'backup' : new URL(server.adminUrl).password
  const given = { ...environment, PGHOST: hostname, PGPORT: port, PGPASSWORD: password }
  const variables = Object.entries(given).map(([name, value]) => `export ${name}='${value}'`)
  return [...variables, `${command.join(' ')} ${redirection}`].join('\n')
}

function dsns(server: DebianPostgres): Record<string, string> {
  const dsn = (role: string) =>
    Object.assign(new URL(appDatabase(server)), { username: `tenantry_${role}`, password: role })
      .href
  return {
    DB_URL: dsn('app'),
    DB_IDENTITY_URL: dsn('identity'),
    DB_JOBS_URL: dsn('jobs'),
    DB_OWNER_URL: dsn('owner'),
    DB_PLATFORM_URL: dsn('platform'),
    DB_BACKUP_URL: dsn('backup'),
  }
}

/** The first block of this language after a heading of the guide, or block number `which`. */
function blockAfter(heading: string, language: string, which = 1): string {
  const section = guide.slice(guide.indexOf(`\n${heading}\n`))
  const blocks = [...section.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))]
  const [, block] = blocks[which - 1] ?? []
  if (block === undefined) throw new Error(`the guide has no such ${language} after ${heading}`)
  return block
}

/** A hash of each table's rows, independent of their order. */
function hashes(server: DebianPostgres): Promise<Record<string, string>> {
  return withClient(appDatabase(server), async (admin) => {
    const { rows: tables } = await admin.query<{ name: string }>(
      `select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace in
         ('tenantry'::regnamespace, 'public'::regnamespace)`,
    )
    const found: Record<string, string> = {}
    for (const { name } of tables) {
      const { rows } = await admin.query<{ row: string }>(`select t::text as row from ${name} t`)
      const sorted = rows.map(({ row }) => row).sort()
      found[name] = `${rows.length} ${createHash('sha256').update(sorted.join('\n')).digest('hex')}`
    }
    return found
  })
}
