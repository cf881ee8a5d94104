import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { loadConfig } from '../config/config.ts'
import { settingsOf } from '../db/provisioning/role_urls.ts'
import { allRoles, forEachRole, type RoleUrls, roles } from '../db/provisioning/roles.ts'
import { explainFileErrors } from '../lib/file_errors.ts'
import { OperatorError } from '../lib/operator_error.ts'

type Environment = Record<string, string | undefined>

/** The files that `tenantry setup --write` makes: one for servers, and one for the commands of an admin. */
export interface ProductionFiles {
  servers: string
  admin: string
  settings: Environment
}

/**
 * Plans the files for production. `given` are the settings of the file that `--env-file` names. Throws an
 * OperatorError, before anything is set up, if a file exists or a server could not run with the settings.
 */
export function planFiles(name: string, given: Environment): ProductionFiles {
  const admin = `${name}.admin`
  for (const file of [name, admin]) {
    if (existsSync(file)) {
      throw new OperatorError(`${file} exists and is not overwritten: name another one, or move it`)
    }
  }
  const { DB_ADMIN_URL, ...copied } = given
  const SECRET_KEY = randomBytes(48).toString('base64')
  const settings = { SECRET_KEY, ...copied, NODE_ENV: 'production' }
  const placeholders = settingsOf(forEachRole((role) => `postgresql://${roles[role].name}@db/app`))
  loadConfig({ ...settings, ...placeholders })
  for (const [name, value] of Object.entries(settings)) assertQuotable(name, value)
  return { servers: name, admin, settings }
}

/** Writes the files, readable by their owner only. The servers' file lacks the DSNs that can do more. */
export async function writeFiles(
  { servers, admin, settings }: ProductionFiles,
  urls: RoleUrls,
): Promise<void> {
  const none = Object.fromEntries(allRoles.map((role) => [roles[role].setting, undefined]))
  const { app, identity } = urls
  await writeNew(servers, { ...settings, ...none, ...settingsOf({ app, identity }) })
  await writeNew(admin, { ...settings, ...settingsOf(urls) })
}

function writeNew(file: string, environment: Environment): Promise<void> {
  const lines = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${quoted(value)}\n`],
  )
  return explainFileErrors(file, async () => {
    writeFileSync(file, lines.join(''), { mode: 0o600, flag: 'wx', flush: true })
  })
}

/** A value as both a shell and the readers of environment files take it. */
export function quoted(value: string): string {
  return /^[\w@%+=:,./?-]*$/.test(value) ? value : `'${value}'`
}

// No quoting of a quote means the same to a shell, to Docker and to Node.js.
function assertQuotable(name: string, value = ''): void {
  if (!/['\n]/.test(value)) return
  throw new OperatorError(`${name} contains a single quote or a line break: write it without one`)
}
