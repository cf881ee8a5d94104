// Usage: npm run bench [-- [--tenants=N] [--random-requests=N] [--soak-minutes=N] [figure...]]
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { allFigures } from './all_figures.ts'
import { type Scale, withBench } from './bench.ts'
import type { Figure } from './figure.ts'
import { describeMachine } from './machine.ts'
import { notesOf, type Row, tableOf } from './report.ts'

const root = join(import.meta.dirname, '../..')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tenants: { type: 'string', default: '1000000' },
    'soak-minutes': { type: 'string', default: '10' },
    'random-requests': { type: 'string', default: '1000000' },
  },
})
const scale: Scale = {
  randomRequests: Number(values['random-requests']),
  tenants: Number(values.tenants),
  soakMinutes: Number(values['soak-minutes']),
}
const chosen = chosenFigures(positionals)
// Read now, because a commit may be made while the benchmark runs.
const measuredCommit = commit()
const startedAt = performance.now()

const results = await withBench(scale, progress, async (withOwn) => {
  const machine = await withOwn((bench) => describeMachine(bench.database))
  const rows: Row[] = []
  for (const figure of chosen) {
    progress(figure.name)
    const measured = await withOwn((bench) => figure.measure(bench))
    rows.push({ figure, measured })
    for (const note of measured.notes) progress(`  ${note}`)
  }
  return resultsText(machine, rows)
})
console.log(`\n${results}`)
// A partial table must not replace the whole one.
if (chosen.length === allFigures.length) {
  await writeFile(join(root, 'bench/RESULTS.md'), results)
}

function chosenFigures(names: string[]): Figure[] {
  const unknown = names.filter((name) => !allFigures.some((it) => it.name.startsWith(name)))
  if (unknown.length > 0) {
    console.error(`no figure is called ${unknown.join(', ')}; there are:`)
    for (const { name, what } of allFigures) console.error(`  ${name.padEnd(20)} ${what}`)
    process.exit(1)
  }
  if (names.length === 0) return [...allFigures]
  return allFigures.filter(({ name }) => names.some((it) => name.startsWith(it)))
}

function progress(text: string): void {
  const seconds = Math.round((performance.now() - startedAt) / 1_000)
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  console.error(`${clock.padStart(6)}  ${text}`)
}

function resultsText(machine: string[], rows: Row[]): string {
  const minutes = Math.round((performance.now() - startedAt) / 60_000)
  return [
    '# Benchmark results',
    `${new Date().toISOString().slice(0, 10)}, commit ${measuredCommit}, in ${minutes} minutes. ` +
      'How it is measured: [README.md](README.md).',
    machine.map((it) => `- ${it}`).join('\n'),
    tableOf(rows),
    '## Details',
    `${notesOf(rows)}\n`,
  ].join('\n\n')
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain', '--', 'packages', 'starter', 'bench/src')
  return git('rev-parse', '--short', 'HEAD') + (changed === '' ? '' : ' with changes')
}
