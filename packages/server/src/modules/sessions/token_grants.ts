import type { PublicContext } from '../../app/context.ts'
import { newId } from '../../lib/ids.ts'
import type { OpenedSession } from './open_session.ts'
import type { SignInDeps } from './sign_in_deps.ts'

type Deps = Pick<SignInDeps, 'tokens'>

interface PairSubject {
  userId: string
  sessionId: string
  roles: string[]
  jti: string
  createdAt: string
  expiresAt: string
}

/** The reply to a client that gets tokens: a session that was just opened, with its first pair. */
export function sessionGrant(deps: Deps, ctx: PublicContext, opened: OpenedSession) {
  const { roles } = opened
  const pair = tokenPair(deps, ctx, {
    ...opened,
    sessionId: opened.id,
    expiresAt: opened.idleExpiresAt,
  })
  return { ...pair, roles, tenant: ctx.tenant.subdomain }
}

/** An access and a refresh token. */
export function tokenPair(deps: Deps, { tenant }: PublicContext, subject: PairSubject) {
  return {
    access_token: deps.tokens.issueAccess(tenant, { ...subject, jti: newId() }),
    refresh_token: deps.tokens.issueRefresh(tenant, subject),
    ...tokenKind(deps),
  }
}

/** How an access token is used, and how long it lives. */
export function tokenKind({ tokens }: Deps) {
  return { token_type: 'bearer' as const, expires_in: tokens.accessSeconds }
}
