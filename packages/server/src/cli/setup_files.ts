import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { loadConfig } from '../config/config.ts'
import { settingsOf } from '../db/provisioning/role_urls.ts'
import { allRoles, forEachRole, type RoleUrls, roles } from '../db/provisioning/roles.ts'
import { explainFileErrors } from '../lib/file_errors.ts'
import { OperatorError } from '../lib/operator_error.ts'

type Environment = Record<string, string | undefined>

/** The files that `tenantry setup --write` makes: for servers, for the commands of an admin, and for pg_dump. */
export interface ProductionFiles {
  servers: string
  settings: Environment
}

/** The names of the files: for servers, for the commands of an admin, and for pg_dump. */
export function namesOf({ servers }: ProductionFiles) {
  return [servers, `${servers}.admin`, `${servers}.backup`] as const
}

/**
 * Plans the files for production. `given` are the settings of the file that `--env-file` names. Throws an
 * OperatorError, before anything is set up, if a file exists or a server could not run with the settings.
 */
export function planFiles(name: string, given: Environment): ProductionFiles {
  for (const file of namesOf({ servers: name, settings: {} })) {
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
  return { servers: name, settings }
}

/** Writes the files, readable by their owner only. The servers' file lacks the DSNs that can do more. */
export async function writeFiles(files: ProductionFiles, urls: RoleUrls): Promise<void> {
  const { settings } = files
  const [servers, admin, backup] = namesOf(files)
  const none = Object.fromEntries(allRoles.map((role) => [roles[role].setting, undefined]))
  const { app, identity, jobs } = urls
  await writeNew(servers, { ...settings, ...none, ...settingsOf({ app, identity, jobs }) })
  await writeNew(admin, { ...settings, ...settingsOf(urls) })
  await writeNew(backup, settingsOf({ backup: urls.backup }))
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
