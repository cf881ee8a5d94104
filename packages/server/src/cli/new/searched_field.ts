import type { Field } from './fields/fields.ts'

/** The text that the list searches, and that a row is called by: `name`, `title` or the first text. */
export function searchedField(fields: readonly Field[]): Field | undefined {
  const texts = fields.filter(({ type, nullable }) => type.list === 'search' && !nullable)
  const named = texts.find(({ name }) => name === 'name' || name === 'title') ?? texts[0]
  // Its key is one more column of the table.
  const isTaken = fields.some(({ name }) => name === `${named?.name}_key`)
  return isTaken ? undefined : named
}
