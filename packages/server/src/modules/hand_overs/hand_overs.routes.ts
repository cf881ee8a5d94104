import type { CookieContext } from '../../access/credentials/cookie_exchange.ts'
import { assertNavigated } from '../../access/credentials/same_origin.ts'
import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import { redirect } from '../../app/replies.ts'
import { contextRoutes, createRoutes, type Route } from '../../app/route.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError } from '../../lib/errors.ts'
import { giveCookie } from '../sessions/browser_sessions.ts'
import {
  Accepted,
  HandOver,
  HandOverChallenge,
  HandOverRedemption,
  Navigation,
  NewChallenge,
  NewHandOver,
  SignUpReceipt,
} from './hand_overs.schema.ts'
import {
  beginHandOver,
  createHandOver,
  exchangeReceipt,
  type HandOverDeps,
  redeemHandOver,
} from './hand_overs.ts'

const { post } = createRoutes<never, never, KernelTables>()
const open = contextRoutes<CookieContext>({ access: 'public', cookies: true })

export function handOverRoutes(deps: HandOverDeps): Route[] {
  return [
    open('POST', '/api/hand-over-challenges', {
      summary: 'Begin to come from another one of your tenants',
      description:
        'The browser keeps the verifier of the challenge in a cookie that no script can read.',
      body: NewChallenge,
      reply: HandOverChallenge,
      errors: [403],
      handle: (ctx, { body }) => beginHandOver(ctx, body),
    }),
    post('/api/hand-overs', {
      access: 'member',
      summary: 'Go to another one of your tenants, or to its custom domain, without a password',
      description: 'By the form of a page and a session cookie only: no script gets the code.',
      audit: 'hand_overs.create',
      media: 'form',
      headers: Navigation,
      body: NewHandOver,
      reply: redirect(),
      handle: (ctx, { headers, body }) =>
        createHandOver(deps, ctx, body, () => assertNavigated(headers)),
    }),
    open('GET', '/api/hand-over-redemptions', {
      summary: 'Open a session with the code of a hand-over',
      description:
        'Leads to where the browser wanted to go, and where it fails a browser to /auth/switch.',
      headers: Accepted,
      query: HandOverRedemption,
      reply: redirect(),
      errors: [403],
      handle: (ctx, { headers, query }) =>
        orFailedPage(headers.accept, async () => {
          const { opened, next } = await redeemHandOver(deps, ctx, query.code)
          giveCookie(deps, ctx, opened)
          return next
        }),
    }),
    post('/api/sign-up-receipts', {
      access: 'base',
      summary: 'Go to the tenant that was just created, without a password',
      bodyLimit: CREDENTIALS_BODY_BYTES,
      body: SignUpReceipt,
      reply: HandOver,
      async handle(ctx, { body }) {
        const { href: url } = await exchangeReceipt(deps, ctx, body)
        return { url }
      },
    }),
  ]
}

async function orFailedPage(
  accept: string | undefined,
  work: () => Promise<string>,
): Promise<string> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AppError) || accept?.includes('text/html') !== true) throw error
    return `/auth/switch?${new URLSearchParams({ problem: error.code })}`
  }
}
