import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { kernelResources } from '../../app/policy.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import type { RunningApp } from '../../runtime/create_app.ts'
import type { Field } from './fields/fields.ts'
import { uniqueName } from './insertions.ts'
import type { Names } from './names.ts'
import type { Places } from './places.ts'

type Described = Pick<RunningApp, 'routes' | 'document'>

/** Throws an OperatorError if the app or the kernel already uses the name. */
export function assertFree(names: Names, places: Places, described: Described): void {
  const { plural, path } = names
  const taken = (what: string) =>
    new OperatorError(
      `"${plural}" cannot be a resource: ${what}; write another name, such as customer_${plural}`,
    )
  if (Object.hasOwn(kernelResources, plural)) throw taken("it is one of the kernel's own")
  if (KERNEL_NOUNS.has(plural)) throw taken('the kernel has a table of that name')
  const route = described.routes.find((it) => it.path === path || it.path.startsWith(`${path}/`))
  if (route !== undefined) throw taken(`there is a route ${route.method} ${route.path}`)
  if (existsSync(join(places.source, plural))) throw taken(`there is a folder src/${plural}`)
  const migration = migrationWith(plural, places)
  if (migration !== undefined) throw taken(`${migration} makes a table of that name`)
  const schemas = Object.keys(described.document.components['schemas'] ?? {})
  const schema = schemasOf(names).find((it) => schemas.includes(it))
  if (schema !== undefined) throw taken(`the API has a schema ${schema} already`)
}

// Members are users, and each member is of a tenant. The other tables of the kernel have routes.
const KERNEL_NOUNS: ReadonlySet<string> = new Set(['users', 'tenants'])

/** Throws an OperatorError for a field that refers to a table without a migration. */
export function assertReferences(names: Names, fields: readonly Field[], places: Places): void {
  for (const { name, references, nullable } of fields) {
    if (references === undefined) continue
    const isOwn = references === names.plural
    if (isOwn ? nullable : migrationWith(references, places) !== undefined) continue
    const why = isOwn
      ? `the first row would have nothing to refer to: write ${name}:references:${references}?`
      : 'no migration creates it: add that resource first'
    throw new OperatorError(`"${name}" refers to ${references}: ${why}`)
  }
}

/** Throws an OperatorError for a unique field whose constraint would have a name that PostgreSQL shortens. */
export function assertConstraintNames({ plural }: Names, fields: readonly Field[]): void {
  const long = fields.find(({ name, unique }) => unique && uniqueName(plural, name).length > 63)
  if (long === undefined) return
  throw new OperatorError(
    `"${long.name}" is too long for a unique field of ${plural}: write a shorter name`,
  )
}

function migrationWith(table: string, { migrations }: Places): string | undefined {
  const pattern = new RegExp(
    `create\\s+table\\s+(if\\s+not\\s+exists\\s+)?(public\\.)?"?${table}\\b`,
    'i',
  )
  return readdirSync(migrations)
    .filter((it) => it.endsWith('.up.sql'))
    .find((it) => pattern.test(readFileSync(join(migrations, it), 'utf8')))
}

function schemasOf({ One }: Names): string[] {
  return [One, `New${One}`, `${One}Changes`]
}
