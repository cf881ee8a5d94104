import { Command } from 'commander'
import { createPasswords } from '../access/passwords.ts'
import { loadCommandConfig, readEnvironment } from '../config/config.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { seedDemo } from '../runtime/seed_demo.ts'
import { operate } from './platform/platform_command.ts'

/** `tenantry seed`. */
export function seedCommand(): Command {
  return new Command('seed')
    .description('Write the demo data; what is there already stays as it is. Never in production.')
    .addHelpText('after', '\nExamples:\n  $ tenantry seed')
    .action(seed)
}

async function seed(): Promise<void> {
  if (loadCommandConfig(readEnvironment(process.cwd())).production) {
    throw new OperatorError('demo data has well-known passwords: production never gets any')
  }
  await operate(async ({ app: { demo, name }, database }) => {
    if (demo === undefined) throw new OperatorError(`${name} defines no demo data`)
    await seedDemo(database, createPasswords(), demo)
    console.log(`demo data is in place: ${demo.tenants.map((it) => it.subdomain).join(', ')}`)
  })
}
