import type { Compilable, CompiledQuery, Kysely } from 'kysely'
import type { KernelTables } from './tables.ts'

type Db = Kysely<KernelTables>
type Value = string | null

/**
 * A query whose text never changes: kysely builds and compiles it at its first use, and later uses
 * only insert their values. For queries that most requests send. `build` must pass each value on to
 * kysely unchanged, and must not branch on it.
 */
export function compiledQuery<Row, Values extends Record<string, Value>>(
  build: (db: Db, values: Values) => Compilable<Row>,
): (db: Db, values: Values) => CompiledQuery<Row> {
  let template: ReturnType<typeof templateOf<Row, Values>> | undefined
  return (db, values) => {
    template ??= templateOf(build, db, values)
    const parameters = template.parameters.map((it) => ('name' in it ? values[it.name] : it.value))
    return { ...template.compiled, parameters }
  }
}

/** A constant of the query, or the name of the value to insert. */
type Parameter = { value: unknown } | { name: string }

function templateOf<Row, Values extends Record<string, Value>>(
  build: (db: Db, values: Values) => Compilable<Row>,
  db: Db,
  values: Values,
) {
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
