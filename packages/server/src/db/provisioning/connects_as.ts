import { OperatorError } from '../../lib/operator_error.ts'
import { withClient } from '../connect/with_client.ts'
import { connectionFault } from './probe.ts'
import { type Role, roles } from './roles.ts'

/** Connects with the DSN of a role. Throws an OperatorError if it leads to another role or database. */
export async function assertConnectsAs(url: string, role: Role, database: string): Promise<void> {
  const { name, setting } = roles[role]
  const found = await reached(url).catch((error: unknown) => {
    throw connectionFault(error, url, setting)
  })
  if (found?.user === name && found.database === database) return
  throw new OperatorError(
    `${setting}: the DSN made for ${name} and database "${database}" connects as "${found?.user}" to ` +
      `"${found?.database}", and was not printed: remove the parameter that overrides it from the ` +
      "administrator's DSN, and run: tenantry setup --reset-passwords",
  )
}

async function reached(url: string) {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ user: string; database: string }>(
      'select current_user as user, current_database() as database',
    )
    return rows[0]
  })
}
