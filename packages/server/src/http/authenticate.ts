import { sql } from 'kysely'
import type { Actor, Tenant } from '../context.ts'
import { rolesOf, sessionIsLive } from '../db/live_session.ts'
import type { Doors } from '../db/tenancy.ts'
import { AppError } from '../errors.ts'
import type { Policy } from '../policy.ts'
import type { AccessClaims, Tokens } from '../tokens.ts'

/** 401, in the words of the seed, with the challenge RFC 6750 asks for. */
export function unauthenticated(): AppError {
  return new AppError('unauthenticated', 'credentials.invalid', 'Could not validate credentials', {
    headers: { 'www-authenticate': 'Bearer' },
  })
}

/**
 * The bearer token of a request: exactly one Authorization header of the Bearer scheme (RFC 6750).
 * Never from the query. Throws 401.
 */
export function bearerToken(rawHeaders: readonly string[]): string {
  const values = rawHeaders.filter(
    (_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'authorization',
  )
  const token = values.length === 1 ? /^bearer ([\w\-.~+/]+=*)$/i.exec(values[0] ?? '')?.[1] : undefined
  if (token === undefined) throw unauthenticated()
  return token
}

/** The claims of a token that is ours and this tenant's. Throws 401; `onForeign` hears of others'. */
export async function verifyToken(
  tokens: Tokens,
  token: string,
  tenant: Tenant,
  onForeign: () => void,
): Promise<AccessClaims> {
  const claims = await tokens.verifyAccess(token, tenant)
  if (claims === 'foreign') onForeign()
  if (claims === undefined || claims === 'foreign') throw unauthenticated()
  return claims
}

/**
 * Who the claims speak for and what they may do, read from the database by one query: session,
 * user, membership and roles must all be alive now. Throws 401 where one is not.
 */
export async function loadActor(doors: Doors, policy: Policy, claims: AccessClaims): Promise<Actor> {
  const row = await doors.inTenant(claims.tenantId, (db) =>
    db
      .selectFrom('tenantry.sessions as s')
      .innerJoin('tenantry.members as m', 'm.user_id', 's.user_id')
      .innerJoin('tenantry.users as u', 'u.id', 's.user_id')
      .select(['u.id', 'u.email', 'u.full_name'])
      .select([rolesOf('s.user_id').as('roles'), grantsOf])
      .where('s.id', '=', claims.sessionId)
      .where('s.user_id', '=', claims.userId)
      .where(sessionIsLive)
      .executeTakeFirst(),
  )
  if (row === undefined) throw unauthenticated()
  const systemGrants = row.roles.flatMap((role) => policy.roles[role]?.permissions ?? [])
  return {
    user: { id: row.id, email: row.email, full_name: row.full_name },
    sessionId: claims.sessionId,
    roles: row.roles,
    permissions: policy.expand([...systemGrants, ...row.grants]),
  }
}

const grantsOf = sql<string[]>`array(
  select distinct rp.permission
  from tenantry.member_roles mr
  join tenantry.roles r on r.name = mr.role
  join tenantry.role_permissions rp on rp.role_id = r.id
  where mr.user_id = s.user_id
)`.as('grants')
