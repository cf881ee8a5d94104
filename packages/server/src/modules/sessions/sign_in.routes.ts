import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import type { PublicContext } from '../../app/context.ts'
import { createRoutes, type Route } from '../../app/route.ts'
import { type Fault, unprocessable } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { refresh, signOut } from './refresh.ts'
import {
  AccessGrant,
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

const { get, post } = createRoutes<never, never, never>()

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
    post('/api/auth/login', {
      ...open,
      summary: 'Sign in and get an access and a refresh token',
      query: DeprecatedCredentials,
      body: Credentials.optional(),
      reply: SessionGrant,
      errors: [401, 403],
      handle: (ctx, { body, query }) => grantSession(deps, ctx, body ?? fromQuery(query)),
    }),
    post('/api/auth/refresh', {
      ...open,
      summary: 'Exchange a refresh token for its successor',
      body: RefreshToken,
      reply: TokenPair,
      errors: [401],
      handle: (ctx, { body }) => grantSuccessor(deps, ctx, body.refresh_token),
    }),
    post('/api/auth/logout', {
      ...open,
      summary: 'Sign out: revoke the session of a refresh token',
      revokes: true,
      body: RefreshToken,
      errors: [401],
      handle: (ctx, { body }) => signOut(deps, ctx, body.refresh_token),
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
  const opened = await signIn(deps, ctx, given, 'refresh')
  const { roles } = opened
  const pair = tokenPair(deps, ctx, {
    ...opened,
    sessionId: opened.id,
    expiresAt: opened.refreshExpiresAt,
  })
  return { ...pair, roles, tenant: ctx.tenant.subdomain }
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

interface PairSubject {
  userId: string
  sessionId: string
  roles: string[]
  jti: string
  createdAt: string
  expiresAt: string
}

function tokenPair(deps: SignInDeps, { tenant }: PublicContext, subject: PairSubject) {
  return {
    access_token: deps.tokens.issueAccess(tenant, { ...subject, jti: newId() }),
    refresh_token: deps.tokens.issueRefresh(tenant, subject),
    ...tokenKind(deps),
  }
}

function tokenKind({ tokens }: SignInDeps) {
  return { token_type: 'bearer' as const, expires_in: tokens.accessSeconds }
}

function fromQuery(query: { email?: string | undefined; password?: string | undefined }) {
  const { email, password } = query
  if (email !== undefined && password !== undefined) return { email, password }
  const missing = (['email', 'password'] as const).filter((it) => query[it] === undefined)
  throw unprocessable(missing.map((it): Fault => ({ pointer: `/${it}`, message: 'is required' })))
}
