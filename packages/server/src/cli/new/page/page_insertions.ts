import type { Field } from '../fields/fields.ts'
import type { Insertion } from '../insertions.ts'
import { type Names, spaced } from '../names.ts'
import type { Nesting } from '../nesting.ts'
import { pagePathOf } from './page_controls.ts'

/** The page among the pages of main.tsx, and its definition. */
export function pageLine({ plural, many, path }: Names, nesting?: Nesting): Insertion {
  // The navigation leads to the page above, and that to this one.
  const nav = `\n  nav: { label: (t) => t('app:${many}.title'), icon: 'folder' },`
  const definition = `const ${many} = page('${pagePathOf(nesting?.path ?? path)}', {
  access: '${plural}:read',${nesting === undefined ? nav : ''}
  load: () => import('./${plural}/${plural}.page.tsx'),
})
`
  return {
    line: `${definition}and pages: [… ${many}]`,
    insertInto(source) {
      const found = /(pages: \[)([^\]]*)(\])/.exec(source)
      const imports = [...source.matchAll(/^import .*\n/gm)].at(-1)
      if (found === null || imports === undefined) return undefined
      const entries = found[2]?.trim().replace(/,$/, '') ?? ''
      const listed = [entries, many].filter((it) => it !== '').join(', ')
      const at = imports.index + imports[0].length
      const withPage = source.replace(found[0], `pages: [${listed}]`)
      return `${withPage.slice(0, at)}\n${definition}${withPage.slice(at)}`
    },
  }
}

/** The texts of the page in a file of a language: in English, to be translated there. */
export function textsLine(names: Names, fields: readonly Field[], nesting?: Nesting): Insertion {
  const above = nesting && { above: capital(spaced(nesting.table)) }
  const texts = { ...textsOf(names, fields), ...above }
  const acts = actsOf(names)
  return {
    line: `"${names.many}": ${JSON.stringify(texts)}, and in "acts": ${JSON.stringify(acts)}`,
    insertInto(source) {
      const all: { app?: { acts?: object } } = JSON.parse(source)
      if (all.app !== undefined && names.many in all.app) return undefined
      const app = { ...all.app, [names.many]: texts, acts: { ...all.app?.acts, ...acts } }
      return `${JSON.stringify({ ...all, app }, null, 2)}\n`
    },
  }
}

function textsOf({ words, singular, aWord }: Names, fields: readonly Field[]) {
  const word = singular.replaceAll('_', ' ')
  return {
    title: capital(words),
    none: `No ${words} yet`,
    // Apart, because a field may be called title.
    fields: Object.fromEntries(fields.map(({ name, kind }) => [name, labelOf(name, kind)])),
    updated_at: 'Changed',
    actions: 'Actions',
    new: `New ${word}`,
    edit: `Edit ${word}`,
    created: `The ${word} has been created.`,
    stored: `The ${word} has been changed.`,
    deleted: `The ${word} has been deleted.`,
    delete: `Delete ${word}`,
    deleteTitle: `Delete ${aWord}?`,
    deleteText: `The ${word} is deleted for all members of this workspace. This cannot be undone.`,
  }
}

/** The words of the audit log. */
function actsOf({ plural, aWord }: Names) {
  return {
    [`${plural}_create`]: `Created ${aWord}`,
    [`${plural}_update`]: `Changed ${aWord}`,
    [`${plural}_delete`]: `Deleted ${aWord}`,
  }
}

function labelOf(name: string, kind: string): string {
  const label = capital(name.replace(/_id$/, '').replaceAll('_', ' '))
  return kind === 'timestamp' ? `${label} (UTC)` : label
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
