import { Command } from 'commander'
import { citusCommand } from './citus.ts'

/** `tenantry scale`. */
export function scaleCommand(): Command {
  return new Command('scale')
    .description('Put the rows of tenants on many servers.')
    .addCommand(citusCommand())
}
