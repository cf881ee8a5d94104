/** A value for programs to read. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2))
}

/** Rows as aligned columns, headings first. */
export function printTable(headings: string[], rows: string[][]): void {
  const lines = [headings, ...rows]
  const widths = headings.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)))
  for (const line of lines) {
    console.log(
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  }
}
