import type { Config } from '../../config/config.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { withClient } from '../connect/with_client.ts'
import { isDatabaseError } from '../errors.ts'

type Scope = Config['IDENTITY_SCOPE']

/**
 * Stores the identity scope of a database, as the owner. Throws an OperatorError if it has another one and a
 * tenant or a user: their rows are held to it.
 */
export async function storeIdentityScope(ownerUrl: string, wanted: Scope): Promise<void> {
  const fault = await withClient(ownerUrl, async (client) => {
    try {
      await client.query(
        'update tenantry.installation set identity_scope = $1 where identity_scope <> $1',
        [wanted],
      )
      return undefined
    } catch (error) {
      if (isDatabaseError(error) && error.code === '23503') return faultOf(wanted)
      throw error
    }
  })
  if (fault !== undefined) throw new OperatorError(fault)
}

/** Why a server with this setting cannot run on the database. Undefined if it can. */
export async function identityScopeFault(
  identityUrl: string,
  wanted: Scope,
): Promise<string | undefined> {
  const { rows } = await withClient(identityUrl, (client) =>
    client.query<{ identity_scope: Scope }>('select identity_scope from tenantry.installation'),
  )
  return rows[0]?.identity_scope === wanted ? undefined : faultOf(wanted)
}

// Of two scopes the database has the other one.
function faultOf(wanted: Scope): string {
  const stored: Scope = wanted === 'global' ? 'tenant' : 'global'
  return (
    `IDENTITY_SCOPE is ${wanted}, but this database was set up with ${stored}, which cannot change once ` +
    `there are tenants or users: set IDENTITY_SCOPE=${stored}, or set up another database with ` +
    '`tenantry setup` (in development: tenantry reset)'
  )
}
