import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../bin/tenantry.js', import.meta.url))
// A busy machine is no reason for a 503 here, nor a fast one for a 429.
const patient = { EVENT_LOOP_DELAY_MAX_MS: '60000', TENANT_RATE: '100000', PUBLIC_RATE: '100000' }
const starter = fileURLToPath(new URL('../../../starter/src/app.ts', import.meta.url))

/** What a command left behind. */
export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

/** A command that is still running. */
export interface RunningCommand {
  process: ChildProcess
  /** Resolves when it has printed this; rejects with all it said when it ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  finished: Promise<Finished>
}

/** A folder as a user has it, with the real CLI in it. */
export interface Workplace {
  folder: string
  write(name: string, content: string): void
  /** Runs a command to its end. */
  run(command: string, environment?: Record<string, string>): Promise<Finished>
  launch(command: string, environment?: Record<string, string>): RunningCommand
  /** Ends what still runs and removes the folder. */
  remove(): Promise<void>
}

/** Makes a folder whose package.json names the starter's app, or `app`. */
export function makeWorkplace(app = starter): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-cli-'))
  // As root, PostgreSQL's own user must get through to the cluster.
  chmodSync(folder, 0o755)
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content)
  write('package.json', JSON.stringify({ type: 'module', tenantry: { app } }))
  const running = new Set<RunningCommand>()
  const launch = (command: string, environment: Record<string, string> = {}) => {
    const launched = launchIn(folder, [bin, ...words(command)], environment)
    running.add(launched)
    launched.process.on('close', () => running.delete(launched))
    return launched
  }
  return {
    folder,
    write,
    launch,
    run: (command, environment) => launch(command, environment).finished,
    async remove() {
      for (const { process } of running) process.kill('SIGTERM')
      await Promise.all([...running].map((it) => it.finished))
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Runs commands in a folder that has an app and its packages, as a container of the image does. */
export function launchInImage(
  folder: string,
  command: readonly string[],
  environment: Record<string, string>,
  user?: number,
): RunningCommand {
  const entrypoint = join(folder, 'node_modules/tenantry/bin/tenantry.js')
  return launchIn(folder, [entrypoint, ...command], environment, user)
}

/** The app of the starter with something more, for a workplace's app.ts. */
export function appWith(more: string, before = ''): string {
  return `import { app as starter } from '${starter}'\n${before}\nexport const app = { ...starter, ${more} }\n`
}

function launchIn(
  folder: string,
  args: readonly string[],
  environment: Record<string, string>,
  user?: number,
): RunningCommand {
  // Of our own environment only what a program needs: a developer's DB_URL must not get in.
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH, HOME, PORT: '0', ...patient, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (said.stdout += data))
  child.stderr.on('data', (data) => (said.stderr += data))
  const finished = once(child, 'close').then(([code]) => ({ code, ...said }))
  return { process: child, finished, says: (pattern) => sayIn(child, said, pattern) }
}

async function sayIn(
  child: ChildProcess,
  said: { stdout: string; stderr: string },
  pattern: RegExp,
): Promise<RegExpExecArray> {
  const ended = once(child, 'close').then(() => 'ended' as const)
  for (;;) {
    const all = said.stdout + said.stderr
    const found = pattern.exec(all)
    if (found !== null) return found
    if (child.exitCode !== null) throw new Error(`it ended before it said ${pattern}:\n${all}`)
    const streams = [child.stdout, child.stderr].filter((it) => it !== null)
    await Promise.race([ended, ...streams.map((it) => once(it, 'data'))])
  }
}

function words(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain = '']) => quoted ?? plain)
}
