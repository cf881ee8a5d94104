import type pg from 'pg'
import { withClient } from '../connect/with_client.ts'

/** What a sign-in finds an account by, and checks a password against. */
export interface Account {
  id: string
  email: string
  email_key: string
  password_hash: string | null
}

const PAGE = 10_000

/** Calls `read` with each account of the installation. Needs the role of sign-ins, which alone may read hashes. */
export async function readAccounts(
  identityUrl: string,
  read: (account: Account) => void,
): Promise<void> {
  await withClient(identityUrl, async (client) => {
    const { rows: tenants } = await client.query<{ id: string }>(
      `select t.id from tenantry.tenants t, tenantry.installation i
       where i.identity_scope = 'tenant'`,
    )
    if (tenants.length === 0) await readVisible(client, read)
    // The role sees the accounts of one tenant at a time.
    for (const { id } of tenants) {
      await client.query('begin')
      await client.query('select tenantry.set_tenant($1)', [id])
      await readVisible(client, read)
      await client.query('commit')
    }
  })
}

async function readVisible(client: pg.Client, read: (account: Account) => void): Promise<void> {
  let last: Account | undefined
  do {
    const { rows } = await client.query<Account>(
      `select id, email, email_key, password_hash from tenantry.users
       where $1::uuid is null or id > $1 order by id limit ${PAGE}`,
      [last?.id],
    )
    for (const account of rows) read(account)
    last = rows.length < PAGE ? undefined : rows.at(-1)
  } while (last !== undefined)
}
