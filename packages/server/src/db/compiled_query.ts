import type { Compilable, CompiledQuery, DialectAdapter, Kysely } from 'kysely'
import type { KernelTables } from './tables.ts'

type Db = Kysely<KernelTables>
type Value = string | number | null

/**
 * A query whose text never changes: kysely builds and compiles it at its first use, and later uses
 * only insert their values. For queries that most requests send. `build` must pass each value on to
 * kysely unchanged, and must not branch on it.
 */
export function compiledQuery<Row, Values extends Record<string, Value>>(
  build: (db: Db, values: Values) => Compilable<Row>,
): (db: Db, values: Values) => CompiledQuery<Row> {
  // The scopes of tenants compile another text than the others. Each dialect has its own adapter.
  const templates = new WeakMap<DialectAdapter, Template<Row>>()
  return (db, values) => {
    const { adapter } = db.getExecutor()
    let template = templates.get(adapter)
    if (template === undefined) {
      template = templateOf(build, db, values)
      templates.set(adapter, template)
    }
    const parameters = template.parameters.map((it) => ('name' in it ? values[it.name] : it.value))
    return { ...template.compiled, parameters }
  }
}

/** A constant of the query, or the name of the value to insert. */
type Parameter = { value: unknown } | { name: string }

interface Template<Row> {
  compiled: CompiledQuery<Row>
  parameters: Parameter[]
}

function templateOf<Row, Values extends Record<string, Value>>(
  build: (db: Db, values: Values) => Compilable<Row>,
  db: Db,
  values: Values,
): Template<Row> {
  const names = Object.keys(values)
  const placeholders = new Map(names.map((name) => [`value of ${name}`, name]))
  const marked = Object.fromEntries(names.map((name) => [name, `value of ${name}`]))
  // The cast is safe: the keys are the same, and `build` only passes the values on.
  const compiled = build(db, marked as Values).compile()
  const parameters = compiled.parameters.map((value): Parameter => {
    const name = placeholders.get(String(value))
    return name === undefined ? { value } : { name }
  })
  return { compiled, parameters }
}
