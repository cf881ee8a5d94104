import { withClient } from '../db/connect/with_client.ts'
import { roles } from '../db/provisioning/roles.ts'

/** Copies a database that has no connections. Its privileges and settings are not part of the copy. */
export async function copyDatabase(
  adminUrl: string,
  copy: string,
  original: string,
): Promise<void> {
  // The files: in less than half the CPU time of writing them to the WAL.
  await withClient(adminUrl, async (client) => {
    await client.query(
      `create database ${copy} owner ${roles.owner.name} template ${original} strategy file_copy`,
    )
  })
}
