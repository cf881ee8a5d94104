import { z } from 'zod'

/** BASE64URL(SHA-256(verifier)), as in PKCE (RFC 7636, 4.2). */
const Challenge = z.string().regex(/^[\w-]{43}$/, 'must be a challenge of 43 characters')

// Visible ASCII, as browsers encode paths. One slash: they read `//host` and `/\host` as another origin.
const LOCAL_PATH = /^\/([!-.0-[\]-~][!-[\]-~]*)?$/

export const NewChallenge = z
  .strictObject({
    from: z.string().min(1).max(63).meta({
      description:
        'Where the person is signed in: the subdomain of a tenant, or `sign-up`. A code from elsewhere is refused',
    }),
    next: z
      .string()
      .max(1000)
      .regex(LOCAL_PATH, 'must be a path of this site')
      .default('/console')
      .meta({ description: 'Where the browser goes once it is signed in' }),
  })
  .meta({ id: 'NewHandOverChallenge' })

export const HandOverChallenge = z
  .object({ challenge: z.string().meta({ description: 'What the page there needs' }) })
  .meta({ id: 'HandOverChallenge' })

export const NewHandOver = z
  .strictObject({
    to: z.uuid().meta({ description: 'The tenant to go to' }),
    challenge: Challenge.meta({ description: 'What the page there has got' }),
    domain: z.string().max(253).optional().meta({
      description: 'The custom domain of that tenant to go to. Without it, its subdomain',
    }),
  })
  .meta({ id: 'NewHandOver' })

/** What a browser says about a request, and no script can (Fetch Metadata). */
export const Navigation = z.object({
  'sec-fetch-mode': z.string().max(20).optional(),
  'sec-fetch-dest': z.string().max(20).optional(),
})

export const HandOverRedemption = z.strictObject({
  code: z.string().min(1).max(512).meta({ description: 'The code of the hand-over' }),
})

/** A browser that navigates gets a page instead of a problem. */
export const Accepted = z.object({ accept: z.string().max(1000).optional() })

export const HandOver = z
  .object({ url: z.string().meta({ description: 'Where the browser goes, with a code' }) })
  .meta({ id: 'HandOver' })

export const SignUpReceipt = z
  .strictObject({
    to: z.uuid().meta({ description: 'The new tenant' }),
    receipt: z.string().min(1).max(512),
    challenge: Challenge,
  })
  .meta({ id: 'SignUpReceipt' })
