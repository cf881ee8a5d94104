import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { appWith, makeWorkplace } from '../../test/fixtures/cli.ts'
import { appMigrations, type DatabaseUrls, onEmptyDatabase } from '../../test/fixtures/databases.ts'
import { withClient } from '../db/connect/with_client.ts'

const place = makeWorkplace('./app.ts')
const migrations = join(place.folder, 'migrations')
beforeAll(() => {
  cpSync(appMigrations, migrations, { recursive: true })
  place.write('app.ts', appWith("migrations: new URL('./migrations', import.meta.url)"))
})
afterAll(() => place.remove())

describe('tenantry migrate', { timeout: 90_000 }, () => {
  test('applies, lists, repeats and reverts', async () => {
    await onEmptyDatabase(async (urls) => {
      const migrate = (command: string) => place.run(`migrate ${command}`, ownerOnly(urls))
      // Of two concurrent runs one waits for the other and finds nothing to do.
      const [one, two] = await Promise.all([migrate('up'), migrate('up')])
      expect([one.stderr, two.stderr, one.code, two.code]).toEqual(['', '', 0, 0])
      const output = one.stdout + two.stdout
      expect(output.match(/^kernel 0001_tenancy$/gm)).toHaveLength(1)
      expect(output.match(/^app 0001_projects$/gm)).toHaveLength(1)
      expect(output).toContain('nothing is pending')

      expect((await migrate('redo')).stdout).toBe('app 0001_projects\n')
      expect(JSON.parse((await migrate('down --json')).stdout)).toEqual({
        reverted: ['app 0001_projects'],
      })
      expect((await migrate('status')).stdout).toMatch(
        /^HISTORY +MIGRATION +STATE\nkernel +0001_tenancy +applied\n[\s\S]*app +0001_projects +pending\n$/,
      )
    })
  })

  test('a failed migration is named and rolled back', async () => {
    await onEmptyDatabase(async (urls) => {
      const broken = join(migrations, '0002_broken.up.sql')
      writeFileSync(broken, 'create table half (id int); select nothing from nowhere;')
      const { code, stderr } = await place.run('migrate up', ownerOnly(urls))
      rmSync(broken)
      expect(code).toBe(1)
      expect(stderr).toMatch(
        /^tenantry: migration 0002_broken\.up\.sql of the app failed: relation "nowhere" does not exist; .*\n$/,
      )
      const left = await withClient(urls.owner, (owner) =>
        owner.query("select from pg_class where relname = 'half'"),
      )
      expect(left.rowCount).toBe(0)
    })
  })
})

function ownerOnly({ owner }: DatabaseUrls): Record<string, string> {
  return { DB_OWNER_URL: owner }
}
