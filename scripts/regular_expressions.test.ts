import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseSource } from './measure/syntax_tree.ts'
import { isTest, readSources } from './sources.ts'

// The first for those whose time doubles with each character: with more of them the test would not end.
const LENGTHS = [24, 1_000, 10_000]
// A pattern that looks at each character once needs less than a tenth of a millisecond.
const MAX_MS = 20
const TRIES = 3

// What only the operator or the author of an app writes.
const trusted =
  /\/src\/(cli|config|testing)\/|\/src\/db\/(citus|embedded|lint|migrations|provisioning)\//

interface Pattern {
  path: string
  expression: RegExp
}

test('no text makes a regular expression of a server slow (DOS-3)', async () => {
  const patterns = await patternsOf(['packages/server/src', 'starter/src'])
  expect(patterns.length).toBeGreaterThan(40)
  expect(patterns.filter(isSlow).map((it) => `${it.path}: ${it.expression}`)).toEqual([])
})

test('a slow regular expression is found', () => {
  const slow = [/^(a+)+$/, /\s+$/]
  expect(slow.map((expression) => isSlow({ path: '', expression }))).toEqual(slow.map(() => true))
})

async function patternsOf(folders: string[]): Promise<Pattern[]> {
  const sources = await readSources(join(import.meta.dirname, '..'), folders, /\.tsx?$/)
  return sources
    .filter(({ path }) => !isTest(path) && !trusted.test(path))
    .flatMap((source) =>
      parseSource(source)
        .nodes.filter(({ type }) => type === 'RegExpLiteral')
        .map(({ raw }) => ({
          path: source.path,
          expression: new RegExp(String(raw['pattern']), String(raw['flags'] ?? '')),
        })),
    )
    .filter(({ expression }) => /[*+]|\{\d*,/.test(expression.source))
}

function isSlow({ expression }: Pattern): boolean {
  const units = unitsOf(expression)
  return LENGTHS.some((length) => units.some((unit) => takesLong(expression, unit, length)))
}

// The fastest of some tries counts: the machine may be busy.
function takesLong(expression: RegExp, unit: string, length: number): boolean {
  // The end is one that the pattern does not match.
  const text = `${unit.repeat(length / unit.length)}\0`
  for (let n = 0; n < TRIES; n++) {
    const begun = performance.now()
    text.replace(expression, '')
    if (performance.now() - begun <= MAX_MS) return false
  }
  return true
}

// What the pattern itself names, alone and in pairs.
function unitsOf({ source }: RegExp): string[] {
  const named = source.replaceAll(/\\[a-zA-Z]|[\\^$()[\]{}|?*+]/g, '')
  const letters = [...new Set([...named.slice(0, 8), 'a', '0', ' ', '-'])]
  return letters.flatMap((it) => [it, ...letters.map((next) => it + next)])
}
