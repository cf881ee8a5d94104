import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { OperatorError } from '../../lib/operator_error.ts'
import type { Field } from './fields/fields.ts'
import { constraintLine, type Insertion, importLine, policyLine, routesLine } from './insertions.ts'
import type { Names } from './names.ts'
import type { Places } from './places.ts'

/** What to write: new files, and insertions into existing ones. */
export interface Changes {
  /** By path. */
  files: Map<string, string>
  edits: Edit[]
}

/** An existing file and what is inserted into it. */
export interface Edit {
  path: string
  /** The new content; undefined if nothing changes. */
  text?: string
  /** The inserted lines. */
  lines: string[]
  /** The lines whose place was not found. */
  byHand: string[]
}

/** What a page changes in files of web/. */
export type PageEdits = readonly { path: string; insertions: readonly Insertion[] }[]

/** The changes that a resource makes. Reads only. */
export function changesOf(
  names: Names,
  fields: readonly Field[],
  files: Map<string, string>,
  places: Places,
  page: PageEdits = [],
): Changes {
  const unique = fields.filter((it) => it.unique).map((it) => constraintLine(names, it))
  const insertions = [routesLine(names), importLine(names), ...unique]
  return {
    files,
    edits: [
      editOf(places.policy, [policyLine(names)]),
      editOf(places.app, insertions),
      ...page.map(({ path, insertions: lines }) => editOf(path, lines)),
    ],
  }
}

/** What the insertions make of a file. Reads only. */
export function editOf(path: string, insertions: readonly Insertion[]): Edit {
  const before = readText(path)
  const edit: Edit = { path, lines: [], byHand: [] }
  let text = before
  for (const { line, insertInto } of insertions) {
    const inserted = text === undefined ? undefined : insertInto(text)
    if (inserted === undefined || inserted === text) edit.byHand.push(line)
    else {
      text = inserted
      edit.lines.push(line)
    }
  }
  return text === undefined || text === before ? edit : { ...edit, text }
}

/** Writes all of the files and insertions, or none. Gives their paths. */
export function writeChanges({ files, edits }: Changes): string[] {
  const undo: (() => void)[] = []
  try {
    for (const [path, content] of files) undo.push(writeNew(path, content))
    const changed = edits.filter(({ text }) => text !== undefined)
    for (const { path, text = '' } of changed) {
      const before = readFileSync(path)
      undo.push(() => writeFileSync(path, before))
      writeFileSync(path, text)
    }
    return [...files.keys(), ...changed.map(({ path }) => path)]
  } catch (cause) {
    for (const step of undo.reverse()) step()
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError(`nothing was written: ${why}`, { cause })
  }
}

// Gives what removes it again, with the first of its folders that did not exist.
function writeNew(path: string, content: string): () => void {
  const folder = mkdirSync(dirname(path), { recursive: true })
  try {
    writeFileSync(path, content, { flag: 'wx' })
  } catch (cause) {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    throw cause
  }
  return () => rmSync(folder ?? path, { recursive: true, force: true })
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
