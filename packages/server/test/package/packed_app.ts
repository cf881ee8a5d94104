import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '../../../..')
const runFile = promisify(execFile)

/** An app as a user has it: scaffolded, with the packages of this repository installed from their tarballs. */
export interface PackedApp {
  folder: string
  /** Runs a shell command in its folder; rejects with the output when it fails. */
  run(line: string): Promise<string>
  environment: Record<string, string>
  remove(): void
}

/** Packs every package and makes an app with them, outside this checkout. */
export async function makePackedApp(name: string): Promise<PackedApp> {
  const place = mkdtempSync(join(tmpdir(), 'tenantry-packed-'))
  // Under root PostgreSQL runs as another user, which must reach the cluster in this folder.
  await chmod(place, 0o755)
  const folder = join(place, name)
  try {
    const scaffolder = await pack('create-tenantry', place)
    const packed: string[] = []
    for (const workspace of INSTALLED) packed.push(`"${await pack(workspace, place)}"`)
    writeFileSync(join(place, 'package.json'), '{ "private": true }')
    await runIn(place, `npm install --no-audit --no-fund "${scaffolder}"`)
    await runIn(place, `npx create-tenantry ${name}`)
    await runIn(folder, `npm install --no-audit --no-fund --prefer-offline ${packed.join(' ')}`)
  } catch (error) {
    rmSync(place, { recursive: true, force: true })
    throw error
  }
  return {
    folder,
    environment,
    run: (line) => runIn(folder, line),
    remove: () => rmSync(place, { recursive: true, force: true, maxRetries: 5 }),
  }
}

const INSTALLED = ['server', 'client', 'codegen', 'web']

async function pack(workspace: string, place: string): Promise<string> {
  const line = `npm pack --silent --pack-destination "${place}"`
  const said = await runIn(join(root, 'packages', workspace), line)
  return join(place, said.trim().split('\n').at(-1) ?? '')
}

async function runIn(cwd: string, line: string): Promise<string> {
  try {
    const options = { cwd, env: environment, shell: true, maxBuffer: 64 * 1024 * 1024 }
    return (await runFile(line, options)).stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${line} failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}

// Only the variables that a program and npm need: neither a developer's DB_URL nor the variables that
// the npm running these tests sets for its children. No colours, because the tests read the output.
const environment: Record<string, string> = {
  NO_COLOR: '1',
  GIT_AUTHOR_NAME: 'Ann',
  GIT_AUTHOR_EMAIL: 'ann@example.com',
  GIT_COMMITTER_NAME: 'Ann',
  GIT_COMMITTER_EMAIL: 'ann@example.com',
  ...Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      /^(path|home|.*_proxy|npm_config_(registry|cache|cafile))$/i.test(name) && value !== undefined
        ? [[name, value]]
        : [],
    ),
  ),
}
