import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const LIST = 'docs/requirements.md'
const SECURITY = 'docs/security-tests.md'
const ID = /\b(?!(?:BSD|GPL|MIT|MPL|PDF|SHA|UTF)-)[A-Z]{2,5}-\d{1,2}\b/g
// Their examples name ids that do not exist.
const excluded = [LIST, 'scripts/requirements.test.ts', 'package-lock.json', 'released']

/** A sentence of SECURITY.md by its first words, and a test of it unless it is one that no test can have. */
interface Claim {
  sentence: string
  test?: { name: string; file: string }
}

interface Row {
  id: string
  files: string[]
}

type Read = (path: string) => string | undefined

test('docs/requirements.md lists every cited requirement, and the tests that it names cite it', () => {
  const text = readFileSync(join(root, LIST), 'utf8')
  expect(faultsOf(rowsOf(text), citedIds(), readSource)).toEqual([])
  expect(rowsOf(text).length).toBeGreaterThan(70)
})

test('a missing row, a missing file and a test that does not cite its requirement are found', () => {
  const rows = rowsOf(
    [
      '| TEN-1 | x | `a.test.ts`, `gone.test.ts` |',
      '| TEN-2 | x | |',
      '| TEN-1 | x | `a.test.ts` |',
    ].join('\n'),
  )
  const read: Read = (path) => (path === 'a.test.ts' ? "test('TEN-11 x')" : undefined)
  expect(faultsOf(rows, new Set(['TEN-1', 'TEN-3']), read)).toEqual([
    'TEN-3 is cited, and not listed',
    'TEN-1 is listed twice',
    'TEN-1: a.test.ts does not cite it',
    'TEN-1: gone.test.ts does not exist',
    'TEN-2 names no test',
    'TEN-1: a.test.ts does not cite it',
  ])
})

test('docs/security-tests.md names tests of each sentence of SECURITY.md', () => {
  const claims = claimsOf(readFileSync(join(root, SECURITY), 'utf8'))
  const sentences = sentencesOf(readFileSync(join(root, 'SECURITY.md'), 'utf8'))
  expect(claimFaults(claims, sentences, readSource)).toEqual([])
  expect(claims.filter((it) => it.test !== undefined).length).toBeGreaterThan(150)
})

test('a sentence without a row, a row without a sentence and a test that does not exist are found', () => {
  const claims = claimsOf(
    [
      '| Rows are kept | keeps rows | `a.test.ts` |',
      '| | keeps row | `a.test.ts` |',
      '| | keeps all | `gone.test.ts` |',
      '| Logs were short | a limit |',
      '| a client: an account | keeps rows | `a.test.ts` |',
    ].join('\n'),
  )
  const sentences = sentencesOf(
    [
      '# Security\n\nIntroduced.\n\n## What is promised\n',
      '- **Rows are\n  kept** (TEN-1). Logs are [short](a.md).',
      '| a client | an account | limits |\n',
    ].join('\n'),
  )
  const read: Read = (path) => (path === 'a.test.ts' ? "test('keeps rows')" : undefined)
  expect(claimFaults(claims, sentences, read)).toEqual([
    'no row for: Logs are short.',
    'no sentence begins with: Logs were short',
    'Rows are kept: a.test.ts has no test "keeps row"',
    'Rows are kept: gone.test.ts does not exist',
  ])
})

function claimFaults(claims: readonly Claim[], sentences: readonly string[], read: Read): string[] {
  const listed = [...new Set(claims.map((it) => it.sentence))]
  return [
    ...sentences
      .filter((text) => !listed.some((it) => text.startsWith(it)))
      .map((it) => `no row for: ${it}`),
    ...listed
      .filter((it) => !sentences.some((text) => text.startsWith(it)))
      .map((it) => `no sentence begins with: ${it}`),
    ...claims.flatMap((it) => testFaults(it, read)),
  ]
}

function testFaults({ sentence, test: named }: Claim, read: Read): string[] {
  if (named === undefined) return []
  const { name, file } = named
  const text = read(file)
  if (text === undefined) return [`${sentence}: ${file} does not exist`]
  const isThere = [`'`, '"', '`'].some((it) => text.includes(`${it}${name}${it}`))
  return isThere ? [] : [`${sentence}: ${file} has no test "${name}"`]
}

// A row without a sentence names a further test of the one above.
function claimsOf(text: string): Claim[] {
  let sentence = ''
  const rows = text.matchAll(/^\| (?:([^|]+) )?\| ([^|]+) \|(?: `([^`]+)` \|)?$/gm)
  return [...rows]
    .filter(([, first]) => first !== 'sentence')
    .map(([, first, name = '', file]) => {
      sentence = first ?? sentence
      return file === undefined ? { sentence } : { sentence, test: { name, file } }
    })
}

/** What SECURITY.md says from its promises on, without markup. A row of the threats is "attacker: goal". */
function sentencesOf(text: string): string[] {
  const blocks = text.slice(text.indexOf('## What is promised')).split(/\n(?=\n|- |\||#)/)
  return blocks
    .map((it) => it.trim())
    .filter((it) => it !== '' && !/^(?:#|\|---|\| attacker )/.test(it))
    .flatMap((it) =>
      it.startsWith('|') ? [threatOf(it)] : proseOf(it).split(/(?<=\.) (?=[A-Z`])/),
    )
}

function threatOf(row: string): string {
  const [, attacker = '', goal = ''] = row.split('|')
  return `${attacker.trim()}: ${goal.trim()}`
}

function proseOf(block: string): string {
  return block
    .replace(/^- /, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('**', '')
    .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')
}

function faultsOf(rows: readonly Row[], cited: ReadonlySet<string>, read: Read): string[] {
  const ids = rows.map(({ id }) => id)
  return [
    ...[...cited].filter((id) => !ids.includes(id)).map((id) => `${id} is cited, and not listed`),
    ...ids.filter((id, at) => ids.indexOf(id) < at).map((id) => `${id} is listed twice`),
    ...rows.flatMap((row) => rowFaults(row, read)),
  ]
}

function rowFaults({ id, files }: Row, read: Read): string[] {
  if (files.length === 0) return [`${id} names no test`]
  return files.flatMap((file) => {
    const text = read(file)
    if (text === undefined) return [`${id}: ${file} does not exist`]
    return [...text.matchAll(ID)].some(([it]) => it === id)
      ? []
      : [`${id}: ${file} does not cite it`]
  })
}

function rowsOf(text: string): Row[] {
  const rows = text.matchAll(/^\| ([A-Z]+-\d+) \|.*\| (.*)\|$/gm)
  return [...rows].map(([, id = '', tests = '']) => ({
    id,
    files: [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
  }))
}

// A path of the lists is one of packages/server, or of the scripts.
function readSource(file: string): string | undefined {
  const path = join(root, file.startsWith('scripts/') ? '' : 'packages/server', file)
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

function citedIds(): Set<string> {
  const without = excluded.map((it) => `:!${it}`)
  const { stdout } = spawnSync(
    'git',
    ['grep', '-hoE', '\\b[A-Z]{2,5}-[0-9]{1,2}\\b', '--', '.', ...without],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  return new Set(stdout.match(ID))
}
