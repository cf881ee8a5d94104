// A comment, a quoted text or name, a dollar-quoted body; or the end of a statement.
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\bE'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[a-z_]\w*)?\$)[\s\S]*?\1|;/gi

/**
 * The statements of an SQL file. Citus sends a worker the whole text that a client sent, and a worker accepts one
 * statement. A body in the notation of the SQL standard (BEGIN ATOMIC) holds semicolons of its own: a file with one
 * is sent as a whole.
 */
export function splitStatements(sql: string): string[] {
  if (/\bbegin\s+atomic\b/i.test(sql)) return [sql]
  const ends = [...sql.matchAll(TOKEN)].filter(([token]) => token === ';').map((it) => it.index)
  const starts = [0, ...ends.map((it) => it + 1)]
  return starts.map((start, at) => sql.slice(start, ends[at])).filter(hasStatement)
}

function hasStatement(text: string): boolean {
  return text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim() !== ''
}
