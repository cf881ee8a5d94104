import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../../lib/operator_error.ts'
import type { PageEdits } from '../changes.ts'
import type { Field } from '../fields/fields.ts'
import type { Names } from '../names.ts'
import type { Places } from '../places.ts'
import { pageLine, textsLine } from './page_insertions.ts'
import type { PageReference } from './page_references.ts'

/** The changes of main.tsx and of each language. Throws an OperatorError where no page can be written. */
export function pageEdits(
  names: Names,
  fields: readonly Field[],
  { web }: Places,
  references: readonly PageReference[] = [],
): PageEdits {
  const main = join(web, 'main.tsx')
  if (!existsSync(main))
    throw new OperatorError(`a page needs ${main}, which the app does not have`)
  if (existsSync(join(web, names.plural))) {
    throw new OperatorError(`there is a folder web/${names.plural} already`)
  }
  const isConstant = references.some(({ identifier }) => identifier === names.one)
  if (imported.has(names.One) || locals.has(names.one) || isConstant) {
    throw new OperatorError(
      `"${names.plural}" cannot have a page: ${names.One} is a name of the generated code; leave out --page`,
    )
  }
  const locales = join(web, 'locales')
  const files = existsSync(locales) ? readdirSync(locales).filter((it) => it.endsWith('.json')) : []
  return [
    { path: main, insertion: pageLine(names) },
    ...files.map((it) => ({ path: join(locales, it), insertion: textsLine(names, fields) })),
  ]
}

// What the page imports or defines, which the type of a row would shadow.
const imported = new Set(
  `Body Button Card Checkbox Column Confirm Dialog DialogForm Loaded Menu More Opened Page PageHeader ReferenceField
  ReferenceName Schemas Select State Table TextArea TextField Time Values`.split(/\s+/),
)
const locals = new Set(
  `api blank body can columns create edit form initial it items jsonOf list open opened overwrite page path
  projects query read reference refresh reload remove rows store t toast values version`.split(
    /\s+/,
  ),
)
