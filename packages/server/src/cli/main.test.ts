import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeWorkplace, type Workplace } from '../../test/fixtures/cli.ts'
import { programFor } from './main.ts'

const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')

const bin = fileURLToPath(new URL('../../bin/tenantry.js', import.meta.url))

let place: Workplace
beforeAll(() => {
  place = makeWorkplace()
})
afterAll(() => place.remove())

async function helpOf(command: string): Promise<string> {
  const { code, stdout } = await place.run(`${command} --help`)
  expect(code).toBe(0)
  return stdout
}

/** The commands in a help text, each with its summary. */
function listed(help: string): [string, string][] {
  const [, list = ''] = help.split('Commands:\n')
  return [...list.matchAll(/^ {2}([a-z-]+)\b.*? {2,}(.*(?:\n {10,}.*)*)/gm)].map(
    ([, name = '', summary = '']) => [name, summary],
  )
}

test.each(['tenant', 'user', 'domain', 'invitation', 'jobs'])(
  'the overview and the README name every subcommand of `%s`',
  async (noun) => {
    const overview = new Map(listed(await helpOf('')))
    const table = readme.split('\n').find((it) => it.startsWith(`| \`${noun} `)) ?? ''
    const verbs = listed(await helpOf(noun)).filter(([name]) => name !== 'help')
    expect(verbs.length).toBeGreaterThan(1)
    for (const [verb] of verbs) {
      const words = verb.split('-')
      for (const word of words) expect(overview.get(noun)).toContain(word)
      expect(table).toContain(verb)
    }
  },
)

test.each([
  ['strat', "unknown command 'strat' (did you mean start?)", 'tenantry'],
  ['start --prot 80', "unknown option '--prot'", 'tenantry start'],
  [
    'start --port 80',
    "unknown option '--port' (set PORT in the environment or in .env)",
    'tenantry start',
  ],
  ['start now', "too many arguments for 'start': it takes 0 and got 1", 'tenantry start'],
  ['strat --help', "unknown command 'strat' (did you mean start?)", 'tenantry'],
  ['tenant crate', "unknown command 'crate' (did you mean create?)", 'tenantry tenant'],
  ['tenant create', "required option '--name <name>' not specified", 'tenantry tenant create'],
  ['help tenant crate', "unknown command 'crate' (did you mean create?)", 'tenantry tenant'],
  ['domain add', "missing required argument 'subdomain'", 'tenantry domain add'],
])(
  'the mistyped `%s` is answered in one line, and with --json in one of JSON',
  async (line, error, command) => {
    const { code, stdout, stderr } = await place.run(line)
    expect([code, stdout, stderr]).toEqual([1, '', `tenantry: ${error}; see ${command} --help\n`])
    if (line.startsWith('st')) return
    const asJson = await place.run(`${line} --json`)
    expect([asJson.code, asJson.stdout, JSON.parse(asJson.stderr)]).toEqual([1, '', { error }])
  },
)

test('the help of a command names the options that all commands have', async () => {
  const help = await helpOf('setup')
  expect(help).toMatch(/Global Options:\n.*\n {2}--env-file <name> {2,}read the settings/)
  expect((await place.run('help tenant create')).stdout).toMatch(/^Usage: tenantry tenant create /)
})

test('no text of the help has line breaks of its own: the parser wraps it', async () => {
  const names = listed(await helpOf('')).map(([name]) => name)
  const programs = await Promise.all(names.map((name) => programFor([name])))
  const commands = programs.flatMap((it) => it.commands).flatMap((it) => [it, ...it.commands])
  expect(commands.length).toBeGreaterThan(40)
  const texts = commands.flatMap((it) => [
    it.description(),
    ...it.options.map(({ description }) => description),
  ])
  expect(texts.filter((it) => it.includes('\n'))).toEqual([])
})

test('the README names every command', async () => {
  const names = listed(await helpOf('')).map(([name]) => name)
  expect(names.length).toBeGreaterThan(8)
  const table = readme.slice(readme.indexOf('| command | does |'), readme.indexOf('## Docker'))
  for (const name of names.filter((it) => it !== 'help')) expect(table).toContain(`\`${name}`)
})

// How many files Node.js itself opens differs by its version: one of these limits is too low for the modules.
test('too few open files are one line that says what to do, and no stack', async () => {
  const outputs = [22, 26, 30, 34].map((limit) => {
    const line = `ulimit -n ${limit}; exec "${process.execPath}" "${bin}" --version`
    const { stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' })
    return stdout + stderr
  })
  const wanted =
    'tenantry: too few open files are allowed: run ulimit -n 1024 first, or allow more\n'
  expect(outputs).toContain(wanted)
})
