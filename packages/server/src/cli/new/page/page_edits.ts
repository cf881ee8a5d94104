import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../../lib/operator_error.ts'
import type { PageEdits } from '../changes.ts'
import type { Names } from '../names.ts'
import type { Nesting } from '../nesting.ts'
import type { Places } from '../places.ts'
import type { Resource } from '../resource_files.ts'
import { linkColumn, linkImport } from './link_insertions.ts'
import { pageLine, textsLine } from './page_insertions.ts'

/**
 * The changes of main.tsx, of each language and, for a nested page, of the page that it is below. Throws an
 * OperatorError where no page can be written.
 */
export function pageEdits(
  { names, fields, page = [], nesting }: Pick<Resource, 'names' | 'fields' | 'page' | 'nesting'>,
  { web }: Places,
): PageEdits {
  const main = join(web, 'main.tsx')
  if (!existsSync(main))
    throw new OperatorError(`a page needs ${main}, which the app does not have`)
  if (existsSync(join(web, names.plural))) {
    throw new OperatorError(`there is a folder web/${names.plural} already`)
  }
  const isConstant = page.some(({ identifier }) => identifier === names.one)
  if (imported.has(names.One) || locals.has(names.one) || isConstant) {
    throw new OperatorError(
      `"${names.plural}" cannot have a page: ${names.One} is a name of the generated code; leave out --page`,
    )
  }
  const locales = join(web, 'locales')
  const files = existsSync(locales) ? readdirSync(locales).filter((it) => it.endsWith('.json')) : []
  const texts = textsLine(names, fields, nesting)
  return [
    { path: main, insertions: [pageLine(names, nesting)] },
    ...files.map((it) => ({ path: join(locales, it), insertions: [texts] })),
    ...(nesting === undefined ? [] : [linksFrom(nesting, names, web)]),
  ]
}

// From each row of the page above.
function linksFrom(nesting: Nesting, names: Names, web: string): PageEdits[number] {
  const path = join(web, nesting.table, `${nesting.table}.page.tsx`)
  return { path, insertions: [linkColumn(nesting, names), linkImport] }
}

// What the page imports or defines, which the type of a row would shadow.
const imported = new Set(
  `Body Breadcrumbs Button Card Checkbox Column Confirm Dialog DialogForm Loaded Menu More Opened OpenedDialogProps Page PageHeader PageProps Parent
  ReferenceField ReferenceName Schemas Select State Table TextArea TextField Time Values`.split(
    /\s+/,
  ),
)
const locals = new Set(
  `api blank body can columns create edit form initial it items jsonOf list open opened overwrite page params parent path
  projects query read reference refresh reload remove rows store t toast values version`.split(
    /\s+/,
  ),
)
