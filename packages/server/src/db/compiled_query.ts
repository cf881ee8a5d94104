import type { Compilable, CompiledQuery, Kysely } from 'kysely'
import type { KernelTables } from './tables.ts'

type Db = Kysely<KernelTables>
type Value = string | null

/**
 * A query whose text never changes, for what is asked all the time: kysely builds and compiles it for
 * the first who asks, and later ones only give their values. `build` may do nothing with a value but
 * hand it on.
 */
export function compiledQuery<Row, Values extends Record<string, Value>>(
  build: (db: Db, values: Values) => Compilable<Row>,
): (db: Db, values: Values) => CompiledQuery<Row> {
  let known: ReturnType<typeof templateOf<Row, Values>> | undefined
  return (db, values) => {
    known ??= templateOf(build, db, values)
    const parameters = known.places.map((it) => ('name' in it ? values[it.name] : it.value))
    return { ...known.compiled, parameters }
  }
}

/** One of the query's own, or the name of the value that stands there. */
type Place = { value: unknown } | { name: string }

function templateOf<Row, Values extends Record<string, Value>>(
  build: (db: Db, values: Values) => Compilable<Row>,
  db: Db,
  values: Values,
) {
  const names = Object.keys(values)
  const marks = new Map(names.map((name) => [`value of ${name}`, name]))
  const marked = Object.fromEntries(names.map((name) => [name, `value of ${name}`]))
  // It has the same keys, and `build` only hands the values on.
  const compiled = build(db, marked as Values).compile()
  const places = compiled.parameters.map((value): Place => {
    const name = marks.get(String(value))
    return name === undefined ? { value } : { name }
  })
  return { compiled, places }
}
