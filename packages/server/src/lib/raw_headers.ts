/**
 * Every value of a header, as it was sent: of some that are doubled Node keeps the first without a
 * word. `name` in lower case.
 */
export function rawValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at]
    // By length first: most are another header, and need no lower case to be told apart.
    if (given?.length !== name.length || given.toLowerCase() !== name) continue
    values.push(rawHeaders[at + 1] ?? '')
  }
  return values
}
