import { createHmac, randomBytes } from 'node:crypto'
import { forEachRole, type Role } from './roles.ts'

export type RolePasswords = Record<Role, string>

/** A random password for each role. */
export function randomPasswords(): RolePasswords {
  return forEachRole(() => randomBytes(24).toString('base64url'))
}

/**
 * Passwords derived from the administrator's own: all checkouts and test runs that use one development
 * server agree on them without sharing a file.
 */
export function derivedPasswords(adminUrl: string): RolePasswords {
  const { password } = new URL(adminUrl)
  return forEachRole((role) =>
    createHmac('sha256', password).update(`tenantry ${role}`).digest('base64url').slice(0, 32),
  )
}
