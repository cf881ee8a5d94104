import { z } from 'zod'
import type { CookieContext } from '../../access/credentials/cookie_exchange.ts'
import { signInOrigin } from '../../access/installation_origin.ts'
import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import type { PublicContext } from '../../app/context.ts'
import { contextRoutes, createRoutes, type Route } from '../../app/route.ts'
import { type Fault, unprocessable } from '../../lib/errors.ts'
import { grantCookie, signOutBrowser } from './browser_sessions.ts'
import { refresh, signOut } from './refresh.ts'
import {
  AccessGrant,
  CookieGrant,
  Credentials,
  DeprecatedCredentials,
  Me,
  PasswordGrant,
  RefreshToken,
  SessionGrant,
  TokenPair,
} from './sign_in.schema.ts'
import { type SignInInput, signIn } from './sign_in.ts'
import type { SignInDeps } from './sign_in_deps.ts'
import { sessionGrant, tokenKind, tokenPair } from './token_grants.ts'

const { get, post } = createRoutes<never, never, never>()

const withCookies = contextRoutes<CookieContext>({ access: 'public', cookies: true })
const open = { access: 'public', bodyLimit: CREDENTIALS_BODY_BYTES } as const

export function signInRoutes(deps: SignInDeps): Route[] {
  return [...tokenRoutes(deps), me]
}

function tokenRoutes(deps: SignInDeps): Route[] {
  return [
    post('/api/auth/token', {
      ...open,
      summary: 'Sign in with the OAuth2 password flow',
      media: 'form',
      body: PasswordGrant,
      reply: AccessGrant,
      errors: [401, 403],
      handle: (ctx, { body }) => grantAccess(deps, ctx, { ...body, email: body.username }),
    }),
    withCookies('POST', '/api/auth/login', {
      bodyLimit: CREDENTIALS_BODY_BYTES,
      summary: 'Sign in and get an access and a refresh token, or a cookie',
      query: DeprecatedCredentials,
      body: Credentials.optional(),
      reply: z.union([SessionGrant, CookieGrant]),
      errors: [401, 403],
      handle: (ctx, { body, query }) =>
        body?.session === 'cookie'
          ? grantCookie(deps, ctx, body)
          : grantSession(deps, ctx, body ?? fromQuery(query)),
    }),
    post('/api/auth/refresh', {
      ...open,
      summary: 'Exchange a refresh token for its successor',
      body: RefreshToken,
      reply: TokenPair,
      errors: [401],
      handle: (ctx, { body }) => grantSuccessor(deps, ctx, body.refresh_token),
    }),
    withCookies('POST', '/api/auth/logout', {
      bodyLimit: CREDENTIALS_BODY_BYTES,
      summary: 'Sign out: revoke the session of a refresh token or, without a body, of the cookie',
      revokes: true,
      body: RefreshToken.optional(),
      errors: [401],
      handle: (ctx, { body }) =>
        body === undefined ? signOutBrowser(deps, ctx) : signOut(deps, ctx, body.refresh_token),
    }),
  ]
}

const me = get('/api/auth/me', {
  access: 'member',
  summary: 'Get the signed-in user',
  reply: Me,
  handle: ({ actor, tenant }) => ({
    id: actor.user.id,
    user_name: actor.user.full_name,
    user_email: actor.user.email,
    tenant_name: tenant.name,
    sign_in_origin: signInOrigin(tenant),
    roles: [...actor.roles],
    permissions: [...actor.permissions].filter((it) => !it.startsWith('role:')),
  }),
})

async function grantAccess(deps: SignInDeps, ctx: PublicContext, given: SignInInput) {
  const { userId, id: sessionId, roles, jti } = await signIn(deps, ctx, given, 'access')
  return {
    access_token: deps.tokens.issueAccess(ctx.tenant, { userId, sessionId, roles, jti }),
    ...tokenKind(deps),
    roles,
    tenant: ctx.tenant.subdomain,
  }
}

async function grantSession(deps: SignInDeps, ctx: PublicContext, given: SignInInput) {
  return sessionGrant(deps, ctx, await signIn(deps, ctx, given, 'refresh'))
}

async function grantSuccessor(deps: SignInDeps, ctx: PublicContext, token: string) {
  const { jti, ...next } = await refresh(deps, ctx, token)
  return tokenPair(deps, ctx, {
    jti,
    userId: next.user_id,
    sessionId: next.session_id,
    roles: next.roles,
    createdAt: next.created_at,
    expiresAt: next.expires_at,
  })
}

function fromQuery(query: { email?: string | undefined; password?: string | undefined }) {
  const { email, password } = query
  if (email !== undefined && password !== undefined) return { email, password }
  const missing = (['email', 'password'] as const).filter((it) => query[it] === undefined)
  throw unprocessable(missing.map((it): Fault => ({ pointer: `/${it}`, message: 'is required' })))
}
