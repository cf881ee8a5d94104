import type { CookieContext } from '../../access/credentials/cookie_exchange.ts'
import { CREDENTIALS_BODY_BYTES } from '../../access/sign_in_limits.ts'
import type { PersonContext } from '../../app/context.ts'
import { contextRoutes, type Route } from '../../app/route.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AddressToken, NewAddress, VerifiedAddress } from './email_changes.schema.ts'
import {
  type AddressDeps,
  changeByToken,
  requestChange,
  requestVerification,
  verifyByToken,
} from './email_changes.ts'

const write = contextRoutes<PersonContext<KernelTables>>({ access: 'member', person: true })
const open = contextRoutes<CookieContext>({ access: 'public', cookies: true })

export function emailChangeRoutes(deps: AddressDeps): Route[] {
  return [
    write('POST', '/api/account/email-verification', {
      summary: 'Mail a link that verifies your e-mail address',
      audit: 'users.email_verify_request',
      status: 202,
      errors: [409, 429],
      handle: (ctx) => requestVerification(deps, ctx),
    }),
    open('POST', '/api/email-verifications', {
      bodyLimit: CREDENTIALS_BODY_BYTES,
      revokes: true,
      summary: 'Verify an e-mail address with the token of a mail',
      body: AddressToken,
      reply: VerifiedAddress,
      errors: [403],
      handle: (ctx, { body }) => verifyByToken(deps, ctx, body.token),
    }),
    write('PUT', '/api/account/email', {
      summary: 'Ask for another e-mail address, which counts once it is proven',
      audit: 'users.email_change_request',
      bodyLimit: CREDENTIALS_BODY_BYTES,
      single: false,
      body: NewAddress,
      status: 202,
      errors: [429],
      handle: (ctx, { body }) => requestChange(deps, ctx, body),
    }),
    open('POST', '/api/email-changes', {
      bodyLimit: CREDENTIALS_BODY_BYTES,
      summary: 'Change your e-mail address with the token of a mail, and end all your sessions',
      revokes: true,
      body: AddressToken,
      reply: VerifiedAddress,
      errors: [403, 409],
      handle: (ctx, { body }) => changeByToken(deps, ctx, body.token),
    }),
  ]
}
