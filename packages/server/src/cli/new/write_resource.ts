import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { OperatorError } from '../../lib/operator_error.ts'
import { type Insertion, importLine, policyLine, routesLine } from './insertions.ts'
import type { Names } from './names.ts'
import type { Places } from './places.ts'

/** The written files, by path from the app's folder, and the lines left to the user. */
export interface Outcome {
  written: string[]
  byHand: { path: string; line: string }[]
}

/** Writes the new files, all or none, and then the lines whose places are found. */
export function writeResource(names: Names, files: Map<string, string>, places: Places): Outcome {
  const edits = [
    edit(places.policy, [policyLine(names)]),
    edit(places.app, [routesLine(names), importLine(names)]),
  ]
  writeAll(files, join(places.source, names.plural))
  for (const { path, text } of edits) if (text !== undefined) writeFileSync(path, text)
  const shown = (path: string) => relative(places.folder, path)
  const changed = edits.filter(({ text }) => text !== undefined)
  return {
    written: [...files.keys(), ...changed.map(({ path }) => path)].map(shown),
    byHand: edits.flatMap(({ path, lines }) => lines.map((line) => ({ path: shown(path), line }))),
  }
}

interface Edit {
  path: string
  /** The new content; undefined if nothing changes. */
  text?: string
  /** The lines that could not be inserted. */
  lines: string[]
}

// Reads before anything is written.
function edit(path: string, insertions: Insertion[]): Edit {
  const before = readText(path)
  const lines: string[] = []
  let text = before
  for (const { line, insertInto } of insertions) {
    const inserted = text === undefined ? undefined : insertInto(text)
    if (inserted === undefined) lines.push(line)
    else text = inserted
  }
  return { path, lines, ...(text === undefined || text === before ? {} : { text }) }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function writeAll(files: Map<string, string>, module: string): void {
  const written: string[] = []
  mkdirSync(module)
  try {
    for (const [path, content] of files) {
      writeFileSync(path, content, { flag: 'wx' })
      written.push(path)
    }
  } catch (cause) {
    for (const path of written) rmSync(path)
    rmSync(module, { recursive: true, force: true })
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError(`nothing was written: ${why}`, { cause })
  }
}
