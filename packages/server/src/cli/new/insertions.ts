import type { Field } from './fields/fields.ts'
import { type Names, spaced } from './names.ts'

/** A line to insert into an existing file. */
export interface Insertion {
  line: string
  /** Returns the file with the line, or undefined if its place was not found. */
  insertInto(source: string): string | undefined
}

/** `invoices: ['read', …]` among the resources of policy.ts. */
export function policyLine({ plural }: Names): Insertion {
  const line = `${plural}: ['read', 'create', 'update', 'delete'],`
  return {
    line,
    insertInto: (source) => intoObject(source, /^([ \t]*)resources: \{[ \t]*$/m, line),
  }
}

/** `invoices_number_unique: { … }` among the constraints of app.ts, which may have none yet. */
export function constraintLine({ plural, singular }: Names, { name }: Field): Insertion {
  const said = `code: '${singular}.${name}_taken', detail: 'The ${spaced(name)} is taken'`
  const line = `${uniqueName(plural, name)}: { ${said}, pointer: '/${name}' },`
  return {
    line: `constraints: { … ${line} }`,
    insertInto(source) {
      if (/\bconstraints\b/.test(source)) {
        return intoObject(source, /^([ \t]*)constraints: \{[ \t]*$/m, line)
      }
      return source.replace(
        /^([ \t]*)migrations: .*,\n/m,
        `$&$1constraints: {\n$1  ${line}\n$1},\n`,
      )
    },
  }
}

/** The constraint of a unique field: `invoices_number_unique`. */
export function uniqueName(plural: string, field: string): string {
  return `${plural}_${field}_unique`
}

// As the last entry of an object that begins with `opening`, whose first group is its indent.
function intoObject(source: string, opening: RegExp, line: string): string | undefined {
  const found = opening.exec(source)
  if (found === null) return undefined
  const [, indent = ''] = found
  const closing = source.indexOf(`\n${indent}}`, found.index)
  if (closing === -1) return undefined
  const before = source.slice(0, closing).replace(/([^,{\s])$/, '$1,')
  return `${before}\n${indent}  ${line}${source.slice(closing)}`
}

/** `...invoiceRoutes` among the routes of app.ts. */
export function routesLine({ one }: Names): Insertion {
  const entry = `...${one}Routes`
  return {
    line: `routes: [… ${entry}]`,
    insertInto(source) {
      const found = /^([ \t]*routes: \[)([^\]]*)\],?$/m.exec(source)
      if (found === null) return undefined
      const [all, open = '', inside = ''] = found
      const before = source.slice(0, found.index)
      const after = source.slice(found.index + all.length)
      return `${before}${routesWith(open, inside, entry)}${after}`
    },
  }
}

/** The import of the routes in app.ts, in the order of its imports. */
export function importLine({ plural, one }: Names): Insertion {
  const path = `./${plural}/${plural}.routes.ts`
  const line = `import { ${one}Routes } from '${path}'`
  return {
    line,
    insertInto(source) {
      const imports = [...source.matchAll(/^import [^'"]*['"]([^'"]+)['"];?\n/gm)]
      const last = imports.findLast(([, it = '']) => !it.startsWith('./') || it < path)
      if (last === undefined) return undefined
      const at = last.index + last[0].length
      return `${source.slice(0, at)}${line}\n${source.slice(at)}`
    },
  }
}

// Keeps the style of the array: one entry a line, or all on one line.
function routesWith(open: string, inside: string, entry: string): string {
  const entries = inside.trimEnd()
  if (!inside.includes('\n')) {
    return `${open}${[entries.replace(/,$/, ''), entry].filter((it) => it !== '').join(', ')}],`
  }
  const indent = /^[ \t]*/.exec(open)?.[0] ?? ''
  return `${open}${entries.replace(/([^,])$/, '$1,')}\n${indent}  ${entry},\n${indent}],`
}
