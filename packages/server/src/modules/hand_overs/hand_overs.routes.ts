import { z } from 'zod'
import type { CookieContext } from '../../access/credentials/cookie_exchange.ts'
import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import { contextRoutes, createRoutes, type Route } from '../../app/route.ts'
import type { KernelTables } from '../../db/tables.ts'
import { giveCookie } from '../sessions/browser_sessions.ts'
import { CookieGrant, SessionGrant } from '../sessions/sign_in.schema.ts'
import { sessionGrant } from '../sessions/token_grants.ts'
import { HandOver, HandOverRedemption, NewHandOver, SignUpReceipt } from './hand_overs.schema.ts'
import { createHandOver, exchangeReceipt, type HandOverDeps, redeemHandOver } from './hand_overs.ts'

const { post } = createRoutes<never, never, KernelTables>()
const open = contextRoutes<CookieContext>({ access: 'public', cookies: true })

export function handOverRoutes(deps: HandOverDeps): Route[] {
  return [
    post('/api/hand-overs', {
      access: 'member',
      summary: 'Go to another one of your tenants, without a password',
      description: 'By a session cookie only. The page of the other tenant makes the challenge.',
      audit: 'hand_overs.create',
      body: NewHandOver,
      reply: HandOver,
      handle: (ctx, { body }) => createHandOver(deps, ctx, body),
    }),
    open('POST', '/api/hand-over-redemptions', {
      bodyLimit: CREDENTIALS_BODY_BYTES,
      summary: 'Open a session with the code of a hand-over',
      body: HandOverRedemption,
      reply: z.union([SessionGrant, CookieGrant]),
      errors: [401, 403],
      async handle(ctx, { body }) {
        if (body.session === 'cookie') ctx.cookies.assertMayOpen()
        const opened = await redeemHandOver(deps, ctx, body)
        return body.session === 'cookie'
          ? giveCookie(deps, ctx, opened)
          : sessionGrant(deps, ctx, opened)
      },
    }),
    post('/api/sign-up-receipts', {
      access: 'base',
      summary: 'Go to the tenant that was just created, without a password',
      bodyLimit: CREDENTIALS_BODY_BYTES,
      body: SignUpReceipt,
      reply: HandOver,
      handle: (ctx, { body }) => exchangeReceipt(deps, ctx, body),
    }),
  ]
}
