import { arrow, inOrder, list } from './layout.ts'
import type { Names } from './names.ts'

/** `<plural>.routes.ts`. */
export function routesSource(names: Names): string {
  const { plural, Many, one, One } = names
  const schemas = inOrder([`New${One}`, One, `${One}Changes`, `${One}Path`])
  const queries = [`create${One}`, `delete${One}`, `find${One}`, `list${Many}`, `update${One}`]
  return `import { PageQuery, pageOf } from 'tenantry'
import { del, get, patch, post } from '../policy.ts'
${list('import {', schemas, `} from './${plural}.schema.ts'`)}
${list('import {', queries, `} from './${plural}.ts'`)}

export const ${one}Routes = [
${reads(names)}
${writes(names)}
]
`
}

function reads({ plural, Many, singular, One, path, words, aWord }: Names): string {
  return `  get('${path}', {
    access: '${plural}:read',
    summary: 'List ${words}',
    query: PageQuery,
    reply: pageOf(${One}),
    handle: (ctx, { query }) => list${Many}(ctx, query),
  }),
  get('${path}/:${singular}_id', {
    access: '${plural}:read',
    summary: 'Get ${aWord}',
    params: ${One}Path,
    reply: ${One},
${arrow('    handle: (ctx, { params })', `find${One}(ctx, params.${singular}_id)`)},
  }),`
}

function writes({ plural, singular, One, path, aWord }: Names): string {
  return `  post('${path}', {
    access: '${plural}:create',
    summary: 'Create ${aWord}',
    body: New${One},
    reply: ${One},
    status: 201,
    handle: (ctx, { body }) => create${One}(ctx, body),
  }),
  patch('${path}/:${singular}_id', {
    access: '${plural}:update',
    summary: 'Change ${aWord}',
    params: ${One}Path,
    body: ${One}Changes,
    reply: ${One},
${arrow('    handle: (ctx, { params, body })', `update${One}(ctx, params.${singular}_id, body)`)},
  }),
  del('${path}/:${singular}_id', {
    access: '${plural}:delete',
    summary: 'Delete ${aWord}',
    params: ${One}Path,
${arrow('    handle: (ctx, { params })', `delete${One}(ctx, params.${singular}_id)`)},
  }),`
}
