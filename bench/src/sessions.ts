import { randomBytes } from 'node:crypto'
import { createTokens } from '../../packages/server/src/access/tokens.ts'
import { withClient } from '../../packages/server/src/db/connect/with_client.ts'
import type { TemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'
import { keyRing } from '../../packages/server/src/lib/keys.ts'
import { superuserUrl } from './database.ts'

/** A session inserted without a sign-in, and the headers of its requests. */
export interface Session {
  id: string
  tenantId: string
  headers: Record<string, string>
}

interface Row {
  id: string
  tenant_id: string
  user_id: string
  subdomain: string
}

/**
 * Inserts sessions into the database, `each` for every member that `members` selects (tenant_id,
 * user_id), and signs their access tokens. A sign-in would cost a password hash each.
 */
export async function openSessions(
  database: TemporaryDatabase,
  secret: string,
  members: string,
  each = 1,
): Promise<Session[]> {
  const rows = await withClient(superuserUrl(database), async (client) => {
    const opened = await client.query<Row>(`
      with opened as (
        insert into tenantry.sessions
          (tenant_id, id, user_id, idle_expires_at, expires_at, credentials_epoch)
        select m.tenant_id, gen_random_uuid(), m.user_id, now() + interval '1 day',
          now() + interval '1 day', u.sessions_valid_from
        from (${members}) m
        join tenantry.users u on u.id = m.user_id
        cross join generate_series(1, ${each})
        returning id, tenant_id, user_id
      )
      select o.*, t.subdomain from opened o join tenantry.tenants t on t.id = o.tenant_id`)
    return opened.rows
  })
  return rows.map(signer(secret))
}

function signer(secret: string): (row: Row) => Session {
  const keys = keyRing(secret, undefined)
  const tokens = createTokens(keys, { algorithm: 'HS256', accessMinutes: 60 })
  return ({ id, tenant_id, user_id, subdomain }) => {
    const host = `${subdomain}.app.test`
    const issuer = `https://${host}`
    const limits = { rate: null, concurrency: null }
    const token = tokens.issueAccess(
      { id: tenant_id, name: '', subdomain, origin: issuer, issuer, limits },
      { userId: user_id, sessionId: id, roles: [], jti: randomBytes(16).toString('base64url') },
    )
    return { id, tenantId: tenant_id, headers: { host, authorization: `Bearer ${token}` } }
  }
}
