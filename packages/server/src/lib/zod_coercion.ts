import { z } from 'zod'

/** What `z.coerce` makes of text. */
export type Coerced = 'number' | 'bigint' | 'boolean' | 'date' | 'string'

/** The fields of an object that `z.coerce` reads by JavaScript's rules, each with its type. */
export function coercedFields(schema: z.ZodType | undefined): [name: string, type: Coerced][] {
  if (!(schema instanceof z.ZodObject)) return []
  return Object.entries(schema.shape).flatMap(([name, field]) => {
    const type = coercedType(field)
    return type === undefined ? [] : [[name, type]]
  })
}

/** `0x10`, `1e1`, ` 5` and the empty text are numbers to JavaScript, and to nobody who wrote them. */
export function isPlainNumber(text: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(text)
}

function coercedType(field: z.core.$ZodType): Coerced | undefined {
  const { def } = field._zod
  if ('innerType' in def) return coercedType(def.innerType as z.core.$ZodType)
  if (def.type === 'pipe' && 'in' in def) return coercedType(def.in as z.core.$ZodType)
  return 'coerce' in def && def.coerce === true ? (def.type as Coerced) : undefined
}
