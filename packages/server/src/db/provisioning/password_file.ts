import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { OperatorError } from '../../lib/operator_error.ts'
import { readIfThere } from '../embedded/process.ts'
import type { RolePasswords } from './passwords.ts'
import { allRoles } from './roles.ts'

const Passwords = z.record(z.enum(allRoles), z.string())
const Stored = z.record(z.string(), Passwords)

/** The passwords of the roles on `server`, if an earlier start stored them in this DATA_DIR. */
export function readPasswords(dataDir: string, server: string): RolePasswords | undefined {
  return readStored(dataDir)[server]
}

/** Stores the passwords of the roles on `server`. Roles belong to a server, not to a database. */
export function writePasswords(
  dataDir: string,
  server: string,
  passwords: Partial<RolePasswords>,
): RolePasswords {
  const stored = readStored(dataDir)
  const merged = Passwords.parse({ ...stored[server], ...passwords })
  write(dataDir, { ...stored, [server]: merged })
  return merged
}

/** Deletes the passwords for a server that no longer exists. */
export function deletePasswords(dataDir: string, server: string): void {
  const { [server]: deleted, ...others } = readStored(dataDir)
  if (deleted !== undefined) write(dataDir, others)
}

function readStored(dataDir: string): Record<string, RolePasswords> {
  const text = readIfThere(fileIn(dataDir))
  if (text === undefined) return {}
  try {
    return Stored.parse(JSON.parse(text))
  } catch (cause) {
    throw new OperatorError(
      `${fileIn(dataDir)} is damaged: delete it, and the next start sets new passwords`,
      { cause },
    )
  }
}

// Atomic: after a partial write the passwords of all roles would be lost.
function write(dataDir: string, stored: Record<string, RolePasswords>): void {
  mkdirSync(dataDir, { recursive: true })
  const draft = `${fileIn(dataDir)}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600 })
  renameSync(draft, fileIn(dataDir))
}

function fileIn(dataDir: string): string {
  return join(dataDir, 'roles.json')
}
