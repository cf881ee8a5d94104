import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { OperatorError } from '../../lib/operator_error.ts'

const CONCURRENTLY = /\bconcurrently\b/i
const NAME = '([\\w."]+)'
const CREATES = new RegExp(
  `^create\\s+(?:unique\\s+)?index\\s+concurrently\\s+if\\s+not\\s+exists\\s+${NAME}\\s+on\\s+(?:only\\s+)?${NAME}`,
  'i',
)
const DROPS = /^drop\s+index\s+concurrently\s+if\s+exists\b/i

/** Whether a migration runs outside a transaction, because it uses CONCURRENTLY. */
export function isConcurrent(sql: string): boolean {
  return CONCURRENTLY.test(withoutComments(sql))
}

/** The same for a migration's file. A missing file does not. */
export async function isConcurrentFile(path: string): Promise<boolean> {
  return isConcurrent(await readFile(path, 'utf8').catch(() => ''))
}

/**
 * Rejects a migration with CONCURRENTLY that cannot be repeated after a failure. Outside a transaction
 * nothing is rolled back, so the migration must be a single statement that tolerates an earlier run.
 */
export async function assertRepeatable(folder: string, pending: readonly string[]): Promise<void> {
  const faults: string[] = []
  for (const name of pending) {
    const statements = await statementsOf(folder, name)
    if (!statements.some((it) => CONCURRENTLY.test(it))) continue
    const [first = '', ...others] = statements
    if (others.length === 0 && (CREATES.test(first) || DROPS.test(first))) continue
    faults.push(
      `${name}.up.sql: CONCURRENTLY runs outside a transaction: move it to a migration of its own, as ` +
        '"create index concurrently if not exists" or "drop index concurrently if exists"',
    )
  }
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
}

/** Drops the invalid indexes that an interrupted run of these migrations has left. */
export async function dropUnfinished(
  client: pg.ClientBase,
  folder: string,
  pending: readonly string[],
): Promise<void> {
  for (const migration of pending) {
    const [statement = ''] = await statementsOf(folder, migration)
    const [, name, table = ''] = CREATES.exec(statement) ?? []
    if (name === undefined) continue
    for (const index of await invalidIndexes(client)) {
      if (index.name !== unqualified(name) || index.table !== unqualified(table)) continue
      await client.query(`drop index concurrently ${index.path}`)
    }
  }
}

export interface InvalidIndex {
  name: string
  table: string
  /** The name in SQL, with schema and quotes. */
  path: string
}

/** Indexes that an interrupted CREATE INDEX left: writes maintain them, but no query uses them. */
export async function invalidIndexes(client: pg.ClientBase | pg.Pool): Promise<InvalidIndex[]> {
  const { rows } = await client.query<{ schema: string; name: string; table: string }>(`
    select n.nspname as schema, c.relname as name, t.relname as table
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
    join pg_namespace n on n.oid = c.relnamespace
    where not i.indisvalid and n.nspname in ('tenantry', 'public') and c.relkind = 'i'
    and not exists (select from pg_stat_progress_create_index p where p.index_relid = c.oid)
    order by 1, 2`)
  return rows.map(({ schema, name, table }) => ({
    name,
    table,
    path: `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`,
  }))
}

async function statementsOf(folder: string, migration: string): Promise<string[]> {
  const sql = await readFile(join(folder, `${migration}.up.sql`), 'utf8')
  return withoutComments(sql)
    .split(';')
    .map((it) => it.trim())
    .filter((it) => it !== '')
}

function withoutComments(sql: string): string {
  return sql.replaceAll(/--.*$|\/\*[\s\S]*?\*\//gm, ' ').replaceAll(/'(?:[^']|'')*'/g, "''")
}

/** `projects` for `public."projects"`. An index is always in the schema of its table. */
function unqualified(name: string): string {
  const last = name.split('.').at(-1) ?? ''
  return last.startsWith('"') ? last.replaceAll('"', '') : last.toLowerCase()
}
