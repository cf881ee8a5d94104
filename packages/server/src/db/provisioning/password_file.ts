import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { OperatorError } from '../../lib/operator_error.ts'
import { readIfThere } from '../embedded/process.ts'
import type { Role } from './roles.ts'

export type RolePasswords = Record<Role, string>

const RolePasswords = z.object({
  owner: z.string(),
  app: z.string(),
  identity: z.string(),
  platform: z.string(),
})
const Kept = z.record(z.string(), RolePasswords)

/** The passwords of the roles on `server`, where an earlier start of this DATA_DIR made them. */
export function readPasswords(dataDir: string, server: string): RolePasswords | undefined {
  return readKept(dataDir)[server]
}

/** Keeps the passwords of the roles on `server`. Roles are the server's, not one database's. */
export function writePasswords(
  dataDir: string,
  server: string,
  passwords: Partial<RolePasswords>,
): RolePasswords {
  const kept = readKept(dataDir)
  const merged = RolePasswords.parse({ ...kept[server], ...passwords })
  write(dataDir, { ...kept, [server]: merged })
  return merged
}

/** Forgets them, where the server is gone. */
export function deletePasswords(dataDir: string, server: string): void {
  const { [server]: gone, ...others } = readKept(dataDir)
  if (gone !== undefined) write(dataDir, others)
}

function readKept(dataDir: string): Record<string, RolePasswords> {
  const text = readIfThere(fileIn(dataDir))
  if (text === undefined) return {}
  try {
    return Kept.parse(JSON.parse(text))
  } catch (cause) {
    throw new OperatorError(
      `${fileIn(dataDir)} is damaged: delete it, and the next start makes new passwords`,
      { cause },
    )
  }
}

// Whole or not at all: a torn file would lock everyone out of the roles.
function write(dataDir: string, kept: Record<string, RolePasswords>): void {
  mkdirSync(dataDir, { recursive: true })
  const unfinished = `${fileIn(dataDir)}.${process.pid}`
  writeFileSync(unfinished, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 })
  renameSync(unfinished, fileIn(dataDir))
}

function fileIn(dataDir: string): string {
  return join(dataDir, 'roles.json')
}
