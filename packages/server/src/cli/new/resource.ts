import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { OperatorError } from '../../lib/operator_error.ts'
import type { Field } from './fields.ts'
import { type Insertion, importLine, policyLine, routesLine } from './lines.ts'
import { downSql, upSql } from './migration.ts'
import type { Names } from './names.ts'
import { queriesSource } from './queries.ts'
import { routesSource } from './routes.ts'
import { schemaSource } from './schema.ts'
import { testSource } from './tests.ts'

/** Where the parts of an app are. */
export interface Places {
  folder: string
  app: string
  policy: string
  source: string
  migrations: string
}

/** What was done, by path from the app's folder, and what the user has to do. */
export interface Outcome {
  written: string[]
  byHand: { path: string; line: string }[]
}

/** The places of the app that `app` defines. Throws an OperatorError where they are not the usual. */
export function placesOf(folder: string, app: string): Places {
  const source = dirname(app)
  const migrations = join(source, '../migrations')
  if (!app.endsWith('.ts')) throw new OperatorError(`${app} is no TypeScript source`)
  try {
    readdirSync(migrations)
  } catch (cause) {
    throw new OperatorError(`there is no folder ${migrations} for its migration`, { cause })
  }
  return { folder, app, policy: join(source, 'policy.ts'), source, migrations }
}

/** The new files of a resource: path and content. */
export function resourceFiles(
  names: Names,
  fields: Field[],
  { source, migrations }: Places,
  role: string,
): Map<string, string> {
  const { plural } = names
  const migration = join(migrations, `${nextNumber(migrations)}_${plural}`)
  const module = join(source, plural, plural)
  return new Map([
    [`${migration}.up.sql`, upSql(names, fields)],
    [`${migration}.down.sql`, downSql(names)],
    [`${module}.schema.ts`, schemaSource(names, fields)],
    [`${module}.ts`, queriesSource(names, fields)],
    [`${module}.routes.ts`, routesSource(names)],
    [`${module}.test.ts`, testSource(names, fields, role)],
  ])
}

/** Writes the new files, all or none, and then the two lines where their places are found. */
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
  /** The file as it will be; undefined where it stays. */
  text?: string
  /** What could not be inserted. */
  lines: string[]
}

// Read before anything is written: a file that cannot be read is found in time.
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

function nextNumber(migrations: string): string {
  const numbers = readdirSync(migrations).map((it) => Number.parseInt(it, 10) || 0)
  return String(Math.max(0, ...numbers) + 1).padStart(4, '0')
}
