import type { Field } from './fields.ts'
import { chain, inOrder, list } from './layout.ts'
import type { Names } from './names.ts'

/** `<plural>.ts`: the queries. */
export function queriesSource(names: Names, fields: Field[]): string {
  const { plural, One } = names
  const schemas = inOrder([`New${One}`, `${One}Changes`])
  const columns = ['id', ...fields.map(({ name }) => name), 'created_at', 'updated_at']
  const quoted = columns.map((it) => `'${it}'`)
  return `import { newId, notFound, type PageQuery, readPage, type TenantContext } from 'tenantry'
import type { z } from 'zod'
import type { Database } from '../database.ts'
${list('import type {', schemas, `} from './${plural}.schema.ts'`)}

type Context = TenantContext<Database>

${list('const columns = [', quoted, '] as const')}

${readers(names)}

${writers(names)}

${lock(names)}
`
}

function readers({ plural, Many, one, One, aWord }: Names): string {
  const list_ = signature(`export function list${Many}(`, [
    '{ db, cursors }: Context',
    'query: z.output<typeof PageQuery>',
  ])
  const rows = `db.selectFrom('${plural}').select(columns)`
  const page = list('  return readPage(', ['cursors', 'query', rows, `'${plural}.id'`], ')')
  return `${list_}
${page}
}

/** Throws 404, also for another tenant's ${aWord.replace(/^an? /, '')}: the database does not show it. */
export async function find${One}({ db }: Context, id: string) {
${chain(`  const ${one} = await db`, selectOne(plural))}
  if (${one} === undefined) throw notFound()
  return ${one}
}`
}

function writers({ plural, one, One }: Names): string {
  const create = signature(`export function create${One}(`, [
    '{ db }: Context',
    `${one}: z.output<typeof New${One}>`,
  ])
  const update = signature(`export async function update${One}(`, [
    'ctx: Context',
    'id: string',
    `changes: z.output<typeof ${One}Changes>`,
  ])
  return `${create}
  return db
    .insertInto('${plural}')
    .values({ id: newId(), ...${one} })
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/** Honours If-Match: of two people who change what they both read, the second is told. */
${update}
  ctx.requireMatch(await lock${One}(ctx, id))
  return ctx.db
    .updateTable('${plural}')
    .set({ ...changes, updated_at: new Date() })
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirstOrThrow()
}

export async function delete${One}(ctx: Context, id: string) {
${chain('  const { numDeletedRows } = await ctx.db', deleteOne(plural))}
  if (numDeletedRows === 0n) throw notFound()
}`
}

function lock({ plural, one, One }: Names): string {
  return `async function lock${One}({ db }: Context, id: string) {
${chain(`  const ${one} = await db`, selectOne(plural, '.forUpdate()'))}
  if (${one} === undefined) throw notFound()
  return ${one}
}`
}

function selectOne(table: string, ...more: string[]): string[] {
  const query = [`.selectFrom('${table}')`, '.select(columns)', ".where('id', '=', id)"]
  return [...query, ...more, '.executeTakeFirst()']
}

function deleteOne(table: string): string[] {
  return [`.deleteFrom('${table}')`, ".where('id', '=', id)", '.executeTakeFirst()']
}

function signature(open: string, parameters: string[]): string {
  return list(open, parameters, ') {')
}
