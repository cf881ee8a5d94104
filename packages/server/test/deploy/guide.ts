import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** One step of a guide, in the order of the page. */
export type Step =
  | { kind: 'file'; path: string; content: string }
  /** Lines for an existing file, and the words that name the place: `among the routes`. */
  | { kind: 'lines'; path: string; content: string; where: string }
  | { kind: 'command'; line: string }

const BLOCK = /((?:^.+\n)+)?\n?^```(\w+)\n([\s\S]*?)^```$/gm

/** Reads a guide as a list of steps: code blocks, and the paragraph before each that names its file. */
export function stepsOf(markdown: string): Step[] {
  return [...markdown.matchAll(BLOCK)].flatMap(([, words = '', language, content = '']): Step[] => {
    if (language === 'sh') return commandsIn(content).map((line) => ({ kind: 'command', line }))
    const [, file] = /^`([^`]+)`/.exec(words) ?? []
    if (file !== undefined) return [{ kind: 'file', path: file, content }]
    const named = [...words.matchAll(/`([\w./]+\.ts)`/g)].at(-1)?.[1]
    return named === undefined ? [] : [{ kind: 'lines', path: named, content, where: words }]
  })
}

/** Carries out a step with a file, literally. */
export function carryOut(folder: string, step: Exclude<Step, { kind: 'command' }>): void {
  if (step.kind === 'file') {
    const path = join(folder, step.path)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, step.content)
    return
  }
  const path = join(folder, 'src', basename(step.path))
  const before = readFileSync(path, 'utf8')
  const after = withLines(before, step)
  if (after === before) throw new Error(`no place in ${path} for: ${step.content}`)
  writeFileSync(path, after)
}

function withLines(text: string, { where, content }: { where: string; content: string }): string {
  if (/among the resources/.test(where)) return text.replace(/^ *resources: \{\n/m, `$&${content}`)
  if (/under `constraints`/.test(where))
    return text.replace(/^ *constraints: \{\n/m, `$&${content}`)
  if (!/among the routes \(and its import\)/.test(where)) return text
  const [, routes = '', plural = ''] = /\.\.\.((\w+)Routes)\],\n$/.exec(content) ?? []
  const line = `import { ${routes} } from './${plural}s/${plural}s.routes.ts'\n`
  return text.replace(/^ *routes: .*\n/m, content).replace(/^import /m, `${line}$&`)
}

// A server that keeps running and a diff to read are for people.
function commandsIn(block: string): string[] {
  return block
    .split('\n')
    .map((line) => line.replace(/\s+#.*/, '').trim())
    .filter((line) => line !== '' && line !== 'npm start' && !line.startsWith('git '))
}
