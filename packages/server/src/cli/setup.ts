import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import {
  type CommandConfig,
  loadCommandConfig,
  readEnvironment,
  readForProduction,
} from '../config/config.ts'
import { serverOf } from '../db/connect/dsn.ts'
import { withClient } from '../db/connect/with_client.ts'
import { lint } from '../db/lint/lint.ts'
import { serverFloor } from '../db/lint/rules.ts'
import { histories, migrateUp } from '../db/migrations/migrate.ts'
import { withPasswordLock } from '../db/provisioning/choose_database.ts'
import { assertConnectsAs } from '../db/provisioning/connects_as.ts'
import { storeIdentityScope } from '../db/provisioning/identity_scope.ts'
import { readPasswords, writePasswords } from '../db/provisioning/password_file.ts'
import type { RolePasswords } from '../db/provisioning/passwords.ts'
import {
  applyPlan,
  type ProvisioningPlan,
  planProvisioning,
  type ServerSetup,
  withProvisioningLock,
} from '../db/provisioning/plan.ts'
import { asOwner, roleUrls, settingsOf } from '../db/provisioning/role_urls.ts'
import { allRoles, type Role, type RoleUrls, roles } from '../db/provisioning/roles.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { loadApp } from '../runtime/load_app.ts'
import { printJson } from './print.ts'
import { namesOf, type ProductionFiles, planFiles, quoted, writeFiles } from './setup_files.ts'

/** `tenantry setup`. */
export function setupCommand(): Command {
  return new Command('setup')
    .description(
      'Create roles, database and schema with DB_ADMIN_URL, migrate, and print the DSNs. A role whose ' +
        'DSN is set gets the password in it, any other role a random one. Running the command again ' +
        'keeps the passwords, unless --reset-passwords is given.',
    )
    .option('--reset-passwords', 'set new passwords; servers that use the old ones lose access')
    .option(
      '--write <file>',
      'for production: write <file> for servers, <file>.admin for the commands of an admin and ' +
        '<file>.backup for pg_dump, with the DSNs, a SECRET_KEY and the settings of the file that ' +
        '--env-file names',
    )
    .option('--no-migrate', 'leave the database empty, to restore a backup into it')
    .option('--json', 'print JSON')
    .addHelpText('after', examples)
    .action(setup)
}

interface SetupOptions {
  resetPasswords?: boolean
  migrate: boolean
  write?: string
  json?: boolean
}

async function setup(options: SetupOptions): Promise<void> {
  const { resetPasswords = false, migrate, write, json } = options
  const folder = process.cwd()
  const { environment, file } =
    write === undefined
      ? { environment: readEnvironment(folder), file: {} }
      : readForProduction(folder)
  const config = loadCommandConfig(environment)
  const files = write === undefined ? undefined : planFiles(write, file)
  const { DATA_DIR, production } = config
  const { adminUrl, setting } = administrator(config)
  const app = await loadApp(folder)
  const given = givenPasswords(config)
  const unknownPasswords = resetPasswords ? 'reset' : 'keep'
  const request = { adminUrl, setting, given, unknownPasswords } as const
  const plan = await withProvisioningLock(request, () =>
    production
      ? setUpForProduction(request, write !== undefined)
      : withPasswordLock(DATA_DIR, () => setUpForDevelopment(request, DATA_DIR)),
  )
  const urls = roleUrls(plan.adminUrl, plan.database, plan.known)
  // Before the migrations: if one of them fails, the passwords must not be lost.
  await assertRoles(urls, plan.database)
  if (files) await writeFiles(files, urls as RoleUrls)
  const owner = asOwner(plan.adminUrl, plan.database)
  const all = histories(fileURLToPath(app.migrations))
  const applied = migrate ? await migrateUp(owner, all) : []
  // A backup that is restored brings its own.
  if (migrate) await storeIdentityScope(owner, config.IDENTITY_SCOPE)
  report(plan, given, applied, files, json)
  if (files && !json) await warnOfServer(plan.adminUrl)
}

// The files are for production, where doctor reports it as a fault.
async function warnOfServer(adminUrl: string): Promise<void> {
  const findings = await withClient(adminUrl, (admin) => lint(admin, [serverFloor]))
  for (const { rule, subject } of findings) {
    console.error(`warning: this server is ${subject}: ${rule.name}; ${rule.fix}`)
  }
}

