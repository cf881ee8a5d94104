import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { type CommandConfig, loadCommandConfig, readEnvironment } from '../config/config.ts'
import { histories, migrateUp } from '../db/migrations/migrate.ts'
import { withPasswordLock } from '../db/provisioning/choose_database.ts'
import {
  type RolePasswords,
  readPasswords,
  writePasswords,
} from '../db/provisioning/password_file.ts'
import {
  applyPlan,
  type ProvisioningPlan,
  planProvisioning,
  type ServerSetup,
  settingOf,
  withProvisioningLock,
} from '../db/provisioning/plan.ts'
import { serverOf } from '../db/provisioning/probe.ts'
import { asOwner, type Role, roles, roleUrls } from '../db/provisioning/roles.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { loadApp } from '../runtime/load_app.ts'
import { printJson } from './print.ts'

/** `tenantry setup`. */
export function setupCommand(): Command {
  return new Command('setup')
    .description(
      'Make roles, database and schema with DB_ADMIN_URL, migrate, and print the DSNs. A role whose\n' +
        'DSN is set gets the password in it, any other a random one. Running it again changes no\n' +
        'password unless told to.',
    )
    .option('--reset-passwords', 'give the roles new passwords: whoever uses the old ones is out')
    .option('--no-migrate', 'leave the database empty, for a backup to be restored into it')
    .option('--json', 'print JSON')
    .addHelpText('after', examples)
    .action(setup)
}

interface SetupOptions {
  resetPasswords?: boolean
  migrate: boolean
  json?: boolean
}

async function setup({ resetPasswords = false, migrate, json }: SetupOptions): Promise<void> {
  const config = loadCommandConfig(readEnvironment(process.cwd()))
  const { DATA_DIR, production } = config
  const { adminUrl, setting } = administrator(config)
  const app = await loadApp(process.cwd())
  const given = givenPasswords(config)
  const strangers = resetPasswords ? 'reset' : 'leave'
  const wanted = { adminUrl, setting, given, strangers } as const
  const plan = await withProvisioningLock(wanted, () =>
    production
      ? setUpForProduction(wanted)
      : withPasswordLock(DATA_DIR, () => setUpForDevelopment(wanted, DATA_DIR)),
  )
  const owner = asOwner(plan.adminUrl, plan.database)
  const all = histories(fileURLToPath(app.migrations))
  const applied = migrate ? await migrateUp(owner, all) : []
  if (json) printJson({ dsns: dsnsOf(plan), applied })
  else printDsns(plan, given, applied)
}

type Wanted = Pick<ServerSetup, 'adminUrl' | 'setting' | 'given' | 'strangers'>

/** From the DSNs that are set: whoever keeps the secrets chose them. */
function givenPasswords(config: CommandConfig): Partial<RolePasswords> {
  const given: Partial<RolePasswords> = {}
  for (const role of roleNames) {
    const dsn = config[settingOf[role]]
    if (dsn === undefined) continue
    const { username, password } = new URL(dsn)
    // Outside production DB_URL may be an administrator's.
    if (username === roles[role] && password !== '') given[role] = decodeURIComponent(password)
  }
  return given
}

// The passwords go to a secret store, not into a file of whoever ran this.
async function setUpForProduction(wanted: Wanted): Promise<ProvisioningPlan> {
  const plan = await planProvisioning({ ...wanted, derive: false })
  await applyPlan(plan)
  return plan
}

async function setUpForDevelopment(wanted: Wanted, dataDir: string): Promise<ProvisioningPlan> {
  const server = serverOf(wanted.adminUrl)
  const plan = await planProvisioning({
    ...wanted,
    derive: true,
    kept: readPasswords(dataDir, server),
  })
  if (isComplete(plan)) writePasswords(dataDir, server, plan.known)
  await applyPlan(plan)
  return plan
}

function administrator({ DB_ADMIN_URL, DB_URL, production }: CommandConfig) {
  if (DB_ADMIN_URL !== undefined) return { adminUrl: DB_ADMIN_URL, setting: 'DB_ADMIN_URL' }
  if (!production && DB_URL !== undefined) return { adminUrl: DB_URL, setting: 'DB_URL' }
  throw new OperatorError(
    'DB_ADMIN_URL is needed: the DSN of a role that may create roles and databases, ending with ' +
      'the database to make, such as postgresql://postgres:secret@localhost:5432/saas_db',
  )
}

function isComplete({ known }: ProvisioningPlan): boolean {
  return Object.keys(known).length === Object.keys(roles).length
}

function dsnsOf({ adminUrl, database, known }: ProvisioningPlan): Record<string, string> {
  const urls = roleUrls(adminUrl, database, known)
  const named = Object.entries(urls).map(([role, url]) => [settingOf[role as Role], url])
  return Object.fromEntries(named)
}

// To stdout what goes into an environment file, to stderr what is said about it.
function printDsns(plan: ProvisioningPlan, given: Partial<RolePasswords>, applied: string[]): void {
  const urls = roleUrls(plan.adminUrl, plan.database, plan.known)
  const line = (role: Role) => {
    // Known to whoever set it, and what is printed may be kept in a log.
    if (given[role] !== undefined) return `# ${settingOf[role]}: as it is set`
    return urls[role] === undefined
      ? `# ${settingOf[role]}: ${roles[role]} keeps its password (--reset-passwords gives a new one)`
      : `${settingOf[role]}=${urls[role]}`
  }
  console.error(`${plan.database} is ready: ${applied.length} migrations applied`)
  console.log(`# the server's\n${line('app')}\n${line('identity')}`)
  console.log(`# for migrations and operators only: keep them from the server`)
  console.log(`${line('owner')}\n${line('platform')}`)
}

const roleNames = ['app', 'identity', 'owner', 'platform'] as const

const examples = `
Examples:
  $ DB_ADMIN_URL=postgresql://postgres:secret@localhost:5432/saas_db tenantry setup > dsns.env
  $ tenantry setup --reset-passwords --json`
