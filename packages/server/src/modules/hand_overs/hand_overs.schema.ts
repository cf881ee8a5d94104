import { z } from 'zod'

/** BASE64URL(SHA-256(verifier)), as in PKCE (RFC 7636, 4.2). */
const Challenge = z.string().regex(/^[\w-]{43}$/, 'must be a challenge of 43 characters')

export const NewHandOver = z
  .strictObject({
    to: z.uuid().meta({ description: 'The tenant to go to' }),
    challenge: Challenge.meta({ description: 'BASE64URL(SHA-256(verifier)) of the page there' }),
  })
  .meta({ id: 'NewHandOver' })

export const HandOver = z
  .object({ url: z.string().meta({ description: 'The page there, with a code in the fragment' }) })
  .meta({ id: 'HandOver' })

export const HandOverRedemption = z
  .strictObject({
    code: z.string().min(1).max(512),
    verifier: z.string().regex(/^[\w.~-]{43,128}$/, 'must be 43 to 128 characters'),
    from: z.string().max(63).optional().meta({
      description:
        'Where the page began: the subdomain of a tenant, or `sign-up`. A code from elsewhere is refused',
    }),
    session: z.enum(['tokens', 'cookie']).optional(),
  })
  .meta({ id: 'HandOverRedemption' })

export const SignUpReceipt = z
  .strictObject({
    to: z.uuid().meta({ description: 'The new tenant' }),
    receipt: z.string().min(1).max(512),
    challenge: Challenge,
  })
  .meta({ id: 'SignUpReceipt' })
