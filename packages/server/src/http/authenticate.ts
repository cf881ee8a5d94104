import type { Kysely } from 'kysely'
import type { Actor, Tenant } from '../context.ts'
import { sessionIsLive } from '../db/live_session.ts'
import type { KernelTables } from '../db/tables.ts'
import { AppError } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { heldRoles, permissionsOf } from '../rights.ts'
import type { AccessClaims, Tokens } from '../tokens.ts'

/** 401, in the words of the seed, with the challenge RFC 6750 asks for. */
export function unauthenticated(): AppError {
  return new AppError('unauthenticated', 'credentials.invalid', 'Could not validate credentials', {
    headers: challenge,
  })
}

/** The headers of every 401 (RFC 9110, 11.6.1). */
export const challenge = { 'www-authenticate': 'Bearer' } as const

/**
 * The bearer token of a request: exactly one Authorization header of the Bearer scheme (RFC 6750).
 * Never from the query. Throws 401.
 */
export function bearerToken(rawHeaders: readonly string[]): string {
  const values = rawHeaders.filter(
    (_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'authorization',
  )
  const [, token] = /^bearer ([\w\-.~+/]+=*)$/i.exec(values[0] ?? '') ?? []
  if (values.length !== 1 || token === undefined) throw unauthenticated()
  return token
}

/** The claims of a token that is ours and this tenant's. Throws 401; `onForeign` hears of others'. */
export async function verifyToken(
  tokens: Tokens,
  token: string,
  tenant: Tenant,
  onForeign: () => void,
): Promise<AccessClaims> {
  const claims = await tokens.verifyAccess(token)
  if (claims === undefined || claims === 'expired') throw unauthenticated()
  if (!tokens.belongTo(claims, tenant)) {
    onForeign()
    throw unauthenticated()
  }
  return claims
}

/**
 * Who the claims speak for and what they may do, read by one query in the tenant's transaction:
 * session, user and membership must all be alive now. Undefined where one is not.
 */
export async function findActor(
  db: Kysely<KernelTables>,
  policy: Policy,
  { sessionId, userId }: AccessClaims,
): Promise<Actor | undefined> {
  const row = await db
    .selectFrom('tenantry.sessions as s')
    .innerJoin('tenantry.members as m', 'm.user_id', 's.user_id')
    .innerJoin('tenantry.users as u', 'u.id', 's.user_id')
    .select(['u.id', 'u.email', 'u.full_name', ...heldRoles('s.user_id')])
    .where('s.id', '=', sessionId)
    .where('s.user_id', '=', userId)
    .where(sessionIsLive)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { id, email, full_name, ...held } = row
  const permissions = permissionsOf(policy, held)
  return { user: { id, email, full_name }, sessionId, roles: held.roles, permissions }
}
