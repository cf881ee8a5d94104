/**
 * Every value of a header, as it was sent. Of some duplicate headers Node silently keeps only the first.
 * `name` must be lower case.
 */
export function rawValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const given = rawHeaders[i]
    // Comparing lengths first avoids most calls of toLowerCase().
    if (given?.length !== name.length || given.toLowerCase() !== name) continue
    values.push(rawHeaders[i + 1] ?? '')
  }
  return values
}
