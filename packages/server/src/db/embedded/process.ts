import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'

/** Identifies a process. Its start time distinguishes it from a later process with the same pid. */
export interface ProcessIdentity {
  pid: number
  since: string
}

/** A running postmaster, as described by its postmaster.pid. */
export interface Server {
  process: ProcessIdentity
  port: number
  status: string
}

/** Undefined if no such process runs. */
export function identify(pid: number): ProcessIdentity | undefined {
  const since = startOf(pid)
  return since === undefined ? undefined : { pid, since }
}

function isAlive(identity: ProcessIdentity): boolean {
  return startOf(identity.pid) === identity.since
}

export function ownIdentity(): ProcessIdentity {
  return identify(process.pid) ?? { pid: process.pid, since: '' }
}

/** The process that `text` identifies, if it is alive. */
export function parseLiving(text: string | undefined): ProcessIdentity | undefined {
  const identity = parseIdentity(text)
  return identity && isAlive(identity) ? identity : undefined
}

/**
 * Takes the lock `file` and returns its release, or undefined after `timeoutMs`. Breaks a lock whose
 * holder is dead. Should two processes break the same lock concurrently, PostgreSQL's own lock on the
 * cluster still allows only one server to start.
 */
export async function acquireLock(
  file: string,
  timeoutMs: number,
): Promise<(() => void) | undefined> {
  const claim = JSON.stringify({ ...ownIdentity(), nonce: randomUUID() })
  const until = Date.now() + timeoutMs
  while (!takeLock(file, claim)) {
    if (Date.now() > until) return undefined
    await sleep(20)
  }
  return () => {
    if (readIfThere(file) === claim) rmSync(file, { force: true })
  }
}

/** The postmaster of this cluster, if one runs. Ignores a stale or recycled pid. */
export function findServer(cluster: string): Server | undefined {
  const lines = readIfThere(join(cluster, 'postmaster.pid'))?.split('\n') ?? []
  const pid = Number.parseInt(lines[0] ?? '', 10)
  const identity = pid > 0 && servesCluster(pid, cluster) ? identify(pid) : undefined
  if (!identity) return undefined
  return { process: identity, port: Number(lines[3]), status: lines[7]?.trim() ?? 'starting' }
}

/** Fast shutdown. If that takes too long, immediate shutdown: the next start recovers from it. */
export async function stopServer(server: ProcessIdentity): Promise<void> {
  if (await stopWith(server, 'SIGINT', 30_000)) return
  if (await stopWith(server, 'SIGQUIT', 10_000)) return
  throw new OperatorError(`PostgreSQL (process ${server.pid}) does not stop: kill it`)
}

/** The file's text, or undefined if there is no such file (under /proc: no such process). */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes(errorCode(error))) return undefined
    throw error
  }
}

function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') return startOnLinux(pid)
  return process.platform === 'win32' ? startOnWindows(pid) : startOnUnix(pid)
}

function startOnLinux(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`)
  const [state, ...fields] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  // A zombie still has a pid but has exited.
  if (state === undefined || state === 'Z' || state === 'X') return undefined
  const boot = readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
  return `${boot}:${fields[18]}`
}

function startOnUnix(pid: number): string | undefined {
  const [state = 'Z', ...start] = ps(pid, 'stat', 'lstart').split(/\s+/)
  return state === '' || state.startsWith('Z') ? undefined : start.join(' ')
}

function startOnWindows(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
    return 'unknown'
  } catch {
    return undefined
  }
}

function ps(pid: number, ...columns: string[]): string {
  const options = columns.flatMap((column) => ['-o', `${column}=`])
  try {
    return execFileSync('ps', ['-ww', ...options, '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return ''
  }
}

function parseIdentity(text: string | undefined): ProcessIdentity | undefined {
  try {
    const { pid, since } = JSON.parse(text ?? '') as Partial<ProcessIdentity>
    return typeof pid === 'number' && typeof since === 'string' ? { pid, since } : undefined
  } catch {
    return undefined
  }
}

function takeLock(file: string, claim: string): boolean {
  const held = readIfThere(file)
  if (held !== undefined && parseLiving(held)) return false
  if (held !== undefined) breakLock(file, held)
  const draft = `${file}.${randomUUID()}`
  try {
    writeFileSync(draft, claim, { mode: 0o600 })
    // A hard link appears together with its content: no process reads a half-written claim.
    linkSync(draft, file)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function breakLock(file: string, held: string): void {
  const broken = `${file}.${randomUUID()}`
  try {
    renameSync(file, broken)
    // Another process was faster and this is its new lock: put it back.
    if (readIfThere(broken) !== held) linkSync(broken, file)
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(errorCode(error))) throw error
  } finally {
    rmSync(broken, { force: true })
  }
}

function servesCluster(pid: number, cluster: string): boolean {
  if (process.platform === 'win32') return true
  if (process.platform !== 'linux') return ps(pid, 'command').includes(cluster)
  const started = readIfThere(`/proc/${pid}/cmdline`)?.split('\0').includes(cluster)
  return started || workingFolder(pid) === cluster
}

/** A postmaster's working folder is its cluster, even after that folder was renamed. */
function workingFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

async function stopWith(server: ProcessIdentity, signal: NodeJS.Signals, timeoutMs: number) {
  const until = Date.now() + timeoutMs
  if (isAlive(server)) send(server.pid, signal)
  while (isAlive(server)) {
    if (Date.now() > until) return false
    await sleep(10)
  }
  return true
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return
    throw new OperatorError(
      `PostgreSQL (process ${pid}) belongs to another user: stop it as that user`,
    )
  }
}
