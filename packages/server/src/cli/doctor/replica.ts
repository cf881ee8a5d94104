import type { CommandConfig } from '../../config/config.ts'
import { withClient } from '../../db/connect/with_client.ts'
import type { ChosenDatabase } from '../../db/provisioning/choose_database.ts'
import { connectionFault } from '../../db/provisioning/probe.ts'
import { askProgress, assertReplicaOf } from '../../db/replica/progress.ts'
import type { Check } from './check.ts'

const NAME = 'read replica'

/** Whether DB_READ_URL leads to a replica of the database, and how far that is behind. */
export async function checkReplica(
  { DB_READ_URL: url }: Pick<CommandConfig, 'DB_READ_URL'>,
  { urls }: Pick<ChosenDatabase, 'urls'>,
): Promise<Check[]> {
  if (url === undefined) return []
  const primary = await withClient(urls.app, askProgress)
  const replica = await withClient(url, askProgress).catch((error) => {
    throw connectionFault(error, url, 'DB_READ_URL')
  })
  assertReplicaOf(primary, replica)
  const behind = BigInt(primary.position ?? 0) - BigInt(replica.position ?? 0)
  const bytes = behind > 0n ? behind : 0n
  return [{ name: NAME, state: 'ok', detail: `a standby of the primary, ${bytes} bytes behind` }]
}
