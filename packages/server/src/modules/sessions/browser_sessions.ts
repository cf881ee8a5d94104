import type { CookieContext } from '../../access/credentials/cookie_exchange.ts'
import { unprocessable } from '../../lib/errors.ts'
import { endSession } from './end_session.ts'
import type { OpenedSession } from './open_session.ts'
import { sourceOf } from './sessions.ts'
import { RefreshToken } from './sign_in.schema.ts'
import { type SignInInput, signIn } from './sign_in.ts'
import type { SignInDeps } from './sign_in_deps.ts'

/**
 * Signs in and gives the browser a cookie that names the session; the reply holds no token. A session that
 * the browser had before is revoked: its cookie is overwritten, so it could not be ended by signing out.
 */
export async function grantCookie(deps: SignInDeps, ctx: CookieContext, given: SignInInput) {
  ctx.cookies.assertMayOpen()
  return giveCookie(deps, ctx, await signIn(deps, ctx, given, 'cookie', ctx.cookies.carried))
}

/** Gives the browser the cookie of a session that was just opened. */
export function giveCookie(
  { tokens }: Pick<SignInDeps, 'tokens'>,
  ctx: CookieContext,
  opened: OpenedSession,
) {
  const expiresAt = Math.floor(Date.parse(opened.expiresAt) / 1_000)
  const maxAge = expiresAt - Math.floor(Date.now() / 1_000)
  const { userId, id: sessionId } = opened
  ctx.cookies.set(tokens.issueSession(ctx.tenant, { userId, sessionId, expiresAt }), maxAge)
  return { expires_in: maxAge, roles: opened.roles, tenant: ctx.tenant.subdomain }
}

/**
 * Ends the session that the cookie names, and removes the cookie, also one that is no longer valid. At a custom domain it
 * ends the session of the subdomain as well, which would sign the next user of the browser in. Throws
 * 422 for a request with neither a cookie nor a refresh token.
 */
export async function signOutBrowser(deps: SignInDeps, ctx: CookieContext): Promise<void> {
  const { carried, isSent } = ctx.cookies
  if (!isSent) throw missingBody()
  if (carried !== undefined) {
    await deps.database.inTenant(ctx, async (db) => {
      const sessionId = await sourceOf(db, carried.sessionId)
      await endSession(db, ctx.request, carried)
      if (sessionId !== carried.sessionId) {
        await endSession(db, ctx.request, { ...carried, sessionId })
      }
    })
  }
  ctx.cookies.clear()
}

// What a client without a cookie gets from a route that requires a body.
function missingBody() {
  const { error } = RefreshToken.safeParse(undefined)
  const issues = error?.issues ?? []
  return unprocessable(issues.map(({ message }) => ({ pointer: '', message })))
}
