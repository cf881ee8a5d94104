import { z } from 'zod'

// Bounds the work of hashing. The rules for new passwords are in access/password_rules.ts.
const givenPassword = z.string().min(1).max(1024)
const email = z.string().min(1).max(320)

/** RFC 6749, 4.3.2: the password grant as a form. Unknown fields are ignored. */
export const PasswordGrant = z
  .object({
    grant_type: z.literal('password').optional(),
    username: email,
    password: givenPassword,
    scope: z.string().max(1000).optional(),
  })
  .meta({ id: 'PasswordGrant' })

export const Credentials = z
  .strictObject({
    email,
    password: givenPassword,
    email_code: z.string().min(1).max(32).optional().meta({
      description: 'The code of a mail, after 403 email.unverified: it verifies the address',
    }),
    session: z.enum(['tokens', 'cookie']).optional().meta({
      description: 'What the client gets: tokens (the default), or a cookie for a browser',
    }),
  })
  .meta({ id: 'Credentials' })

/** The seed's query parameters. They still work, but proxies write them into access logs. */
export const DeprecatedCredentials = z.object({
  email: email.optional().meta({ deprecated: true, description: 'Send it in the body instead' }),
  password: givenPassword
    .optional()
    .meta({ deprecated: true, description: 'Send it in the body instead' }),
})

const access = {
  access_token: z.string(),
  token_type: z.literal('bearer'),
  expires_in: z.int().meta({ description: 'Life of the access token, in seconds' }),
}

export const AccessGrant = z
  .object({
    ...access,
    roles: z.array(z.string()),
    tenant: z.string().meta({ description: "The tenant's subdomain" }),
  })
  .meta({ id: 'AccessGrant' })

export const SessionGrant = z
  .object({
    ...access,
    refresh_token: z.string(),
    roles: z.array(z.string()),
    tenant: z.string().meta({ description: "The tenant's subdomain" }),
  })
  .meta({ id: 'SessionGrant' })

/** The reply to a sign-in with a cookie. It holds no token: JavaScript must not be able to read one. */
export const CookieGrant = z
  .object({
    expires_in: z.int().meta({ description: 'Life of the session, in seconds' }),
    roles: z.array(z.string()),
    tenant: z.string().meta({ description: "The tenant's subdomain" }),
  })
  .meta({ id: 'CookieGrant' })

export const RefreshToken = z
  .strictObject({ refresh_token: z.string().min(1).max(4096) })
  .meta({ id: 'RefreshToken' })

export const TokenPair = z
  .object({ ...access, refresh_token: z.string() })
  .meta({ id: 'TokenPair' })

export const Me = z
  .object({
    id: z.uuid(),
    user_name: z.string(),
    user_email: z.string(),
    tenant_name: z.string(),
    sign_in_origin: z.string().nullable().meta({
      description: 'Where you can change your account, if you are at a custom domain. Null: here',
    }),
    roles: z.array(z.string()),
    permissions: z.array(z.string()),
  })
  .meta({ id: 'Me' })
