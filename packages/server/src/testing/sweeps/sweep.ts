import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { App } from '../../app/define_app.ts'
import { accessFaults, accessTable, probeAccess } from './access.ts'
import { accessChanges } from './access_changes.ts'
import { auditFaults } from './audit.ts'
import { type Check, unexcepted } from './exceptions.ts'
import { inputFaults } from './inputs/canaries.ts'
import { isolationFaults } from './isolation.ts'
import { lifecycleFaults } from './lifecycle.ts'
import { ownConnectionFaults } from './own_connections.ts'
import { planFaults } from './plans.ts'
import { publicReplyFaults, publicRowsTable } from './public_replies.ts'
import { raceFaults } from './races.ts'
import { replyFaults } from './replies.ts'
import { rowQueryFaults } from './row_queries.ts'
import { lintFaults, schemaRecord, tenantlessFaults } from './schema.ts'
import { secretFaults } from './secrets.ts'
import { countStatements, statementTable } from './statements.ts'
import { inFilledWorld } from './world/filled_database.ts'
import { createWorld, type SweepOptions, type World } from './world/world.ts'

// A sweep grows with the app, and is slow on a busy machine.
const SWEEP_MS = 300_000
const PLANS_MS = 600_000

type Options = SweepOptions & { records: URL }

/**
 * Registers tests of the whole API. They cover every route and table, the kernel's and those of `app`,
 * without being listed. `records` is a folder for committed tables: which caller may use which route, what a
 * request costs, and what the database enforces. `vitest run -u` rewrites them.
 */
export function sweep(app: App, options: Options): void {
  const inWorld = async <T>(work: (world: World) => Promise<T>): Promise<T> => {
    const settings = { LOG_LEVEL: 'debug', METRICS_PORT: '0', ...options.settings }
    const world = await createWorld(app, { ...options, settings })
    return work(world).finally(world.close)
  }
  const { record, rest } = expectations(options)
  describe('every route', { timeout: SWEEP_MS }, () => {
    test('admits exactly the callers that its access permits (AUTHZ-1)', () =>
      inWorld(async (world) => {
        const matrix = await probeAccess(world)
        expect(rest('access', accessFaults(world, matrix))).toEqual([])
        const table = [accessTable(world, matrix), ...(await publicRowsTable(world))].join('\n')
        await expectAccess(table, record('access.md'))
      }))
    test('neither shows nor changes anything of another tenant (RLS-4, TEN-5, TEN-6)', async () => {
      expect(rest('isolation', await inWorld(isolationFaults))).toEqual([])
    })
    test('sends its inputs as parameters, to no log and no other tenant (RLS-4, AUD-1)', async () => {
      expect(rest('inputs', await inWorld(inputFaults))).toEqual([])
    })
    test('shows no row to a client that is not signed in (TEN-1)', async () => {
      expect(rest('public', await inWorld(publicReplyFaults))).toEqual([])
    })
    test('sends as many statements as recorded', () =>
      inWorld(async (world) => {
        const table = statementTable(world, await countStatements(world))
        await expect(table).toMatchFileSnapshot(record('statements.md'))
      }))
    test('sends no statement for each row', async () => {
      expect(rest('statements', await rowQueryFaults(app, options))).toEqual([])
    })
    test('replies as the OpenAPI document describes (API-2)', async () => {
      expect(rest('replies', await inWorld(replyFaults))).toEqual([])
    })
    test('writes its row to the audit log (AUD-1)', async () => {
      expect(rest('audit', await inWorld(auditFaults))).toEqual([])
    })
    test('loses no change of two that race (API-6)', async () => {
      expect(rest('races', await inWorld(raceFaults))).toEqual([])
    })
    test('finds no deleted item, and a rejected create stores nothing (API-3)', async () => {
      expect(rest('lifecycle', await inWorld(lifecycleFaults))).toEqual([])
    })
    test('keeps secrets out of logs, metrics, rows, mails and replies (AUD-1, OPS-8)', async () => {
      expect(rest('secrets', await inWorld(secretFaults))).toEqual([])
    })
    test('queries the database only through the kernel (POOL-1)', async () => {
      expect(rest('connections', await inWorld(ownConnectionFaults))).toEqual([])
    })
  })
  describe('every table', { timeout: SWEEP_MS }, () => sweepTables(app, options))
}

// A difference of two tables is easily approved unread. The words say what it means.
async function expectAccess(table: string, path: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch(() => table)
  try {
    await expect(table).toMatchFileSnapshot(path)
  } catch (error) {
    const changes = accessChanges(before, table)
    if (changes.length === 0) throw error
    const words = ['access has changed:', ...changes, 'if that is meant: vitest run -u']
    throw new Error(words.join('\n'), { cause: error })
  }
}

function sweepTables(app: App, options: Options): void {
  const { record, rest } = expectations(options)
  const scale = { tenants: 200, rows: options.planRows ?? 500 }
  const at = `${scale.tenants} tenants x ${scale.rows} rows`
  test(
    `is read by an index that starts with the tenant, at ${at} (RLS-13)`,
    async () => {
      const faults = await inFilledWorld(app, options, scale, planFaults)
      expect(rest('plans', faults)).toEqual([])
    },
    PLANS_MS,
  )
  test('passes the row-level security lint (RLS-1)', async () => {
    expect(rest('lint', await lintFaults(app))).toEqual([])
  })
  test('shows and accepts no row without a tenant (RLS-2)', async () => {
    expect(rest('tenantless', await tenantlessFaults(app))).toEqual([])
  })
  test('has the keys, policies and grants as recorded (RLS-5, RLS-6, RLS-9)', async () => {
    await expect(await schemaRecord()).toMatchFileSnapshot(record('schema.md'))
  })
}

function expectations({ records, exceptions }: Options) {
  return {
    record: (name: string) => fileURLToPath(new URL(name, records)),
    rest: (check: Check, faults: string[]) => unexcepted(check, faults, exceptions),
  }
}
