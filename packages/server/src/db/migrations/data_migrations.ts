import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { OperatorError } from '../../lib/operator_error.ts'

/**
 * Rejects data migrations that read or change rows of a tenant table under FORCE ROW LEVEL SECURITY. There
 * the owner sees no rows, so the migration would "succeed" without any effect. Throws an OperatorError
 * with a line for each fault.
 */
export async function assertDataMigrations(
  client: pg.ClientBase,
  folder: string,
  pending: readonly string[],
): Promise<void> {
  const forced = await forcedTables(client)
  const faults: string[] = []
  for (const name of pending) {
    const file = `${name}.up.sql`
    const sql = await readFile(join(folder, file), 'utf8')
    faults.push(...dataMigrationFaults(sql, forced).map((fault) => `${file}: ${fault}`))
  }
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
}

/** The faults of one migration. `forced` holds the tables under FORCE; the call updates it. */
export function dataMigrationFaults(sql: string, forced: Set<string>): string[] {
  const lifted = new Set<string>()
  const faults = new Set<string>()
  for (const statement of statementsOf(sql)) {
    applyForce(statement, forced, lifted)
    for (const table of tablesOfWrite(statement)) if (forced.has(table)) faults.add(unlifted(table))
  }
  for (const table of lifted) faults.add(`add "${alter(table)}" at its end`)
  return [...faults]
}

async function forcedTables(client: pg.ClientBase): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(`
    select n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relforcerowsecurity`)
  return new Set(rows.map(({ name }) => tableName(name)))
}

// Removes the bodies of functions, which do not run now (those of DO do), and strings, except for the
// argument of make_tenant_table.
function statementsOf(sql: string): string[] {
  return sql
    .replaceAll(/--.*$|\/\*[\s\S]*?\*\//gm, ' ')
    .replaceAll(/\bas\s+(\$\w*\$)[\s\S]*?\1/gi, ' ')
    .replaceAll(/(make_tenant_table\(\s*)'([^']*)'/gi, '$1$2')
    .replaceAll(/'(?:[^']|'')*'/g, "''")
    .split(';')
}

const NAME = '(?:only\\s+)?([\\w."]+)'
const CREATED = new RegExp(`make_tenant_table\\(\\s*${NAME}`, 'i')
const ALTERED = new RegExp(`\\balter\\s+table\\s+(?:if\\s+exists\\s+)?${NAME}`, 'i')
const LIFTS = /\b(no\s+force|disable)\s+row\s+level\s+security/i
const FORCES = /\bforce\s+row\s+level\s+security/i

function applyForce(statement: string, forced: Set<string>, lifted: Set<string>): void {
  const created = CREATED.exec(statement)?.[1]
  if (created !== undefined) forced.add(tableName(created))
  const altered = ALTERED.exec(statement)?.[1]
  if (altered === undefined) return
  const table = tableName(altered)
  if (LIFTS.test(statement)) {
    if (forced.delete(table)) lifted.add(table)
  } else if (FORCES.test(statement)) {
    forced.add(table)
    lifted.delete(table)
  }
}

const UPDATED = `\\bupdate\\s+${NAME}(?:\\s+(?:as\\s+)?\\w+)?\\s+set\\b`
const WRITES = new RegExp(
  `${UPDATED}|\\b(insert|merge)\\s+into\\b|\\bdelete\\s+from\\b|\\btable\\s+[\\w."]+\\s+as\\b`,
  'i',
)
const TABLES = new RegExp(`${UPDATED}|\\b(?:from|join|using|merge\\s+into)\\s+${NAME}`, 'gi')

// Ignores INSERT ... VALUES: for the owner it fails, and does not do nothing.
function tablesOfWrite(statement: string): string[] {
  if (!WRITES.test(statement)) return []
  return [...statement.matchAll(TABLES)].map(([, updated, other]) =>
    tableName(updated ?? other ?? ''),
  )
}

function tableName(written: string): string {
  return written
    .replaceAll('"', '')
    .toLowerCase()
    .replace(/^public\./, '')
}

function unlifted(table: string): string {
  return (
    `under FORCE ROW LEVEL SECURITY the owner sees no rows of ${table}, so this has no effect: ` +
    `put "${alter(table, 'no ')}" before it and "${alter(table)}" after it`
  )
}

function alter(table: string, no = ''): string {
  return `alter table ${table} ${no}force row level security;`
}
