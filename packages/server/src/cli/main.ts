import { Command } from 'commander'
import { takeEnvironmentFile } from '../config/config.ts'
import { kernelVersion } from '../lib/kernel_version.ts'
import { errorJson, formatError, wantsStack } from './format_error.ts'
import { helpLast, showSharedOptions, withoutVainHelp } from './help.ts'
import { reportParserErrors } from './parser_errors.ts'

interface CommandEntry {
  summary: string
  /** Loads the command on demand, so that a start does not load the others. */
  load(): Promise<Command>
}

const commands: Record<string, CommandEntry> = {
  start: {
    summary: 'serve the app; outside production with an embedded database and demo data',
    load: async () => (await import('./start.ts')).startCommand(),
  },
  dev: {
    summary: 'serve the app, and restart it on every change',
    load: async () => (await import('./dev.ts')).devCommand(),
  },
  worker: {
    summary: 'run background jobs without serving requests',
    load: async () => (await import('./start.ts')).workerCommand(),
  },
  setup: {
    summary: 'create roles, database and schema on a PostgreSQL server and print the DSNs',
    load: async () => (await import('./setup.ts')).setupCommand(),
  },
  migrate: {
    summary: 'apply, revert or list migrations',
    load: async () => (await import('./migrate.ts')).migrateCommand(),
  },
  seed: {
    summary: 'write the demo data (never in production)',
    load: async () => (await import('./seed.ts')).seedCommand(),
  },
  reset: {
    summary: 'delete the embedded database (never in production)',
    load: async () => (await import('./reset.ts')).resetCommand(),
  },
  generate: {
    summary: 'generate tables.ts and openapi.json from migrations and routes',
    load: async () => (await import('./generate.ts')).generateCommand(),
  },
  new: {
    summary: 'write a new resource, a field of one, or secrets for Compose',
    load: async () => (await import('./new/new.ts')).newCommand(),
  },
  doctor: {
    summary: 'check settings, database, roles and row-level security',
    load: async () => (await import('./doctor/doctor.ts')).doctorCommand(),
  },
  scale: {
    summary: 'distribute the rows of tenants over the workers of Citus',
    load: async () => (await import('./scale/scale.ts')).scaleCommand(),
  },
  domain: {
    summary: 'list, add, check and remove custom domains',
    load: async () => (await import('./platform/domain.ts')).domainCommand(),
  },
  jobs: {
    summary: 'list, show, retry and drop background jobs, and their stats',
    load: async () => (await import('./platform/jobs.ts')).jobsCommand(),
  },
  mail: {
    summary: 'send a test mail with the settings of the servers',
    load: async () => (await import('./platform/mail.ts')).mailCommand(),
  },
  tenant: {
    summary:
      'create, list, show, rename, suspend, resume, limit, brand, delete and release tenants',
    load: async () => (await import('./platform/tenant.ts')).tenantCommand(),
  },
  invitation: {
    summary: 'create invitations by mail; list, deliver again and revoke them',
    load: async () => (await import('./platform/invitation.ts')).invitationCommand(),
  },
  user: {
    summary: 'create, list, disable, enable and delete users, create reset links',
    load: async () => (await import('./platform/user.ts')).userCommand(),
  },
}

/** Runs one command line and exits: with 0, or with 1 after a message that says what to do. */
export async function run(args: string[]): Promise<void> {
  const json = args.includes('--json')
  try {
    const rest = helpLast(takeEnvironmentFile(args))
    const program = await programFor(rest)
    reportParserErrors(program, json)
    showSharedOptions(program)
    await program.parseAsync(withoutVainHelp(program, rest), { from: 'user' })
    process.exit(process.exitCode ?? 0)
  } catch (error) {
    console.error(json ? errorJson(error) : formatError(error, wantsStack(process.cwd())))
    process.exit(1)
  }
}

/** All commands. Only the one in `args` is loaded, with its subcommands and options. */
export async function programFor(args: string[]): Promise<Command> {
  const program = new Command('tenantry')
    .description('A multi-tenant SaaS backend: run it, migrate it, manage its tenants.')
    .version(kernelVersion())
    // takeEnvironmentFile has read it: here it is for the help.
    .option('--env-file <name>', 'read the settings from this file in place of .env')
    .addHelpText('after', examples)
  const requested = args.find((it) => !it.startsWith('-') && it !== 'help')
  for (const [name, { summary, load }] of Object.entries(commands)) {
    if (name === requested) program.addCommand((await load()).summary(summary))
    else program.command(name).summary(summary).description(summary)
  }
  return program
}

const examples = `
Examples:
  $ tenantry start
  $ tenantry tenant create --name "Acme Inc." --subdomain acme --admin-email ann@acme.com
  $ tenantry doctor --json

The settings come from the environment and from .env. Production reads no .env.
\`tenantry doctor --settings\` shows them.`
