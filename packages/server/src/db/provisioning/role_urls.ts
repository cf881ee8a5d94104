import { withDatabase } from '../connect/dsn.ts'
import { allRoles, type Role, type RoleUrls, roles, sessionSettings } from './roles.ts'

/** The DSNs of the roles whose passwords are given. */
export function roleUrls<Passwords extends Partial<Record<Role, string>>>(
  adminUrl: string,
  database: string,
  passwords: Passwords,
): { [R in keyof Passwords]: string } {
  const urls = Object.entries(passwords).map(([role, password]) => {
    const url = new URL(withDatabase(adminUrl, database))
    url.username = roles[role as Role].name
    url.password = encodeURIComponent(password)
    // A quote would end the value in an environment file.
    return [role, url.href.replaceAll("'", '%27')]
  })
  return Object.fromEntries(urls)
}

/**
 * A DSN that connects as the administrator and works as the owner. The administrator must be allowed to
 * SET ROLE to the owner.
 */
export function asOwner(adminUrl: string, database: string): string {
  const url = new URL(withDatabase(adminUrl, database))
  // The session has the stored settings of the administrator, not those of the owner.
  const settings = { role: roles.owner.name, ...sessionSettings, ...roles.owner.limits }
  const options = Object.entries(settings).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`,
  )
  url.searchParams.set('options', options.join(' '))
  return url.href
}

type UrlSettings = { [R in Role as (typeof roles)[R]['setting']]?: string | undefined }

/** The roles' DSNs in the settings. */
export function urlsIn(settings: UrlSettings): Partial<RoleUrls> {
  const urls = allRoles.map((role) => [role, settings[roles[role].setting]])
  return Object.fromEntries(urls.filter(([, url]) => url !== undefined))
}

/** The settings that hold these DSNs. A setting without one is undefined. */
export function settingsOf(urls: Partial<RoleUrls>): UrlSettings {
  return Object.fromEntries(allRoles.map((role) => [roles[role].setting, urls[role]]))
}
