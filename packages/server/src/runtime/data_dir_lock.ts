import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { acquireLock, parseLiving, readIfThere } from '../db/embedded/process.ts'
import { explainFileErrors } from '../lib/file_errors.ts'
import { OperatorError } from '../lib/operator_error.ts'

/** The lock of one server on its DATA_DIR. */
export interface DataDirLock {
  /** Writes where this server listens, for the error of a second server. */
  writeUrl(url: string): void
  release(): void
}

export interface RunningServer {
  pid: number
  /** Where it listens; undefined while it starts. */
  url?: string | undefined
}

const RunningFile = z.object({ pid: z.number(), url: z.string() })

/** Locks a DATA_DIR. Throws an OperatorError that names the server which holds the lock. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  return explainFileErrors(dataDir, async () => {
    mkdirSync(dataDir, { recursive: true })
    const release = await acquireLock(lockIn(dataDir), 0)
    if (release === undefined) throw alreadyRunning(dataDir)
    rmSync(runningFileIn(dataDir), { force: true })
    return {
      writeUrl: (url) => writeRunningUrl(dataDir, url),
      release() {
        rmSync(runningFileIn(dataDir), { force: true })
        release()
      },
    }
  })
}

/** Writes where this server listens. A child of the process that holds the lock may call it. */
export function writeRunningUrl(dataDir: string, url: string): void {
  writeFileSync(runningFileIn(dataDir), JSON.stringify({ pid: process.pid, url }))
}

/** The running server that holds the lock on this DATA_DIR, if there is one. */
export function runningServer(dataDir: string): RunningServer | undefined {
  const holder = parseLiving(readIfThere(lockIn(dataDir)))
  if (holder === undefined) return undefined
  return { pid: holder.pid, url: readRunningFile(dataDir)?.url }
}

function alreadyRunning(dataDir: string): OperatorError {
  const { pid, url } = runningServer(dataDir) ?? { pid: 'unknown' }
  const where = url === undefined ? '' : ` at ${url}`
  return new OperatorError(
    `already running${where} (process ${pid}) on ${dataDir}: stop that server, or set DATA_DIR and PORT`,
  )
}

function readRunningFile(dataDir: string): RunningServer | undefined {
  const { data } = RunningFile.safeParse(parsed(readIfThere(runningFileIn(dataDir))))
  return data
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

function lockIn(dataDir: string): string {
  return join(dataDir, 'start.lock')
}

function runningFileIn(dataDir: string): string {
  return join(dataDir, 'running.json')
}
