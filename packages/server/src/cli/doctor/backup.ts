import { withClient } from '../../db/connect/with_client.ts'
import { connectionFault } from '../../db/provisioning/probe.ts'
import { roles } from '../../db/provisioning/roles.ts'
import type { Check } from './check.ts'

const { name: backup, setting } = roles.backup

interface Reached {
  user: string
  database: string
  isBackup: boolean
}

/** Checks where a backup DSN leads. The lint checks what the role may read there. */
export async function checkBackup(url: string, database: string): Promise<Check> {
  const reached = await reach(url).catch((error: unknown) => {
    throw connectionFault(error, url, setting)
  })
  const fault = faultOf(reached, database)
  return fault === undefined
    ? { name: 'backup', state: 'ok', detail: `${setting}: ${backup}, for pg_dump` }
    : { name: 'backup', state: 'fail', detail: `${setting}: ${fault}` }
}

function reach(url: string): Promise<Reached | undefined> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<Reached>(
      `select current_user as user, current_database() as database,
         pg_has_role(current_user, '${backup}', 'usage') as "isBackup"`,
    )
    return rows[0]
  })
}

function faultOf(reached: Reached | undefined, database: string): string | undefined {
  if (reached?.isBackup !== true) {
    return `"${reached?.user}" is not ${backup}, so a dump would lack rows: correct the DSN`
  }
  if (reached.database === database) return undefined
  return `it leads to database "${reached.database}", and DB_URL to "${database}": correct it`
}
