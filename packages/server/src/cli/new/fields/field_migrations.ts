import { join } from 'node:path'
import { uniqueName } from '../insertions.ts'
import { migrationNumber, type Places } from '../places.ts'
import { columnOf, type Field } from './fields.ts'

/** The migrations that add a field to a table with rows, by path. An index has one of its own. */
export function fieldMigrations(
  plural: string,
  field: Field,
  { migrations }: Places,
): Map<string, string> {
  const { name, type, references } = field
  const path = (after: number, what: string) =>
    join(migrations, `${migrationNumber(migrations, after)}_${plural}_${what}`)
  const column = path(0, name)
  const index = path(1, `by_${name}`)
  const indexName = `${plural}_by_${name}`
  const isFilter = type.list === 'filter' || references !== undefined
  return new Map([
    [`${column}.up.sql`, addColumn(plural, field)],
    [`${column}.down.sql`, `alter table ${plural} drop column ${name};\n`],
    ...(isFilter
      ? ([
          [`${index}.up.sql`, addIndex(indexName, `${plural} (tenant_id, ${name}, id)`)],
          [`${index}.down.sql`, `drop index ${indexName};\n`],
        ] as const)
      : []),
  ])
}

// Citus accepts a constraint only as a statement of its own.
function addColumn(plural: string, field: Field): string {
  const { name, type, unique, references, nullable } = field
  const rows = nullable ? 'It is null in the rows that exist.' : 'Rows that exist get the default.'
  const check = type.check?.(name)
  const parts = [
    `add column ${name} ${columnOf(field)}`,
    ...(check === undefined ? [] : [`add constraint ${plural}_${name}_check check (${check})`]),
    ...(unique ? [`add constraint ${uniqueName(plural, name)} unique (tenant_id, ${name})`] : []),
    ...(references === undefined
      ? []
      : [`add foreign key (tenant_id, ${name}) references ${references} (tenant_id, id)`]),
  ]
  const statements = parts.map((it) => `alter table ${plural} ${it};\n`)
  return `-- ${plural}.${name}. ${rows}\n${statements.join('')}`
}

function addIndex(name: string, on: string): string {
  return `-- Alone in its migration: rows can be written meanwhile.\ncreate index concurrently if not exists ${name} on ${on};\n`
}
