import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { App } from '../../define_app.ts'
import { accessFaults, accessTable, observeAccess } from './access.ts'
import { auditFaults } from './audit.ts'
import { isolationFaults } from './isolation.ts'
import { replyFaults } from './replies.ts'
import { lintFaults, schemaRecord, tenantlessFaults } from './schema.ts'
import { countStatements, statementTable } from './statements.ts'
import { createWorld, type SweepOptions, type World } from './world.ts'

/**
 * Registers the promises about the whole API as tests: every route and table of `app`, the kernel's
 * and its own, enters by itself. `records` is a folder for the tables that are committed: who may
 * call what, what a request costs, what the database enforces; `vitest run -u` writes them anew.
 */
export function sweep(app: App, options: SweepOptions & { records: URL }): void {
  const record = (name: string) => fileURLToPath(new URL(name, options.records))
  const inWorld = async <T>(work: (world: World) => Promise<T>): Promise<T> => {
    const world = await createWorld(app, options)
    return work(world).finally(world.close)
  }
  describe('every route and table', () => {
    test('lets in whom the policy lets in, and nobody else (AUTHZ-1)', () =>
      inWorld(async (world) => {
        const matrix = await observeAccess(world)
        expect(accessFaults(world, matrix)).toEqual([])
        await expect(accessTable(world, matrix)).toMatchFileSnapshot(record('access.md'))
      }))
    test("knows nothing of another tenant's (RLS-4, TEN-5, TEN-6)", async () => {
      expect(await inWorld(isolationFaults)).toEqual([])
    })
    test('costs the statements it is known to cost', () =>
      inWorld(async (world) => {
        const table = statementTable(world, await countStatements(world))
        await expect(table).toMatchFileSnapshot(record('statements.md'))
      }))
    test('answers as it is described (API-2)', async () => {
      expect(await inWorld(replyFaults)).toEqual([])
    })
    test('leaves its row in the audit log (AUD-1)', async () => {
      expect(await inWorld(auditFaults)).toEqual([])
    })
    test('passes the row-level security lint (RLS-1)', async () => {
      expect(await lintFaults(app)).toEqual([])
    })
    test('shows and takes nothing without a tenant (RLS-2)', async () => {
      expect(await tenantlessFaults(app)).toEqual([])
    })
    test('has the keys, policies and grants it is known to have (RLS-5, RLS-6, RLS-9)', async () => {
      await expect(await schemaRecord()).toMatchFileSnapshot(record('schema.md'))
    })
  })
}
