import { relative } from 'node:path'
import { type Changes, writeChanges } from './changes.ts'
import { formatWithBiome } from './format_with_biome.ts'
import type { Places } from './places.ts'

/** Writes the changes, says what was written, and what is left to do by hand. */
export function write(changes: Changes, places: Places): void {
  const shown = (path: string) => relative(places.folder, path)
  const written = writeChanges(changes).map(shown)
  const fault = formatWithBiome(places.folder, places.source, written)
  for (const path of written) console.log(`wrote ${path}`)
  for (const { path, byHand } of changes.edits) {
    for (const line of byHand) console.log(`add to ${shown(path)} by hand: ${line}`)
  }
  if (fault !== undefined) console.log(`Biome could not format them: ${fault}`)
}

/** Prints the changes. The files are as the templates make them: Biome formats only what is written. */
export function printChanges({ files, edits }: Changes, places: Places): void {
  const shown = (path: string) => relative(places.folder, path)
  for (const [path, content] of files) console.log(`would write ${shown(path)}:\n\n${content}`)
  for (const { path, lines, byHand } of edits) {
    for (const line of lines) console.log(`would add to ${shown(path)}: ${line}`)
    for (const line of byHand) console.log(`to add to ${shown(path)} by hand: ${line}`)
  }
  console.log('\nNothing was written.')
}