function report(
  plan: ProvisioningPlan,
  given: Partial<RolePasswords>,
  applied: string[],
  files: ProductionFiles | undefined,
  json = false,
): void {
  if (json) {
    printJson(files ? { files: namesOf(files), applied } : { dsns: dsnsOf(plan), applied })
    return
  }
  console.error(`${plan.database} is ready: ${applied.length} migrations applied`)
  if (files === undefined) {
    printDsns(plan, given)
    return
  }
  const [servers, admin, backup] = namesOf(files)
  console.error(`${servers}: for servers\n${admin}: for doctor, migrate, tenant, user and jobs`)
  console.error(`${backup}: for pg_dump`)
}

type SetupRequest = Pick<ServerSetup, 'adminUrl' | 'setting' | 'given' | 'unknownPasswords'>

/** The passwords in the DSNs that are set. */
function givenPasswords(config: CommandConfig): Partial<RolePasswords> {
  const given: Partial<RolePasswords> = {}
  for (const role of allRoles) {
    const { name, setting } = roles[role]
    const dsn = config[setting]
    if (dsn === undefined) continue
    const { username, password } = new URL(dsn)
    // Outside production DB_URL may name an administrator.
    if (username === name && password !== '') given[role] = decodeURIComponent(password)
  }
  return given
}

// Stores no passwords: in production they belong in a secret store, not in a local file.
async function setUpForProduction(
  request: SetupRequest,
  complete: boolean,
): Promise<ProvisioningPlan> {
  const plan = await planProvisioning({ ...request, derive: false })
  if (complete && !isComplete(plan)) {
    throw new OperatorError(
      'the roles exist, and --write does not know their passwords: set the DSN of each role, ' +
        'or set new passwords with --reset-passwords',
    )
  }
  await applyPlan(plan)
  return plan
}

async function setUpForDevelopment(
  request: SetupRequest,
  dataDir: string,
): Promise<ProvisioningPlan> {
  const server = serverOf(request.adminUrl)
  const plan = await planProvisioning({
    ...request,
    derive: true,
    stored: readPasswords(dataDir, server),
  })
  if (isComplete(plan)) writePasswords(dataDir, server, plan.known)
  await applyPlan(plan)
  return plan
}

function administrator({ DB_ADMIN_URL, DB_URL, production }: CommandConfig) {
  if (DB_ADMIN_URL !== undefined) return { adminUrl: DB_ADMIN_URL, setting: 'DB_ADMIN_URL' }
  if (!production && DB_URL !== undefined) return { adminUrl: DB_URL, setting: 'DB_URL' }
  throw new OperatorError(
    'set DB_ADMIN_URL to the DSN of a role that may create roles and databases; it must end with ' +
      'the database to create, such as postgresql://postgres:secret@localhost:5432/saas_db',
  )
}

function isComplete({ known }: ProvisioningPlan): boolean {
  return allRoles.every((role) => known[role] !== undefined)
}

/** Connects with each DSN before it is printed: the driver may read more in it than was replaced. */
async function assertRoles(urls: Partial<RoleUrls>, database: string): Promise<void> {
  for (const [role, url] of Object.entries(urls)) {
    await assertConnectsAs(url, role as Role, database)
  }
}

function dsnsOf({ adminUrl, database, known }: ProvisioningPlan) {
  return settingsOf(roleUrls(adminUrl, database, known))
}

// Prints the lines of an environment file to stdout and everything else to stderr.
function printDsns(plan: ProvisioningPlan, given: Partial<RolePasswords>): void {
  const urls = roleUrls(plan.adminUrl, plan.database, plan.known)
  const line = (role: Role) => {
    const { name, setting } = roles[role]
    // The person who set it knows it, and the output may end up in a log.
    if (given[role] !== undefined) return `# ${setting}: unchanged`
    return urls[role] === undefined
      ? `# ${setting}: ${name} keeps its password (--reset-passwords sets a new one)`
      : `${setting}=${quoted(urls[role])}`
  }
  console.log(`# for the server\n${line('app')}\n${line('identity')}\n${line('jobs')}`)
  console.log('# for migrations and platform admins only: do not give these to the server')
  console.log(`${line('owner')}\n${line('platform')}`)
  console.log(`# for pg_dump only\n${line('backup')}`)
}

const examples = `
Examples:
  $ DB_ADMIN_URL=postgresql://postgres:secret@localhost:5432/saas_db tenantry setup
  $ tenantry setup --env-file .env.setup --write .env.production
  $ tenantry setup --reset-passwords --json`
