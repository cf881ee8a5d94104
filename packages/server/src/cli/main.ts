import { Command } from 'commander'
import { kernelVersion } from '../lib/kernel_version.ts'
import { formatError, wantsStack } from './format_error.ts'

interface Noun {
  summary: string
  /** Loads the command only when it is asked for: a start must not pay for the others. */
  load(): Promise<Command>
}

const nouns: Record<string, Noun> = {
  start: {
    summary: 'serve the app; outside production with a database and demo data of its own',
    load: async () => (await import('./start.ts')).startCommand(),
  },
  dev: {
    summary: 'serve the app, and again on every change',
    load: async () => (await import('./dev.ts')).devCommand(),
  },
  setup: {
    summary: 'make roles, database and schema on a PostgreSQL server and print the DSNs',
    load: async () => (await import('./setup.ts')).setupCommand(),
  },
  migrate: {
    summary: 'apply, take back or list migrations',
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
    summary: 'write what follows from migrations and routes: tables.ts, openapi.json',
    load: async () => (await import('./generate.ts')).generateCommand(),
  },
  new: {
    summary: 'write a new resource: migration, routes, test',
    load: async () => (await import('./new/new.ts')).newCommand(),
  },
  doctor: {
    summary: 'check settings, database, roles and row-level security',
    load: async () => (await import('./doctor/doctor.ts')).doctorCommand(),
  },
  tenant: {
    summary: 'create, list, suspend, resume and limit tenants',
    load: async () => (await import('./platform/tenant.ts')).tenantCommand(),
  },
  user: {
    summary: 'create users and reset links',
    load: async () => (await import('./platform/user.ts')).userCommand(),
  },
}

/** Runs one command line and ends the process: 0 when it is done, 1 with a line that says why not. */
export async function run(args: string[]): Promise<void> {
  try {
    await (await programFor(args)).parseAsync(args, { from: 'user' })
    process.exit(process.exitCode ?? 0)
  } catch (error) {
    console.error(formatError(error, wantsStack(process.cwd())))
    process.exit(1)
  }
}

/** All commands; the one that `args` ask for has its own commands and options. */
export async function programFor(args: string[]): Promise<Command> {
  const program = new Command('tenantry')
    .description('A multi-tenant SaaS backend: run it, migrate it, look after its tenants.')
    .version(kernelVersion())
    .showHelpAfterError('(see: tenantry --help)')
    .addHelpText('after', examples)
  const asked = args.find((it) => !it.startsWith('-') && it !== 'help')
  for (const [name, { summary, load }] of Object.entries(nouns)) {
    if (name === asked) program.addCommand((await load()).summary(summary))
    else program.command(name).summary(summary).description(summary)
  }
  return program
}

const examples = `
Examples:
  $ tenantry start
  $ tenantry tenant create --name "Acme Inc." --subdomain acme --admin-email ann@acme.com
  $ tenantry doctor --json

The settings come from the environment and from .env; \`tenantry doctor\` shows them.`
