import type { Insertion } from '../insertions.ts'
import type { Names } from '../names.ts'
import type { Nesting } from '../nesting.ts'
import { pagePathOf } from './page_controls.ts'

/** The column of links to a nested page, before the menu in the columns of the page above. */
export function linkColumn({ path, parameter }: Nesting, { plural, many }: Names): Insertion {
  const to = pagePathOf(path).replace(`:${parameter}`, `\${it.id}`)
  const line = `{
      key: '${plural}',
      cell: (it) => (
        <RowLink to={\`${to}\`} access="${plural}:read">
          {t('${many}.title')}
        </RowLink>
      ),
    },`
  return {
    line,
    insertInto: (source) => source.replace(/^([ \t]*)\{ key: 'menu',/m, `$1${escaped(line)}\n$&`),
  }
}

/** `RowLink` among what the page above imports from tenantry-web. */
export const linkImport: Insertion = {
  line: "import { RowLink } from 'tenantry-web'",
  insertInto(source) {
    const [all, inside = ''] = /^import \{([^}]*)\} from 'tenantry-web'/m.exec(source) ?? []
    if (all === undefined) return undefined
    const names = inside.split(',').map((it) => it.trim())
    const listed = new Set([...names.filter((it) => it !== ''), 'RowLink'])
    const sorted = [...listed].sort((a, b) => (bare(a) < bare(b) ? -1 : 1))
    return source.replace(all, `import {\n  ${sorted.join(',\n  ')},\n} from 'tenantry-web'`)
  },
}

function bare(name: string): string {
  return name.replace(/^type /, '').toLowerCase()
}

// In a replacement text a dollar sign has a meaning.
function escaped(text: string): string {
  return text.replaceAll('$', '$$$$')
}
