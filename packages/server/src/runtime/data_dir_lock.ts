import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { acquireLock, parseLiving, readIfThere } from '../db/embedded/process.ts'
import { explainFileErrors } from '../lib/file_errors.ts'
import { OperatorError } from '../lib/operator_error.ts'

/** A DATA_DIR that one server has for itself. */
export interface DataDirLock {
  /** Leaves word of where this server is, for whoever tries to start a second one. */
  writeUrl(url: string): void
  release(): void
}

export interface RunningServer {
  pid: number
  /** Where it listens; undefined while it starts. */
  url?: string | undefined
}

const Announcement = z.object({ pid: z.number(), url: z.string() })

/** Claims a DATA_DIR. Throws an OperatorError that names the server which has it. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  return explainFileErrors(dataDir, async () => {
    mkdirSync(dataDir, { recursive: true })
    const release = await acquireLock(lockIn(dataDir), 0)
    if (release === undefined) throw alreadyRunning(dataDir)
    rmSync(announcementIn(dataDir), { force: true })
    return {
      writeUrl: (url) => announce(dataDir, url),
      release() {
        rmSync(announcementIn(dataDir), { force: true })
        release()
      },
    }
  })
}

/** Says where this server is; also for a child of the process that holds the claim. */
export function announce(dataDir: string, url: string): void {
  writeFileSync(announcementIn(dataDir), JSON.stringify({ pid: process.pid, url }))
}

/** The server that has this DATA_DIR, if one runs. */
export function runningServer(dataDir: string): RunningServer | undefined {
  const holder = parseLiving(readIfThere(lockIn(dataDir)))
  if (holder === undefined) return undefined
  return { pid: holder.pid, url: readAnnouncement(dataDir)?.url }
}

function alreadyRunning(dataDir: string): OperatorError {
  const { pid, url } = runningServer(dataDir) ?? { pid: 'unknown' }
  const where = url === undefined ? '' : ` at ${url}`
  return new OperatorError(
    `already running${where} (process ${pid}) on ${dataDir}: stop that one, or set DATA_DIR and PORT`,
  )
}

function readAnnouncement(dataDir: string): RunningServer | undefined {
  const { data } = Announcement.safeParse(parsed(readIfThere(announcementIn(dataDir))))
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

function announcementIn(dataDir: string): string {
  return join(dataDir, 'running.json')
}
