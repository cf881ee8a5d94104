import { OperatorError } from '../../lib/operator_error.ts'
import { globals, javascriptWords, sqlWords } from './words.ts'

/** A noun in all the forms that a resource needs. */
export interface Names {
  /** The table, the folder, the permission: `purchase_orders`. */
  plural: string
  /** `purchase_order` */
  singular: string
  /** Identifiers: `purchaseOrders`, `PurchaseOrders`, `purchaseOrder`, `PurchaseOrder`. */
  many: string
  Many: string
  one: string
  One: string
  /** The URL: `/api/purchase-orders`. */
  path: string
  /** In a sentence: `purchase orders`, `a purchase order`. */
  words: string
  aWord: string
}

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
/** Leaves room for the names derived from it: PostgreSQL truncates identifiers to 63 bytes. */
const LONGEST = { resource: 30, field: 40 }

/** Derives the forms. Throws an OperatorError for an invalid or reserved name. */
export function namesOf(plural: string, given?: string): Names {
  const singular = given ?? singularOf(plural)
  for (const it of [plural, singular]) assertShape('resource', it)
  assertNotReserved(
    'resource',
    plural,
    sqlWords.has(plural) || javascriptWords.has(camel(singular)),
  )
  const [one, One] = [camel(singular), pascal(singular)]
  if (locals.has(one) || globals.has(One)) {
    throw new OperatorError(
      `"${plural}" cannot be a resource: ${one} is a name of the generated code or of JavaScript`,
    )
  }
  return {
    plural,
    singular,
    many: camel(plural),
    Many: pascal(plural),
    one,
    One,
    path: pathOf(plural),
    words: spaced(plural),
    aWord: `${/^([aeio]|u[^s])/.test(singular) ? 'an' : 'a'} ${spaced(singular)}`,
  }
}

/** `/api/purchase-orders` for `purchase_orders`. */
export function pathOf(plural: string): string {
  return `/api/${plural.replaceAll('_', '-')}`
}

/** Throws an OperatorError for an invalid or reserved name of a column. */
export function assertFieldName(name: string): void {
  assertShape('field', name)
  assertNotReserved('field', name, sqlWords.has(name) || javascriptWords.has(camel(name)))
}

/** `purchaseOrder` for `purchase_order`. */
export function camel(name: string): string {
  return name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}

function assertShape(kind: keyof typeof LONGEST, name: string): void {
  if (!NAME.test(name)) {
    throw new OperatorError(`"${name}" is not a name for a ${kind}: write lower_snake_case`)
  }
  if (name.length > LONGEST[kind]) {
    throw new OperatorError(
      `"${name}" is too long for a ${kind}: at most ${LONGEST[kind]} characters`,
    )
  }
}

function assertNotReserved(kind: string, name: string, reserved: boolean): void {
  if (!reserved) return
  throw new OperatorError(
    `"${name}" cannot be a ${kind}: it is a reserved word of SQL or JavaScript; choose another`,
  )
}

// Names in the generated functions.
const locals = new Set(['changes', 'columns', 'ctx', 'cursors', 'db', 'id', 'query'])

function pascal(name: string): string {
  return camel(`_${name}`)
}

function spaced(name: string): string {
  return name.replaceAll('_', ' ')
}

function singularOf(plural: string): string {
  if (plural.endsWith('ies')) return `${plural.slice(0, -3)}y`
  if (/(ss|x|z|ch|sh|us)es$/.test(plural)) return plural.slice(0, -2)
  return /[^s]s$/.test(plural) ? plural.slice(0, -1) : plural
}
