import type { Insertion } from '../insertions.ts'
import type { Names } from '../names.ts'
import type { Field } from './fields.ts'

/** The constant of a field in the schema file, and its places in the three schemas and in the list. */
export function schemaInsertions({ One }: Names, field: Field): Insertion[] {
  const { name, identifier, type, nullable } = field
  const zod = nullable ? `${type.zod}.nullable()` : type.zod
  const given = `${name}: ${identifier}${nullable ? '.default(null)' : `.default(${field.default?.typescript})`}`
  const isFilter = type.list === 'filter' || field.references !== undefined
  return [
    constantLine(`const ${identifier} = ${zod}`, One),
    memberLine(One, name === identifier ? name : `${name}: ${identifier}`),
    memberLine(`New${One}`, given),
    memberLine(`${One}Changes`, `${name}: ${identifier}.optional()`),
    ...(isFilter ? [filterLine(One, name)] : []),
  ]
}

/** The column among those that the queries select. */
export function columnLine(name: string): Insertion {
  return {
    line: `const columns = [… '${name}'] as const`,
    insertInto: (source) =>
      replaced(source, /(const columns = \[[^\]]*?)(,?\s*)('created_at'|\] as const)/, (found) => {
        const [, start = '', gap = '', next = ''] = found
        return next.startsWith("'")
          ? `${start}${gap}'${name}', ${next}`
          : `${start}, '${name}'${next}`
      }),
  }
}

/** The field among those of the example of the test. */
export function exampleLine({ name, type, references, unique }: Field): Insertion {
  // A unique value would be taken the second time.
  const value = references !== undefined || unique ? 'null' : type.examples[0]
  const line = `${name}: ${value},`
  return {
    line: `const example = { … ${line} }`,
    insertInto: (source) =>
      replaced(source, /^const example = \{\n/m, ([all]) => `${all}  ${line}\n`),
  }
}

function constantLine(line: string, One: string): Insertion {
  return {
    line,
    insertInto: (source) =>
      replaced(
        source,
        new RegExp(`\\n*^export const ${One}Path\\b`, 'm'),
        ([all]) => `\n${line}${all}`,
      ),
  }
}

// Into the object of `export const Invoice = z.object({ … }).meta({ id: 'Invoice' })`.
function memberLine(schema: string, member: string): Insertion {
  const end = new RegExp(
    `(export const ${schema} = (?:(?!export const )[\\s\\S])*?)(,?)(\\s*)\\}\\)(\\s*\\.meta\\(\\{ id: '${schema}')`,
  )
  return {
    line: `${schema}: { … ${member} }`,
    insertInto: (source) =>
      replaced(source, end, ([, start = '', , gap = '', rest = '']) => {
        const [before, after] = gap.includes('\n') ? [`,${gap}  `, `,${gap}`] : [', ', ' ']
        return `${start}${before}${member}${after}})${rest}`
      }),
  }
}

function filterLine(One: string, name: string): Insertion {
  return {
    line: `${One}List: filters: [… '${name}']`,
    insertInto(source) {
      const start = source.indexOf(`defineList(${One}, {`)
      const end = source.indexOf('\n})', start)
      if (start === -1 || end === -1) return undefined
      const list = withFilter(source.slice(start, end), name)
      return source.slice(0, start) + list + source.slice(end)
    },
  }
}

function withFilter(list: string, name: string): string {
  const filters = /(filters: \[[^\]]*?),?\s*\]/
  return filters.test(list)
    ? list.replace(filters, `$1, '${name}']`)
    : list.replace(/table: '\w+',/, `$&\n  filters: ['${name}'],`)
}

function replaced(
  source: string,
  pattern: RegExp,
  by: (found: RegExpExecArray) => string,
): string | undefined {
  const found = pattern.exec(source)
  if (found === null) return undefined
  return source.slice(0, found.index) + by(found) + source.slice(found.index + found[0].length)
}
