import { Command } from 'commander'
import { loadCommandConfig, readEnvironment } from '../config.ts'
import { OperatorError } from '../operator_error.ts'
import { createPasswords } from '../passwords.ts'
import { seedDemo } from '../seed.ts'
import { operate } from './operate.ts'

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
  await operate(async ({ app: { demo, name }, doors }) => {
    if (demo === undefined) throw new OperatorError(`${name} defines no demo data`)
    await seedDemo(doors, createPasswords(), demo)
    console.log(`demo data is in place: ${demo.tenants.map((it) => it.subdomain).join(', ')}`)
  })
}
