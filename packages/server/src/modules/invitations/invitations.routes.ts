import type { CookieContext } from '../../access/credentials/cookie_exchange.ts'
import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import type { KernelPermission } from '../../app/policy.ts'
import { contextRoutes, createRoutes, type Route } from '../../app/route.ts'
import type { KernelTables } from '../../db/tables.ts'
import { giveCookie } from '../sessions/browser_sessions.ts'
import { sessionGrant } from '../sessions/token_grants.ts'
import { type AcceptDeps, acceptInvitation, previewInvitation } from './accept_invitation.ts'
import {
  Acceptance,
  Accepted,
  Invitation,
  InvitationList,
  InvitationPath,
  InvitationPreview,
  InvitationToken,
  NewInvitation,
} from './invitations.schema.ts'
import {
  createInvitation,
  deliverInvitation,
  findInvitation,
  type InviteDeps,
  listInvitations,
  revokeInvitation,
} from './invitations.ts'

const { get, post, del } = createRoutes<KernelPermission, never, KernelTables>()
const withCookies = contextRoutes<CookieContext>({ access: 'public', cookies: true })

export function invitationRoutes(deps: InviteDeps & AcceptDeps): Route[] {
  return [...memberRoutes(deps), ...publicRoutes(deps)]
}

function memberRoutes(deps: InviteDeps): Route[] {
  return [
    get('/api/invitations', {
      access: 'invitations:read',
      summary: 'List invitations that were not accepted yet',
      list: InvitationList,
      handle: (ctx, { query }) => listInvitations(ctx, query),
    }),
    get('/api/invitations/:invitation_id', {
      access: 'invitations:read',
      summary: 'Get an invitation',
      params: InvitationPath,
      reply: Invitation,
      handle: (ctx, { params }) => findInvitation(ctx, params.invitation_id),
    }),
    post('/api/invitations', {
      access: 'invitations:create',
      summary: 'Invite a person by mail',
      body: NewInvitation,
      reply: Invitation,
      status: 201,
      errors: [409, 429],
      handle: (ctx, { body }) => createInvitation(ctx, deps, body),
    }),
    post('/api/invitations/:invitation_id/delivery', {
      access: 'invitations:create',
      summary: 'Send an invitation again, with a new link; the earlier one stops working',
      audit: 'invitations.deliver',
      params: InvitationPath,
      reply: Invitation,
      status: 202,
      errors: [429],
      handle: (ctx, { params }) => deliverInvitation(ctx, deps, params.invitation_id),
    }),
    del('/api/invitations/:invitation_id', {
      access: 'invitations:delete',
      summary: 'Revoke an invitation: its link stops working',
      audit: 'invitations.revoke',
      params: InvitationPath,
      handle: (ctx, { params }) => revokeInvitation(ctx, params.invitation_id),
    }),
  ]
}

function publicRoutes(deps: AcceptDeps): Route[] {
  return [
    post('/api/invitation-previews', {
      access: 'public',
      bodyLimit: CREDENTIALS_BODY_BYTES,
      summary: 'See what an invitation offers, by the token of its mail',
      body: InvitationToken,
      reply: InvitationPreview,
      errors: [403],
      handle: (ctx, { body }) => previewInvitation(deps, ctx, body.token),
    }),
    withCookies('POST', '/api/invitation-acceptances', {
      bodyLimit: CREDENTIALS_BODY_BYTES,
      summary: 'Accept an invitation, become a member and sign in',
      revokes: true,
      body: Acceptance,
      reply: Accepted,
      errors: [401, 403, 409],
      handle: (ctx, { body }) => accept(deps, ctx, body),
    }),
  ]
}

async function accept(
  deps: AcceptDeps,
  ctx: CookieContext,
  {
    session,
    ...given
  }: { session?: 'tokens' | 'cookie' | undefined } & Parameters<typeof acceptInvitation>[2],
) {
  const { carried } = ctx.cookies
  if (session !== 'cookie') {
    const opened = await acceptInvitation(deps, ctx, given, { wants: 'refresh', carried })
    return sessionGrant(deps, ctx, opened)
  }
  ctx.cookies.assertMayOpen()
  return giveCookie(
    deps,
    ctx,
    await acceptInvitation(deps, ctx, given, { wants: 'cookie', carried }),
  )
}
