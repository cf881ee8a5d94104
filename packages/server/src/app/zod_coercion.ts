import { z } from 'zod'

/** The types that `z.coerce` converts text to. */
export type Coerced = 'number' | 'bigint' | 'boolean' | 'date' | 'string'

/** The fields of an object schema that use `z.coerce`, each with its type. */
export function coercedFields(schema: z.ZodType | undefined): [name: string, type: Coerced][] {
  if (!(schema instanceof z.ZodObject)) return []
  return Object.entries(schema.shape).flatMap(([name, field]) => {
    const type = coercedType(field)
    return type === undefined ? [] : [[name, type]]
  })
}

/** Rejects `0x10`, `1e1`, ` 5` and the empty string, which JavaScript converts to numbers too. */
export function isPlainNumber(text: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(text)
}

function coercedType(field: z.core.$ZodType): Coerced | undefined {
  const { def } = field._zod
  if ('innerType' in def) return coercedType(def.innerType as z.core.$ZodType)
  if (def.type === 'pipe' && 'in' in def) return coercedType(def.in as z.core.$ZodType)
  return 'coerce' in def && def.coerce === true ? (def.type as Coerced) : undefined
}
