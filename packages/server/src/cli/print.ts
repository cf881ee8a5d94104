import type { ChosenDatabase } from '../db/provisioning/choose_database.ts'

/** Prints a value for programs. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2))
}

/** Prints aligned columns with headings. */
export function printTable(headings: string[], rows: string[][]): void {
  const lines = [headings, ...rows]
  const widths = headings.map((_, index) =>
    Math.max(...lines.map((line) => (line[index] ?? '').length)),
  )
  for (const line of lines) {
    console.log(
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  }
}

/**
 * Names the embedded database that a command worked on: without the settings of production it would succeed there
 * unnoticed. With --json a program reads what the command prints.
 */
export function noteEmbedded({ origin, place }: Pick<ChosenDatabase, 'origin' | 'place'>): void {
  if (origin === 'embedded' && !process.argv.includes('--json')) console.error(`database: ${place}`)
}
