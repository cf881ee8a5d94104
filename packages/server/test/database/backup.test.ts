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

// The embedded server comes without pg_dump, and a pg_dump of another version refuses it.
describe.skipIf(bin === undefined)(
  'OPS-4 the database that the guide backs up and restores',
  { timeout: 120_000 },
  () => {
    const place = makeWorkplace()
    const backupUrl = (server: DebianPostgres) =>
      Object.assign(new URL(appDatabase(server)), {
        username: 'tenantry_backup',
        password: 'secret',
      }).href
    let [from, to]: [DebianPostgres?, DebianPostgres?] = []
    let servers: { from: DebianPostgres; to: DebianPostgres }
    beforeAll(async () => {
      ;[from, to] = await Promise.all([
        startDebianPostgres(bin ?? ''),
        startDebianPostgres(bin ?? ''),
      ])
      servers = { from, to }
      const { code } = await setUp(from)
      expect(code).toBe(0)
      await withClient(appDatabase(from), async (admin) => {
        await insertSample(admin)
        await insertSample(admin)
        await admin.query(blockAfter('## Backup', 'sql'))
      })
      await sh(blockAfter('## Backup', 'sh'), { BACKUP_URL: backupUrl(from) })
      expect((await setUp(to, '--no-migrate')).code).toBe(0)
      await sh(blockAfter('## Restore', 'sh', 2), { DB_ADMIN_URL: appDatabase(to) })
    }, 240_000)
    afterAll(async () => {
      await place.remove()
      await Promise.all([from?.stop(), to?.stop()])
    })

    const setUp = (server: DebianPostgres, ...options: string[]) =>
      place.run(['setup', ...options].join(' '), {
        NODE_ENV: 'production',
        DB_ADMIN_URL: appDatabase(server),
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
      expect(stdout).toMatch(/^ok +migrations +5 applied, none pending$/m)
      expect(stdout.match(/^FAIL .*$/gm)).toBeNull()
    })

    test('is not dumped by any of the four roles: row-level security would leave rows out', async () => {
      for (const url of Object.values(dsns(servers.from))) {
        await expect(
          sh('pg_dump --file=/dev/null "$BACKUP_URL"', { BACKUP_URL: url }),
        ).rejects.toThrow(/row-level security|permission denied/)
      }
    })

    test('is dumped by a role that may change nothing', async () => {
      await withClient(backupUrl(servers.from), async (backup) => {
        expect((await backup.query('select from projects')).rowCount).toBe(2)
        const remove = backup.query('delete from projects')
        await expect(remove).rejects.toThrow(/permission denied|read-only/)
      })
    })
  },
)

const appDatabase = ({ adminUrl }: DebianPostgres) => withDatabase(adminUrl, 'app')

function dsns(server: DebianPostgres): Record<string, string> {
  const dsn = (role: string) =>
    Object.assign(new URL(appDatabase(server)), { username: `tenantry_${role}`, password: role })
      .href
  return {
    DB_URL: dsn('app'),
    DB_IDENTITY_URL: dsn('identity'),
    DB_OWNER_URL: dsn('owner'),
    DB_PLATFORM_URL: dsn('platform'),
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
