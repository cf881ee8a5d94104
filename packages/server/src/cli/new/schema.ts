import type { Field } from './fields.ts'
import { brokenChain, chain, list } from './layout.ts'
import type { Names } from './names.ts'

/** `<plural>.schema.ts`: what comes in and what goes out. */
export function schemaSource({ singular, One }: Names, fields: Field[]): string {
  const path = list(`export const ${One}Path = z.object({`, [`${singular}_id: z.uuid()`], '})')
  return `import { z } from 'zod'

${fields.map(({ identifier, type }) => `const ${identifier} = ${type.zod}\n`).join('')}
${path}

/** What goes out. A column that is not listed here cannot leave. */
${replySchema(One, fields)}

/** What comes in. */
${inputSchema(`New${One}`, fields.map(member))}

${inputSchema(`${One}Changes`, fields.map(optionalMember))}
`
}

function replySchema(One: string, fields: Field[]): string {
  const members = [
    'id: z.uuid()',
    ...fields.map(member),
    'created_at: z.iso.datetime()',
    'updated_at: z.iso.datetime()',
  ]
  const object = ['.object({', ...members.map((it) => `  ${it},`), '})'].join('\n')
  return brokenChain(`export const ${One} = z`, [object, `.meta({ id: '${One}' })`])
}

function inputSchema(name: string, members: string[]): string {
  const object = list('  .strictObject({', members, '})').replaceAll(/^ {2}/gm, '')
  return chain(`export const ${name} = z`, [object, `.meta({ id: '${name}' })`])
}

function member({ name, identifier }: Field): string {
  return name === identifier ? name : `${name}: ${identifier}`
}

function optionalMember({ name, identifier }: Field): string {
  return `${name}: ${identifier}.optional()`
}
