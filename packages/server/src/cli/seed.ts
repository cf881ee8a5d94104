import { Command } from 'commander'
import { createPasswords } from '../access/passwords.ts'
import { loadCommandConfig, readEnvironment } from '../config/config.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { seedDemo } from '../runtime/seed_demo.ts'
import { runPlatformCommand } from './platform/platform_command.ts'

/** `tenantry seed`. */
export function seedCommand(): Command {
  return new Command('seed')
    .description('Write the demo data. Existing data stays unchanged. Never in production.')
    .addHelpText('after', '\nExamples:\n  $ tenantry seed')
    .action(seed)
}

async function seed(): Promise<void> {
  if (loadCommandConfig(readEnvironment(process.cwd())).production) {
    throw new OperatorError(
      'demo data has well-known passwords: tenantry seed does not run in production',
    )
  }
  await runPlatformCommand(async ({ app: { demo, name }, database }) => {
    if (demo === undefined) throw new OperatorError(`${name} defines no demo data`)
    await seedDemo(database, createPasswords(), demo)
    console.log(`demo data is in place: ${demo.tenants.map((it) => it.subdomain).join(', ')}`)
  })
}
