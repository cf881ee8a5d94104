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
  assertPlural(plural, singular, given)
  const [one, One] = [camel(singular), pascal(singular)]
  const instead = insteadOf(plural)
  if (sqlWords.has(plural) || javascriptWords.has(one)) {
    const word = sqlWords.has(plural) ? plural : singular
    throw new OperatorError(
      `"${plural}" cannot be a resource: ${word} is a reserved word of SQL or JavaScript; ${instead}`,
    )
  }
  if (locals.has(one) || globals.has(One)) {
    throw new OperatorError(
      `"${plural}" cannot be a resource: ${one} is a name of the generated code or of JavaScript; ${instead}`,
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

// Paths and functions tell one from many by these two words.
function assertPlural(plural: string, singular: string, given: string | undefined): void {
  if (plural !== singular) return
  const other = given === undefined && !plural.endsWith('s') ? `${plural}s, or ` : ''
  const words = `${plural} --singular ${plural}_item`
  throw new OperatorError(`"${plural}" needs another word for a single one: write ${other}${words}`)
}

function insteadOf(plural: string): string {
  return `write another name, such as customer_${plural}`
}

/** `/api/purchase-orders` for `purchase_orders`. */
export function pathOf(plural: string): string {
  return `/api/${plural.replaceAll('_', '-')}`
}

/** Throws an OperatorError for an invalid or reserved name of a column. */
export function assertFieldName(name: string): void {
  assertShape('field', name)
  if (!sqlWords.has(name) && !javascriptWords.has(camel(name))) return
  throw new OperatorError(
    `"${name}" cannot be a field: it is a reserved word of SQL or JavaScript; write another name, such as ${name}_value`,
  )
}

/** `purchaseOrder` for `purchase_order`. */
export function camel(name: string): string {
  return name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}

function assertShape(kind: keyof typeof LONGEST, name: string): void {
  if (!NAME.test(name)) {
    const snake = snakeOf(name)
    const instead = NAME.test(snake) ? `, such as ${snake}` : ''
    throw new OperatorError(
      `"${name}" is not a name for a ${kind}: write lower_snake_case${instead}`,
    )
  }
  if (name.length > LONGEST[kind]) {
    throw new OperatorError(
      `"${name}" is too long for a ${kind}: write at most ${LONGEST[kind]} characters`,
    )
  }
}

/** `purchase_orders` for `PurchaseOrders` and `purchase-orders`. */
function snakeOf(name: string): string {
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').split(/[^A-Za-z0-9]+/)
  return words
    .filter((it) => it !== '')
    .join('_')
    .toLowerCase()
}

// Names in the generated functions.
const locals = new Set(['changes', 'columns', 'ctx', 'cursors', 'db', 'id', 'query'])

function pascal(name: string): string {
  return camel(`_${name}`)
}

/** `purchase order` for `purchase_order`. */
export function spaced(name: string): string {
  return name.replaceAll('_', ' ')
}

function singularOf(plural: string): string {
  const start = plural.slice(0, plural.lastIndexOf('_') + 1)
  const word = plural.slice(start.length)
  const [, singular = plural] = IRREGULAR.find(([it]) => it === word) ?? []
  if (singular !== plural) return start + singular
  // The same in both numbers, or no plural at all: news, series, status.
  if (/^(news|series|species)$|([^s]us|is|ss)$/.test(word)) return plural
  if (/[^aeiou]ies$/.test(word)) return `${plural.slice(0, -3)}y`
  if (/(ss|x|tz|zz|[^a]ch|sh|[^aeo]us)es$/.test(word)) return plural.slice(0, -2)
  return word.endsWith('s') ? plural.slice(0, -1) : plural
}

const IRREGULAR = [
  ['people', 'person'],
  ['children', 'child'],
  ['movies', 'movie'],
  ['cookies', 'cookie'],
  ['calories', 'calorie'],
  ['selfies', 'selfie'],
  ['ties', 'tie'],
  ['quizzes', 'quiz'],
  ['beaches', 'beach'],
  ['reaches', 'reach'],
  ['approaches', 'approach'],
  ['coaches', 'coach'],
  ['axes', 'axis'],
  ['analyses', 'analysis'],
  ['uses', 'use'],
  ['aliases', 'alias'],
  ['heroes', 'hero'],
] as const
