import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import type { App } from '../../app/define_app.ts'
import { accessFaults, accessTable, hostFaults, probeAccess } from './access.ts'
import { accessChanges } from './access_changes.ts'
import { auditFaults } from './audit.ts'
import { type Check, unexcepted } from './exceptions.ts'
import { inputFaults } from './inputs/canaries.ts'
import { cookieFaults } from './inputs/cookies.ts'
import { listFaults } from './inputs/lists.ts'
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
import { createWorld, nameOf, type SweepOptions, type World } from './world/world.ts'

// A sweep grows with the app, and is slow on a busy machine.
const SWEEP_MS = 300_000
const PLANS_MS = 600_000

type Options = SweepOptions & { records: URL }

/**
 * Registers tests of the whole API. They cover every route and table, the kernel's and those of `app`,
 * without being listed. `records` is a folder for committed tables: which caller may use which route, what a
 * request costs, and what the database enforces. `npm test -- src/sweep -u` rewrites them.
 */
export function sweep(app: App, options: Options): void {
  const { inWorld, collect } = worldsOf(app, options)
  const { record, expectNone } = expectations(options)
  describe('every route', { timeout: SWEEP_MS }, () => {
    test('admits exactly the callers that its access permits (AUTHZ-1)', () =>
      inWorld(async (world) => {
        const matrix = await probeAccess(world)
        expectNone('access', [...accessFaults(world, matrix), ...(await hostFaults(world))])
        const table = [accessTable(world, matrix), ...(await publicRowsTable(world))].join('\n')
        await expectAccess(table, record('access.md'))
      }))
    test('accepts a session cookie only from a page of its own origin (SESS-8)', async () => {
      expectNone('cookies', await inWorld(cookieFaults))
    })
    test('neither shows nor changes anything of another tenant (RLS-4, TEN-5, TEN-6)', async () => {
      expectNone('isolation', await inWorld(isolationFaults))
    })
    test('sends its inputs as parameters, to no log and no other tenant (RLS-4, AUD-1)', async () => {
      expectNone('inputs', await inWorld(inputFaults))
    })
    test('shows no row to a client that is not signed in (TEN-1)', async () => {
      expectNone('public', await inWorld(publicReplyFaults))
    })
    test('lists each item once, in each order and with each filter (API-5)', async () => {
      expectNone('lists', await inWorld(listFaults))
    })
    test('sends as many statements as recorded', () =>
      inWorld(async (world) => {
        const table = statementTable(world, await countStatements(world))
        await expectRecord(table, record('statements.md'))
      }))
    test('sends no statement for each row', async () => {
      expectNone('statements', await rowQueryFaults(app, options, collect))
    })
    test('replies as the OpenAPI document describes (API-2)', async () => {
      expectNone('replies', await inWorld(replyFaults))
    })
    test('writes its row to the audit log (AUD-1)', async () => {
      expectNone('audit', await inWorld(auditFaults))
    })
    test('loses no change of two that race (API-6)', async () => {
      expectNone('races', await inWorld(raceFaults))
    })
    test('finds no deleted item, and a rejected create stores nothing (API-3)', async () => {
      expectNone('lifecycle', await inWorld(lifecycleFaults))
    })
    test('keeps secrets out of logs, metrics, rows, mails and replies (AUD-1, OPS-8)', async () => {
      expectNone('secrets', await inWorld(secretFaults))
    })
    test('queries the database only through the kernel (POOL-1)', async () => {
      expectNone('connections', await inWorld(ownConnectionFaults))
    })
  })
  describe('every table', { timeout: SWEEP_MS }, () => sweepTables(app, options))
}

/** Starts a world for each sweep, and reports at the end what the sweeps have not judged. */
function worldsOf(app: App, options: Options) {
  const unjudged = new Set<string>()
  const collect = (lines: Iterable<string>) => {
    for (const line of lines) unjudged.add(line)
  }
  afterAll(() => report(app, unjudged))
  async function inWorld<T>(work: (world: World) => Promise<T>): Promise<T> {
    const settings = { LOG_LEVEL: 'debug', METRICS_PORT: '0', ...options.settings }
    const world = await createWorld(app, { ...options, settings })
    return work(world)
      .finally(world.close)
      .finally(() => collect(world.unjudged))
  }
  return { inWorld, collect }
}

// Without this a reader takes a green run for a judgement of everything. An author cannot change the
// kernel's routes, which have tests of their own.
function report({ routes }: App, unjudged: ReadonlySet<string>): void {
  const isOwn = (line: string) => routes.some((it) => line.startsWith(`${nameOf(it)}:`))
  const lines = [...unjudged].filter(isOwn).sort()
  if (lines.length === 0) return
  const text = ['\nThe sweeps have not judged:', ...lines.map((it) => `  ${it}`), '']
  process.stdout.write(text.join('\n'))
}

// A difference of two tables is easily approved unread. The words say what it means.
async function expectAccess(table: string, path: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch(() => table)
  try {
    await expectRecord(table, path)
  } catch (error) {
    const changes = accessChanges(before, table)
    if (changes.length === 0) throw error
    const words = [
      'access has changed:',
      ...changes,
      'if that is meant, write the records: npm test -- src/sweep -u',
    ]
    throw withoutStack(new Error(words.join('\n'), { cause: error }))
  }
}

async function expectRecord(text: string, path: string): Promise<void> {
  await expect(text)
    .toMatchFileSnapshot(path)
    .catch((error: Error) => {
      throw withoutStack(error)
    })
}

// The frames are those of this package, and say nothing to the author of an app.
function withoutStack(error: Error): Error {
  error.stack = `${error.name}: ${error.message}`
  return error
}

function sweepTables(app: App, options: Options): void {
  const { record, expectNone } = expectations(options)
  const scale = { tenants: 200, rows: options.planRows ?? 500 }
  const at = `${scale.tenants} tenants x ${scale.rows} rows`
  test(
    `is read by an index that starts with the tenant, at ${at} (RLS-13)`,
    async () => {
      const faults = await inFilledWorld(app, options, scale, planFaults)
      expectNone('plans', faults)
    },
    PLANS_MS,
  )
  test('passes the row-level security lint (RLS-1)', async () => {
    expectNone('lint', await lintFaults(app))
  })
  test('shows and accepts no row without a tenant (RLS-2)', async () => {
    expectNone('tenantless', await tenantlessFaults(app))
  })
  test('has the keys, policies and grants as recorded (RLS-5, RLS-6, RLS-9)', async () => {
    await expectRecord(await schemaRecord(), record('schema.md'))
  })
}

function expectations({ records, exceptions }: Options) {
  return {
    record: (name: string) => fileURLToPath(new URL(name, records)),
    expectNone(check: Check, faults: string[]): void {
      const found = unexcepted(check, faults, exceptions)
      if (found.length > 0) throw withoutStack(new Error(found.join('\n')))
    },
  }
}
